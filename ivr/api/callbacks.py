"""The control API's part about call-backs: asking the line to call somebody. It is in the audit.

Requests are listed, taken over and cancelled in the office (`office.callbacks`).
"""

from dataclasses import replace
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from db.callback_requests import CallbackRequest
from db.callback_states import AT_WORK, RequestEvent, advance
from db.enums import CallbackKind, CallbackState
from db.ids import uuid7
from db.references import is_valid, normalize
from ivr.api import models
from ivr.api.context import Actor, ControllerDep
from ivr.api.problems import ApiError, confirmed, documented, present
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.model import clock
from ivr.model.e164 import country_of, normalise
from ivr.records.callback_records import record_audit, record_request
from ivr.site import callback_rules
from ivr.site.callback_numbers import refusal

router = make_router("callbacks", "/callbacks")

CallbackId = Annotated[
    str, Path(alias="callback", max_length=40, description="The id of the call-back request, or how it begins.")
]


class NewCallback(models.Request):
    """A person to be called."""

    number: str = Field(max_length=40, description="Such as +33612345678.")
    language: str | None = Field(None, max_length=3, description="Absent: the likeliest of the number's country.")
    topic: str | None = Field(None, max_length=31, pattern=r"^[a-z][a-z0-9_]*$")
    operator: str | None = Field(None, max_length=20, description="The operator who is rung, and nobody else.")
    case: str | None = Field(None, max_length=20, description="The reference of the case that it is about.")


class CallbackCaller(models.Request):
    """The operator who wants to call for a call-back request."""

    operator: str = Field(max_length=20, description="The operator who is rung, and nobody else.")


class CallbackAdded(BaseModel):
    """The new call-back request."""

    id: str


@router.post("", status_code=201, responses=documented(409, 503))
async def add(controller: ControllerDep, actor: Actor, new: NewCallback) -> CallbackAdded:
    """Add a call-back request for somebody; it is due at once."""
    site = controller.site
    number = normalise(new.number) or new.number.strip()
    language = new.language or site.language_order(country_of(number))[0]
    if (why := refusal(number, site)) is not None:
        raise ApiError(422, f"{number!r} {callback_rules.EXPLANATIONS[why]}.", why.value)
    if language not in site.languages:
        raise ApiError(422, f"{language!r} is not a language of this site; it has {', '.join(site.languages)}.")
    if new.case is not None and not is_valid(new.case):
        raise ApiError(422, f"{new.case!r} is not a reference of a case.")
    if new.operator is not None:
        _check_operator(controller, new.operator)
        if site.callbacks.trunk is None:
            sentence = "This site calls nobody: `trunk` in [callbacks] of site.toml names no carrier."
            raise ApiError(409, sentence, "no_trunk")
        if (known := await _asked_for(controller, new.operator, number)) is not None:
            return CallbackAdded(id=str(known.id))
    now = clock.now()
    kind = CallbackKind.OPERATOR if new.operator is not None else CallbackKind.CLOSED
    request = CallbackRequest(
        uuid7(), site.node, kind, CallbackState.REQUESTED.value, number, now,
        country=country_of(number), language=language, topic=new.topic, due=now, operator_id=new.operator,
        case_reference=normalize(new.case) if new.case is not None else None,
    )  # fmt: skip
    record_request(controller.recorder, request)
    record_audit(controller.recorder, request, "callback_added", actor, "")
    return CallbackAdded(id=str(request.id))


@router.post("/{callback}/call", responses=documented(404, 409, 503))
async def call(
    controller: ControllerDep, actor: Actor, callback_id: CallbackId, caller: CallbackCaller
) -> CallbackAdded:
    """Let one operator call for a request: they are rung as soon as they are ready, and nobody else is.

    The request is over, and a new one of the kind `operator` takes its place, all or nothing. 409 if somebody else
    has taken it, or the number is being called.
    """
    _check_operator(controller, caller.operator)
    request = await _find(controller, callback_id)
    if request.ended is not None:
        raise ApiError(409, f"That call-back request is over already ({request.state}); `hatif callbacks` shows it.")
    if request.state in AT_WORK:
        raise ApiError(409, f"That number is being called ({request.state}); wait until that is over.")
    if request.kind == CallbackKind.CASE:
        raise ApiError(409, "That request is about a case that has not changed; the line calls by itself.", "automatic")
    if request.kind == CallbackKind.OPERATOR and request.operator_id == caller.operator:
        return CallbackAdded(id=str(request.id))
    if request.kind == CallbackKind.OPERATOR:
        raise ApiError(409, f"{request.operator_id} has taken that call-back request.", "taken")
    now = clock.now()
    over = advance(
        request, RequestEvent.TAKEN, now, operator=caller.operator, reason=f"taken over by {caller.operator}"
    )
    new = replace(
        request, id=uuid7(), kind=CallbackKind.OPERATOR, operator_id=caller.operator, wished=now, due=now,
        waiting_since=now, tries=0, tried=None, first_due=None, dialled_call_id=None, reason=None,
    )  # fmt: skip
    if not confirmed(await controller.repository.replace(request, over, new), controller.repository):
        raise ApiError(409, "Somebody else has just taken that call-back request.", "taken")
    record_audit(controller.recorder, over, "callback_taken", actor, "")
    record_audit(controller.recorder, new, "callback_added", actor, "")
    if controller.connection is not None:
        controller.connection.callbacks.look()
    return CallbackAdded(id=str(new.id))


def _check_operator(controller: Controller, operator: str) -> None:
    if operator not in [entry.id for entry in controller.operators]:
        raise ApiError(422, f"There is no operator {operator!r}; `hatif operators` lists them.")


async def _asked_for(controller: Controller, operator: str, number: str) -> CallbackRequest | None:
    """Return the request that this operator has for a number already: one is enough, however often it is asked for."""
    pending = present(await controller.repository.pending(), controller.repository.why)
    wanted = (CallbackKind.OPERATOR, operator, number)
    return next((row for row in pending if (row.kind, row.operator_id, row.number) == wanted), None)


async def _find(controller: Controller, callback_id: str) -> CallbackRequest:
    return present(await controller.repository.find(callback_id), controller.repository.why)
