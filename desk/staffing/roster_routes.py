"""The roster: a calendar with its gaps for supervisors, one's own shifts for operators, and swaps between them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from db import swaps
from db.enums import SwapState
from db.swaps import Swap
from desk.context import Desk, DeskDep, part
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn, SupervisorDep
from desk.staffing import releasing
from desk.staffing.roster import SUPERVISORS, Day, NoRosterError, Rosters, Shift
from reports import words as report_words
from routing.hours import format_end

router = APIRouter()

RostersDep = Annotated[Rosters, part("rosters")]

SHOWN = 14
"""Days from today on that operators see."""

_WEEK = timedelta(days=7)
_EARLIEST, _LATEST = date(2000, 1, 10), date(2098, 12, 1)

STATES = {
    SwapState.ASKED: N_("waits for the colleague"),
    SwapState.AGREED: N_("waits for a supervisor"),
    SwapState.DECLINED: N_("the colleague declined"),
    SwapState.RELEASED: N_("released"),
    SwapState.REFUSED: N_("refused by a supervisor"),
    SwapState.WITHDRAWN: N_("withdrawn"),
}

_NOT_POSSIBLE = N_("That is not possible any more; look at the page again.")
_NO_SHIFT = N_("This shift is not in the roster any more.")
_TWICE = N_("You have asked for a swap of this shift already.")
_NO_COLLEAGUE = N_("Choose a colleague.")
_OVER = N_("This shift has begun; a swap is not possible any more.")

Begins = Annotated[str, Form(max_length=40)]


@router.get("/staffing/roster")
async def calendar(
    request: Request, desk: DeskDep, rosters: RostersDep, signed_in: SupervisorDep, week: str = "", released: str = ""
) -> Response:
    """Show a week of the roster with its uncovered hours, and the swaps that wait for a supervisor."""
    today = _today(desk)
    monday = _monday(week, today)
    days, problem = await _read(rosters, monday, 7, desk.now())
    words = report_words.load(desk.pages.language_of(request).code)
    names = {shift.operator: shift.name for day in days for shift in day.shifts}
    waiting = await swaps.in_states(desk.engine, [SwapState.AGREED], desk.now())
    return desk.pages.respond(
        request, "staffing/calendar.html", days=days, problem=problem, words=words, today=today, names=names,
        people=sorted(names, key=lambda identity: (names[identity], identity)), before=monday - _WEEK,
        after=monday + _WEEK, period=words.days(monday, monday + timedelta(days=6)), supervisors=SUPERVISORS,
        spans={day.day: _spans(day, desk) for day in days}, gaps=_gaps(days, desk), waiting=waiting,
        zone=ZoneInfo(desk.settings.timezone), was_released=released == "before",
    )  # fmt: skip


@router.post("/staffing/swaps/{swap}/release")
async def release(desk: DeskDep, rosters: RostersDep, signed_in: SupervisorDep, swap: UUID) -> Response:
    """Release a swap: the colleague has the shift from now on, in the site's roster. Idempotent."""
    found = await _find(desk, swap)
    if found.begins <= desk.now():
        raise DeskError(409, _OVER)
    now, person = desk.now(), signed_in.person
    rosters.forget()
    day = found.begins.astimezone(ZoneInfo(desk.settings.timezone)).date()
    days, _ = await _read(rosters, day, 1, now)
    shifts = [shift for each in days for shift in each.shifts]
    if releasing.has_swap(shifts, found):  # a release that got no answer was made after all
        moved = await swaps.move(desk.engine, swap, SwapState.AGREED, SwapState.RELEASED, person.id, now)
        return _done(moved, "/staffing/roster?released=before")
    if not any(releasing.is_of(shift, found) for shift in shifts):
        raise DeskError(409, _NO_SHIFT)
    # First, so that a second supervisor does not write it as well; taken back if the roster cannot be changed.
    if not await swaps.move(desk.engine, swap, SwapState.AGREED, SwapState.RELEASED, person.id, now, noted=False):
        raise DeskError(409, _NOT_POSSIBLE)
    try:
        await releasing.write(desk, person, found)
    except Exception:
        await swaps.move(desk.engine, swap, SwapState.RELEASED, SwapState.AGREED, found.by, found.changed, noted=False)
        raise
    finally:
        rosters.forget()
    await swaps.note(desk.engine, swap, SwapState.RELEASED, person.id, now)
    return RedirectResponse("/staffing/roster", 303)


