"""The control API's part about trying the line: telephones for the desk's page, one for each session."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.asterisk.ari.link import LinkLost
from ivr.controller.connection import Connection
from ivr.controller.controller import Controller
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.telephones.web_credentials import WebCredential, WebCredentialError

router = make_router("try", "/try/telephone")

Holder = Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,40}$", description="The mark of the sign-in.")]


class TryTelephoneRequest(models.Request):
    """A sign-in that wants to call the line from its page."""

    holder: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="A mark of the sign-in, always the same for it. It is not a secret, and must not be made of one.",
    )
    lasts_s: int = Field(900, ge=60, le=7200, description="Seconds for which a new password is valid.")


class TryTelephone(BaseModel):
    """A telephone with which a browser calls the site's numbers. It cannot register, and nobody can call it."""

    endpoint: str = Field(description="The SIP user of the telephone; the events name its call by it.")
    user: str = Field(description="The user name that belongs to the password.")
    password: str
    expires: float = Field(description="When the password ends. A call that is up goes on.")


class TryTelephoneEnded(BaseModel):
    """The telephone whose password is no longer valid; null if the sign-in had none."""

    endpoint: str | None


@router.post("", responses=documented(404, 503))
async def give_try_telephone(controller: ControllerDep, actor: Actor, body: TryTelephoneRequest) -> TryTelephone:
    """Return a telephone that can dial the site's numbers and nothing else, for one call at a time.

    The same sign-in gets the same one while no other needs it. 503 (`all_in_use`) while all of them are in calls.
    """
    connection = _connection(controller)
    credentials = connection.try_credentials
    try:
        async with credentials.choosing:
            held = {name: await credentials.read(name) for name in TRY_TELEPHONES}
            name = _of(held, body.holder) or _free(held, {call.try_telephone for call in connection.calls})
            if name is None:
                what = f"All {len(held)} telephones that try the line are in a call; try again in some minutes."
                raise ApiError(503, what, "all_in_use")
            given = await credentials.give(name, body.holder, body.lasts_s)
    except (LinkLost, TimeoutError, WebCredentialError):
        raise ApiError(503, "Asterisk does not answer; try again.") from None
    if given != held[name]:
        audit(controller, actor, "try_telephone_given", f"telephone:{name}")
    return TryTelephone(endpoint=name, user=given.user, password=given.password, expires=given.expires)


@router.delete("", responses=documented(404, 503))
async def end_try_telephone(controller: ControllerDep, actor: Actor, holder: Holder) -> TryTelephoneEnded:
    """End a sign-in's telephone, so that another one can have it. A call that is up goes on."""
    credentials = _connection(controller).try_credentials
    try:
        async with credentials.choosing:
            name = _of({name: await credentials.read(name) for name in TRY_TELEPHONES}, holder)
            if name is not None:
                await credentials.revoke(name)
                audit(controller, actor, "try_telephone_ended", f"telephone:{name}")
    except (LinkLost, TimeoutError, WebCredentialError):
        raise ApiError(503, "Asterisk does not answer; try again.") from None
    return TryTelephoneEnded(endpoint=name)


def _of(held: dict[str, WebCredential | None], holder: str) -> str | None:
    return next((name for name, found in held.items() if found is not None and found.holder == holder), None)


def _free(held: dict[str, WebCredential | None], in_calls: Collection[str | None]) -> str | None:
    """Return a telephone that nobody has, else the one that has been without a call for longest: its page is closed, or
    asks for another one before its next call."""
    idle = [name for name in held if name not in in_calls]
    return min(idle, key=lambda name: found.expires if (found := held[name]) is not None else 0, default=None)


def _connection(controller: Controller) -> Connection:
    """Return the connection to Asterisk. Raises ApiError: the site has no such page, no connection."""
    if not controller.site.desk.has_try:
        raise ApiError(404, "On this site nobody can try the line: write try = true in [desk] of site.toml.")
    return connected(controller)[0]
