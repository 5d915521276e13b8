"""The operator's page, and the changes of their own state."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from db.engine import DatabaseError
from desk.context import DeskDep, part
from desk.control import ControlError
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep
from desk.shift import telephone
from desk.shift.day import Days
from office.endings import note_ending

router = APIRouter(prefix="/shift")

DaysDep = Annotated[Days, part("days")]

_NO_WRAP_UP = N_("You are not wrapping up any more.")
_NO_ENDING = N_("Choose how the call ended.")
_ENDING_LOST = N_("You are ready. How the call ended could not be kept: the database does not answer.")
_LONGEST = N_("Wrapping up cannot be extended any further.")


@router.get("")
async def page(request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep) -> Response:
    """Show the operator's page."""
    language = desk.pages.language_of(request)
    parts = hub.current(language, signed_in.operator)
    site = hub.picture.site
    return desk.pages.respond(
        request,
        "shift/shift.html",
        parts=parts,
        now=desk.now().timestamp(),
        **telephone.page_values(desk, language, hub.picture, signed_in.operator, "ready"),
        site_languages=site.languages,
        topics=site.topics,
    )


@router.get("/day")
async def day(request: Request, desk: DeskDep, days: DaysDep, signed_in: OperatorDep) -> Response:
    """Show the operator's day in figures."""
    try:
        found = await days.of(signed_in.operator, desk.now())
    except DatabaseError:
        return Response(status_code=204)  # the page asks by itself, and again in a minute
    return desk.pages.respond(request, "shift/day.html", day=found)


@router.post("/state")
async def change_state(
    desk: DeskDep,
    signed_in: OperatorDep,
    state: Annotated[Literal["ready", "paused", "away"], Form()],
    reason: Annotated[str, Form(max_length=30, pattern=r"^[a-z0-9_]*$")] = "",
) -> Response:
    """Become ready, paused or away; during a call that happens at its end."""
    await desk.control.ask("POST", _own(signed_in, "state"), signed_in.person.id, {"state": state, "reason": reason})
    return Response(status_code=204)


@router.post("/wrap-up")
async def change_wrap_up(
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    change: Annotated[Literal["end", "more"], Form()],
    ending: Annotated[str, Form(max_length=31)] = "",
) -> Response:
    """End the wrap-up, or extend it. `ending`: how the conversation ended, one of the site's."""
    site, is_kept = hub.picture.site, True
    if change == "end" and ending in site.endings:
        try:
            is_kept = await note_ending(desk.office, signed_in.operator, ending)
        except DatabaseError:
            is_kept = False  # nobody waits for the database to be ready
    elif change == "end" and site.ending_required:
        raise DeskError(409, _NO_ENDING)
    try:
        await desk.control.ask("POST", _own(signed_in, "wrap_up"), signed_in.person.id, {"change": change})
    except ControlError as error:
        if error.status != 409:
            raise
        raise DeskError(409, _LONGEST if error.code == "longest" else _NO_WRAP_UP) from None
    if not is_kept:
        raise DeskError(503, _ENDING_LOST)
    return Response(status_code=204)


def _own(signed_in: OperatorDep, what: str) -> str:
    return f"/operators/{quote(signed_in.operator, safe='')}/{what}"
