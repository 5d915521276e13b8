"""How an operator gets in: their account at the desk, and the password of their telephone."""

from typing import Any

import structlog
from fastapi import APIRouter, Response

from desk.page.texts import N_
from desk.people import accounts, links
from desk.people.accounts import AccountError
from desk.people.qr import qr_svg
from desk.site.changing import RefusedError
from desk.site.operator_routes import OperatorId, again, find, page_of
from desk.site.routes import RoomDep

log = structlog.get_logger()

router = APIRouter(prefix="/site/operators/{operator}")

TELEPHONE_S = 60.0
"""Seconds within which the line gives a telephone its new password."""

_DISABLED = N_("The account is disabled; enable it first.")
_NONE = N_("This operator has no account yet; a one-time link makes it.")


@router.post("/link")
async def link(room: RoomDep, operator: OperatorId) -> Response:
    """Make a one-time link with which an operator signs in and chooses a password; their account, if need be."""
    try:
        found = await find(room, operator)
        now = room.desk.now()
        by = room.person.id
        await accounts.ensure_operator(room.desk.engine, operator, found.name, found.supervisor, now, by=by)
    except RefusedError as error:
        return await again(room, operator, str(error))
    except AccountError:
        return await again(room, operator, room.text(_DISABLED))
    url = f"{room.desk.settings.url}/link/{await links.make_link(room.desk.engine, operator, now, by)}"
    log.info("one-time link made", account=operator, by=by)
    minutes = int(links.VALID.total_seconds() / 60)
    return await page_of(room, operator, link={"url": url, "picture": qr_svg(url), "minutes": minutes})


@router.post("/disable")
async def disable(room: RoomDep, operator: OperatorId) -> Response:
    """Disable an operator's account, which signs them out everywhere."""
    return await _set_disabled(room, operator, True)


@router.post("/enable")
async def enable(room: RoomDep, operator: OperatorId) -> Response:
    """Enable an operator's account again."""
    return await _set_disabled(room, operator, False)


@router.post("/telephone")
async def telephone(room: RoomDep, operator: OperatorId) -> Response:
    """Give an operator's telephone a new password, and show what to enter in it, once."""
    try:
        path = f"/operators/{operator}/telephone_password"
        given: dict[str, Any] = await room.ask("POST", path, patience_s=TELEPHONE_S)
        return await page_of(room, operator, telephone=given)
    except RefusedError as error:
        return await again(room, operator, str(error))


async def _set_disabled(room: RoomDep, operator: str, disabled: bool) -> Response:
    try:
        await accounts.set_disabled(room.desk.engine, operator, disabled, room.desk.now(), by=room.person.id)
        room.request.app.state.sessions.forget()
        log.info("account disabled" if disabled else "account enabled", account=operator, by=room.person.id)
        return await page_of(room, operator)
    except AccountError:
        return await again(room, operator, room.text(_NONE))
    except RefusedError as error:
        return await again(room, operator, str(error))
