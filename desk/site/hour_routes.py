"""Hours and holidays on a calendar: what is open when, days that are exceptions, and the weekly plans."""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names
from fastapi import APIRouter, Form, Query, Response

from desk.page.texts import N_
from desk.people.names import names_by_actor
from desk.site import hours
from desk.site.changing import RefusedError, Room, typed
from desk.site.holidays import AtOnce, Entry, at_once_of, exceptions
from desk.site.hours import SITE, Found, SpanError
from desk.site.routes import RoomDep
from desk.site.site_toml import FILE, edit_of
from routing.hours import WEEKDAYS, Source

router = APIRouter(prefix="/site/hours")

_EARLIEST, _LATEST = date(2000, 2, 1), date(2099, 11, 30)

_NO_PLAN = N_("The site has no such plan.")
NO_DAY = N_("Choose a day.")
_WRONG = N_("The hours in %(file)s are not right; correct the file first: %(why)s")
_MEANWHILE = N_("Somebody has changed these hours while you were typing. Look at them, and change them again.")
_ALL_CLOSED = N_("Write hours for one day at least.")

Text = Annotated[str, Form(max_length=200)]
Asked = Annotated[str, Query(max_length=40)]


@router.get("")
async def page(room: RoomDep, month: Asked = "", plan: Asked = SITE, day: Asked = "", own: Asked = "") -> Response:
    """Show a month of a plan. `own`: hours of the chosen day that were typed already."""
    return await show(room, month, plan, day, own=own)


@router.post("/day")
async def change_day(
    room: RoomDep, day: Text = "", act: Text = "", own: Text = "", plan: Text = SITE, mark: Text = ""
) -> Response:
    """Make the change that gives a day hours of its own, closes it, or makes it a day like others again."""
    if (chosen := day_of(day)) is None:
        return await show(room, "", plan, "", problem=room.text(NO_DAY), own=own)
    month = day[:7]
    try:
        site = await room.site()
        if mark != _mark(site, chosen):
            return await show(room, month, plan, day, problem=room.text(_MEANWHILE), own=own, status=409)
        spans = None if act == "usual" else [] if act == "closed" else hours.typed_spans(own)
        title = f"Hours of {day}: {'as usual' if spans is None else ', '.join(spans) or 'closed'}"
        back = typed("/site/hours", {"month": month, "plan": plan, "day": day, "own": own})
        return await room.make(title, hours.day_edits(site, chosen, spans), back)
    except SpanError as error:
        text, values = error.problem
        return await show(room, month, plan, day, problem=room.text(text, **values), own=own)
    except RefusedError as error:
        return await show(room, month, plan, day, problem=str(error), own=own)


@router.post("/week")
async def change_week(room: RoomDep, plan: Text = SITE, mark: Text = "", act: Text = "") -> Response:
    """Make the change of a weekly plan, or the one that takes a plan of its own away."""
    form = await room.request.form()
    week = {day: str(form.get(day) or "")[:200] for day in WEEKDAYS}
    try:
        site = await room.site()
        if plan not in hours.plans_of(site):
            raise RefusedError(room.text(_NO_PLAN))
        if mark != _mark(site, plan):
            return await show(room, "", plan, "", problem=room.text(_MEANWHILE), week=week, status=409)
        if act == "none":
            edits = [edit_of(hours.place_of(plan), None)]
            return await room.make(
                f"Hours of {plan} are those of the site", edits, typed("/site/hours", {"plan": plan})
            )
        wanted: dict[str, list[str]] = {}
        errors: dict[str, str] = {}
        for day, text in week.items():
            try:
                wanted[day] = hours.typed_spans(text)
            except SpanError as error:
                errors[day] = room.text(error.problem[0], **error.problem[1])
        if errors:
            return await show(room, "", plan, "", week=week, errors=errors)
        if not any(wanted.values()):
            raise RefusedError(room.text(_ALL_CLOSED))
        edits_of_week = hours.week_edits(site, plan, wanted)
        return await room.make(f"Weekly hours of {plan}", edits_of_week, typed("/site/hours", {"plan": plan, **week}))
    except RefusedError as error:
        return await show(room, "", plan, "", problem=str(error), week=week)