@router.post("/staffing/swaps/{swap}/refuse")
async def refuse(
    desk: DeskDep, signed_in: SupervisorDep, swap: UUID, reason: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Refuse a swap."""
    moved = await swaps.move(
        desk.engine, swap, SwapState.AGREED, SwapState.REFUSED, signed_in.person.id, desk.now(),
        reason=" ".join(reason.split()) or None,
    )  # fmt: skip
    return _done(moved, "/staffing/roster")


@router.get("/roster")
async def own(request: Request, desk: DeskDep, rosters: RostersDep, signed_in: OperatorDep) -> Response:
    """Show an operator's next shifts, and their swaps."""
    days, problem = await _read(rosters, _today(desk), SHOWN, desk.now())
    names = {shift.operator: shift.name for day in days for shift in day.shifts}
    mine = _shifts_of(days, signed_in.operator, desk.now())
    found = await swaps.of_operator(desk.engine, signed_in.operator, desk.now())
    swapped = {swap.begins for swap in found if swap.operator == signed_in.operator and swap.state in swaps.OPEN}
    return desk.pages.respond(
        request, "staffing/own.html", shifts=mine, problem=problem, me=signed_in.operator, names=names, swaps=found,
        swapped=swapped, states=STATES, words=report_words.load(desk.pages.language_of(request).code),
        colleagues=sorted((name, code) for code, name in names.items() if code != signed_in.operator),
        zone=ZoneInfo(desk.settings.timezone),
    )  # fmt: skip


@router.post("/roster/swaps")
async def ask(
    desk: DeskDep,
    rosters: RostersDep,
    signed_in: OperatorDep,
    begins: Begins,
    colleague: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Ask a colleague to take a shift."""
    days, _ = await _read(rosters, _today(desk), SHOWN, desk.now())
    shift = next(
        (shift for shift in _shifts_of(days, signed_in.operator, desk.now()) if shift.begins.isoformat() == begins),
        None,
    )
    if shift is None:
        raise DeskError(409, _NO_SHIFT)
    if colleague == signed_in.operator or colleague not in {other.operator for day in days for other in day.shifts}:
        raise DeskError(422, _NO_COLLEAGUE)
    if shift.begins <= desk.now():
        raise DeskError(409, _OVER)
    who = signed_in.person.id
    if not await swaps.ask(desk.engine, signed_in.operator, colleague, shift.begins, shift.ends, who, desk.now()):
        raise DeskError(409, _TWICE)
    return RedirectResponse("/roster", 303)


@router.post("/roster/swaps/{swap}/agree")
async def agree(desk: DeskDep, signed_in: OperatorDep, swap: UUID) -> Response:
    """Agree to take a colleague's shift."""
    return await _answer(desk, signed_in, swap, SwapState.ASKED, SwapState.AGREED, colleague=signed_in.operator)


@router.post("/roster/swaps/{swap}/decline")
async def decline(desk: DeskDep, signed_in: OperatorDep, swap: UUID) -> Response:
    """Decline to take a colleague's shift."""
    return await _answer(desk, signed_in, swap, SwapState.ASKED, SwapState.DECLINED, colleague=signed_in.operator)


@router.post("/roster/swaps/{swap}/withdraw")
async def withdraw(desk: DeskDep, signed_in: OperatorDep, swap: UUID) -> Response:
    """Withdraw a swap that one has asked for."""
    found = await _find(desk, swap)
    return await _answer(
        desk, signed_in, swap, SwapState(found.state) if found.state in swaps.OPEN else SwapState.ASKED,
        SwapState.WITHDRAWN, operator=signed_in.operator,
    )  # fmt: skip


async def _answer(
    desk: Desk,
    signed_in: SignedIn,
    swap: UUID,
    before: SwapState,
    after: SwapState,
    *,
    operator: str | None = None,
    colleague: str | None = None,
) -> Response:
    who, now = signed_in.person.id, desk.now()
    moved = await swaps.move(desk.engine, swap, before, after, who, now, operator=operator, colleague=colleague)
    return _done(moved, "/roster")


def _done(moved: bool, page: str) -> Response:
    if not moved:
        raise DeskError(409, _NOT_POSSIBLE)
    return RedirectResponse(page, 303)


async def _find(desk: Desk, swap: UUID) -> Swap:
    found = await swaps.find(desk.engine, swap)
    if found is None:
        raise DeskError(404, _NOT_POSSIBLE)
    return found


async def _read(rosters: Rosters, first: date, days: int, now: datetime) -> tuple[list[Day], str | None]:
    """Return some days of the roster, or a sentence that says why there are none."""
    try:
        return await rosters.read(first, days, now), None
    except NoRosterError as error:
        return [], str(error)


def _shifts_of(days: Sequence[Day], operator: str, now: datetime) -> list[Shift]:
    """Return an operator's shifts that are not over; one over midnight is in two days."""
    found = {shift.begins: shift for day in days for shift in day.shifts if shift.operator == operator}
    return [found[begins] for begins in sorted(found) if found[begins].ends > now]


def _spans(day: Day, desk: Desk) -> Mapping[str, list[str]]:
    """Return each operator's times of a day as text."""
    zone, found = ZoneInfo(desk.settings.timezone), dict[str, list[str]]()
    for shift in day.shifts:
        begins, ends = shift.begins.astimezone(zone), shift.ends.astimezone(zone)
        if begins.date() == day.day:
            found.setdefault(shift.operator, []).append(f"{begins:%H:%M}–{format_end(ends)}")
    return found


def _gaps(days: Sequence[Day], desk: Desk) -> Mapping[str, Mapping[date, list[str]]]:
    """Return the uncovered times by language, or supervisors, and day."""
    zone, found = ZoneInfo(desk.settings.timezone), dict[str, dict[date, list[str]]]()
    for day in days:
        for group, spans in day.uncovered.items():
            times = [f"{begins.astimezone(zone):%H:%M}–{format_end(ends.astimezone(zone))}" for begins, ends in spans]
            found.setdefault(group, {})[day.day] = times
    return found


def _today(desk: Desk) -> date:
    return desk.now().astimezone(ZoneInfo(desk.settings.timezone)).date()


def _monday(week: str, today: date) -> date:
    """Return the Monday of a week that an address names; of this week, if it names none."""
    try:
        day = date.fromisoformat(week[:10]) if week else today
    except ValueError:
        day = today
    day = min(max(day, _EARLIEST), _LATEST)
    return day - timedelta(days=day.weekday())
