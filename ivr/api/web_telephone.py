"""The control API's part about browser telephones: an operator's page asks for the password of its telephone."""

import contextlib
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.controller.connection import Connection
from ivr.controller.controller import Controller
from ivr.model.endpoints import web_endpoint
from ivr.telephones import replacements
from ivr.telephones.web_credentials import WebCredentialError

router = make_router("operators", "/operators/{operator}/web_telephone")

OperatorId = Annotated[str, Path(alias="operator", max_length=20, description="The operator's id.")]


class WebTelephoneRequest(models.Request):
    """A sign-in that wants to be the operator's telephone."""

    holder: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="A mark of the sign-in, always the same for it. It is not a secret, and must not be made of one.",
    )
    lasts_s: int = Field(
        43200, ge=60, le=86400, description="Seconds for which a new password is valid; no longer than the sign-in."
    )
    take: bool = Field(False, description="Take the telephone away from another sign-in that has it.")


class WebTelephone(BaseModel):
    """The settings with which a browser registers as an operator's telephone."""

    endpoint: str = Field(description="The SIP user of the telephone.")
    user: str = Field(description="The user name that belongs to the password.")
    password: str
    expires: float = Field(description="When the password ends.")


class WebTelephoneEnded(BaseModel):
    """The operator whose browser telephone has no password any more."""

    operator: str


@router.post("", responses=documented(404, 409, 503))
async def give_web_telephone(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, body: WebTelephoneRequest
) -> WebTelephone:
    """Return the password of an operator's browser telephone, valid for this sign-in only.

    The same sign-in gets the same password while most of its time is left. 409 (`telephone_in_use`) if another sign-in
    has the telephone, unless `take` is set.
    """
    connection = _connection(controller, operator_id)
    credentials = connection.web_credentials
    try:
        before = await credentials.read(operator_id)
        other = before is not None and before.holder != body.holder
        if other and not body.take and controller.presence.web_contacts(operator_id):
            raise ApiError(409, "This telephone is open on another computer.", "telephone_in_use")
        given = await credentials.give(operator_id, body.holder, body.lasts_s)
    except (LinkLost, TimeoutError, WebCredentialError):
        raise ApiError(503, "Asterisk does not answer; try again.") from None
    if other:
        await _notify(connection, operator_id)
    if given != before:
        audit(controller, actor, "web_telephone_given", f"operator:{operator_id}", taken=other)
    return WebTelephone(
        endpoint=web_endpoint(operator_id), user=given.user, password=given.password, expires=given.expires
    )


@router.delete("", responses=documented(404, 503))
async def end_web_telephone(
    controller: ControllerDep,
    actor: Actor,
    operator_id: OperatorId,
    holder: Annotated[
        str | None, Query(max_length=40, description="Only if this sign-in has it; otherwise nothing is done.")
    ] = None,
) -> WebTelephoneEnded:
    """End an operator's browser telephone: at sign-out. A call that is up goes on."""
    connection = _connection(controller, operator_id)
    try:
        present = await connection.web_credentials.read(operator_id)
        if holder is not None and (present is None or present.holder != holder):
            return WebTelephoneEnded(operator=operator_id)
        await connection.web_credentials.revoke(operator_id)
    except (LinkLost, TimeoutError, WebCredentialError):
        raise ApiError(503, "Asterisk does not answer; try again.") from None
    await _notify(connection, operator_id)
    for contact in controller.presence.web_contacts(operator_id):
        await replacements.remove(connection.services.link, web_endpoint(operator_id), contact)
    audit(controller, actor, "web_telephone_ended", f"operator:{operator_id}")
    return WebTelephoneEnded(operator=operator_id)


async def _notify(connection: Connection, operator_id: str) -> None:
    """Tell a page that its password is no longer valid: it would notice when it registers again, within a minute."""
    with contextlib.suppress(LinkLost):
        await connection.services.link.send(operations.send_message(web_endpoint(operator_id), "sip:hatif", "register"))


def _connection(controller: Controller, operator_id: str) -> Connection:
    """Return the connection to Asterisk. Raises ApiError: no such operator, no browser telephones, no connection."""
    if operator_id not in (entry.id for entry in controller.operators):
        raise ApiError(404, f"There is no operator {operator_id!r}; `hatif operators` lists them.")
    if not controller.site.desk.enabled:
        raise ApiError(404, "This site has no browser telephones: write enabled = true in [desk] of site.toml.")
    return connected(controller)[0]