async def show(
    room: Room,
    month: str,
    plan: str,
    day: str,
    *,
    problem: str = "",
    own: str = "",
    name: str = "",
    week: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 0,
) -> Response:
    """Return the page.

    Args:
        own, name, week, errors: What was typed, and what is wrong with it.
    """
    today = room.desk.now().astimezone(ZoneInfo(room.desk.settings.timezone)).date()
    first = _month(month, today)
    locale = room.desk.pages.language_of(room.request).locale
    site: dict[str, Any] = {}
    weeks: list[list[hours.Day]] = []
    entries: list[Entry] = []
    at_once: list[AtOnce] = []
    forced = None
    is_away = False
    try:
        site = await room.site()
        plan = plan if plan in hours.plans_of(site) else SITE
        try:
            holidays, at_once = await _holidays(room, first.year)
            found = await room.ask("GET", "/hours")
            forced = found if found["forced"] else None
        except RefusedError as error:
            holidays, is_away, problem = {}, True, problem or str(error)
        weeks = hours.month(site, plan, first, holidays)
        entries = exceptions(site, at_once, today, room.desk.pages.language_of(room.request).code)
    except (RefusedError, ValueError, TypeError, AttributeError) as error:
        sentence = str(error) if isinstance(error, RefusedError) else room.text(_WRONG, file=FILE, why=str(error))
        problem, plan = problem or sentence, plan if site else SITE
    chosen = day_of(day)
    present = hours.weeks_of(site, plan)
    if week is None:
        query = room.request.query_params
        kept = present if present is not None else hours.weeks_of(site, SITE) or {}
        week = {one: query.get(one) or ", ".join(kept.get(one, ())) for one in WEEKDAYS}
    shown = next((one for row in weeks for one in row if one.day == chosen), None)
    return room.page(
        "hours.html",
        status or (422 if (problem and not is_away) or errors else 200),
        problem=problem, plan=plan, plans=hours.plans_of(site) if site else [SITE], weeks=weeks, today=today,
        month=first, before=(first - timedelta(days=1)).strftime("%Y-%m"),
        after=(first + timedelta(days=32)).strftime("%Y-%m"), title=format_date(first, "LLLL y", locale=locale),
        names=[get_day_names("abbreviated", locale=locale)[number] for number in range(7)],
        weekdays={one: get_day_names("wide", "stand-alone", locale=locale)[n] for n, one in enumerate(WEEKDAYS)},
        chosen=shown, chosen_title=format_date(chosen, "full", locale=locale) if chosen else "",
        own=own or (", ".join(hours.own_days(site).get(day, ())) if shown is not None else ""), name=name,
        day_mark=_mark(site, chosen) if chosen else "", week=week, week_mark=_mark(site, plan),
        has_own=present is not None and plan != SITE, errors=errors or {}, site=SITE, is_away=is_away,
        entries=entries, forced=forced, at_once=next((one for one in at_once if one.day == chosen), None),
        names_of=await names_by_actor(room.desk.engine),
        day_title=lambda one: format_date(one, "EEE d MMM y", locale=locale),
    )  # fmt: skip


async def _holidays(room: Room, year: int) -> tuple[dict[date, list[Found]], list[AtOnce]]:
    """Return the holidays of a year, those that are days like others too, and the days that were changed at once.

    Raises:
        RefusedError: The line does not answer.
    """
    language = room.desk.pages.language_of(room.request).code
    found: dict[date, list[Found]] = {}
    answer = await room.ask("GET", f"/holidays?year={year}&language={language}")
    for rows, is_lifted in ((answer["holidays"], False), (answer["taken_back"], True)):
        for row in rows:
            one = Found(row["name"], row["estimated"], Source(row["source"]), is_lifted)
            found.setdefault(date.fromisoformat(row["date"]), []).append(one)
    return found, at_once_of(answer)


def _mark(site: Mapping[str, Any], of: date | str) -> str:
    """Return what differs when the hours of a day, or of a weekly plan, do."""
    value = hours.own_days(site).get(of.isoformat()) if isinstance(of, date) else hours.weeks_of(site, of)
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def day_of(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _month(text: str, today: date) -> date:
    try:
        first = date.fromisoformat(f"{text[:7]}-01") if text else today.replace(day=1)
    except ValueError:
        first = today.replace(day=1)
    return min(max(first, _EARLIEST), _LATEST.replace(day=1))
