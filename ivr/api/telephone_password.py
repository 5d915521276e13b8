"""The control API's part about the password of an operator's telephone."""

import json
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field, ValidationError

from ivr.api.context import Actor, ControllerDep
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.site_changes.programs import ProgramError, run_hatif

router = make_router("operators", "/operators/{operator}/telephone_password")

_LIMIT_S = 45.0

OperatorId = Annotated[str, Path(alias="operator", pattern=r"^[1-9][0-9]{2,7}$", description="The operator's id.")]


class Renewed(BaseModel):
    """Whether a new password is in force."""

    in_force: bool = Field(description="Whether Asterisk has it; otherwise it comes into force when Asterisk starts.")
    removed: int = Field(description="Registrations with the former password that were removed.")


class TelephonePassword(BaseModel):
    """The settings to enter in an operator's telephone."""

    user: str
    password: str
    server: str
    transport: str
    encryption: str | None = Field(None, description="What must be encrypted, for a telephone outside our networks.")
    digits: str
    codecs: str
    renewed: Renewed


@router.post("", responses=documented(404, 503))
async def renew_telephone_password(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId
) -> TelephonePassword:
    """Give an operator's telephone a new password, as `hatif operators phone ID --new` does; takes some seconds.

    The former one is wrong at once; no call is cut off. The audit has `telephone_password`.
    """
    if operator_id not in {entry.id for entry in controller.listed}:
        raise ApiError(404, f"There is no operator {operator_id}.")
    arguments = ("operators", "phone", operator_id, "--new", "--json")
    # The command's audit names whoever has it run by somebody else's rights.
    by = {"SUDO_USER": actor}
    try:
        done = await run_hatif(controller.settings, *arguments, limit_s=_LIMIT_S, environment=by)
    except ProgramError as error:
        raise ApiError(503, str(error)) from None
    try:
        return TelephonePassword.model_validate(json.loads(done.output))
    except (ValueError, ValidationError):
        raise ApiError(503, f"The telephone has no new password: {done.last_words}") from None
