"""`hatif roster`: who is planned to be on duty on a day, hour by hour, and which languages nobody covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import typer

from ivr.cli.composition import Composition, ControlError
from ivr.cli.output import JSON, as_json, as_table, console
from ivr.model import clock

if TYPE_CHECKING:
    from ivr.site.operators import OperatorEntry
    from ivr.site.roster import Shift, Time

_CELL = timedelta(minutes=30)
_ON, _OPEN, _NOBODY = "█", "·", "!"
_YEARS = (2000, 2098)
_SUPERVISORS = "supervisors"


def register(app: typer.Typer) -> None:
    app.command()(roster)


def roster(
    day: str = typer.Argument("", help="The day, such as 2027-01-15.  [default: today]"), json: bool = JSON
) -> None:
    """Who is planned to be on duty on a day, hour by hour, and the open hours in which nobody speaks a language.

    By roster.csv of the site and its opening hours; docs/roster.md has the format.
    """
    parts = Composition(bound=False)
    found = _day(parts, _date(day, ZoneInfo(parts.site.hours.timezone)))
    if json:
        as_json(_document(found))
    else:
        _show(found)


@dataclass(frozen=True, slots=True)
class Day:
    """`shifts`: those that reach into the day. `open` and `bare` (open, and nobody is planned) by language; `bare` also
    for the supervisors. `states`: what the operators do now, if it is today and the controller says so."""

    day: date
    zone: ZoneInfo
    holiday: str | None
    people: "dict[str, OperatorEntry]"
    shifts: "list[Shift]"
    open: "dict[str, list[Time]]"
    bare: "dict[str, list[Time]]"
    able: dict[str, list[str]]
    states: dict[str, str]


def _date(text: str, zone: ZoneInfo) -> date:
    if not text:
        return clock.now().astimezone(zone).date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ControlError(f"{text!r} is no day; write it as 2027-01-15.") from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ControlError(f"{text} is too far away; write a day from {_YEARS[0]} to {_YEARS[1]}.")
    return day


def _day(parts: Composition, day: date) -> Day:
    from ivr.check import roster_check
    from ivr.site import roster as rosters
    from ivr.site.holidays import Holidays
    from ivr.site.roster import joined

    site, people = parts.site, {each.id: each for each in parts.operators}
    zone = ZoneInfo(site.hours.timezone)
    planned = rosters.load(parts.settings.site, people, zone)
    if planned is None:
        where = parts.settings.site / rosters.FILE
        raise ControlError(f"There is no roster: {where} is not there. docs/roster.md says how to write one.")
    holidays = Holidays(site.hours.holidays)
    begins, ends = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    shifts = [
        each for each in planned.shifts(day - timedelta(days=1), day) if each.begins < ends and each.ends > begins
    ]
    able = {each: roster_check.speakers(site, list(people.values()), each) for each in site.languages}
    able[_SUPERVISORS] = [each.id for each in people.values() if each.supervisor]
    opened = {each: roster_check.open_times(site, holidays, day, each) for each in site.languages}
    opened[_SUPERVISORS] = joined(span for spans in opened.values() for span in spans)
    bare = {each: roster_check.uncovered(opened[each], shifts, able[each]) for each in opened}
    holiday = holidays.get(day)
    is_today = day == clock.now().astimezone(zone).date()
    return Day(
        day=day,
        zone=zone,
        holiday=holiday.name if holiday is not None and holiday.counts else None,
        people=people,
        shifts=shifts,
        open=opened,
        bare=bare,
        able=able,
        states=_states(parts) if is_today else {},
    )


def _states(parts: Composition) -> dict[str, str]:
    try:
        live = cast(list[dict[str, Any]], parts.ask_controller("GET", "/operators"))
    except ControlError:
        return {}
    return {row["id"]: row["state"] for row in live if row["state"] != "unknown"}


def _document(found: Day) -> dict[str, Any]:
    def spans(times: "Sequence[Time]") -> list[dict[str, Any]]:
        return [{"from": begins.astimezone(found.zone), "to": ends.astimezone(found.zone)} for begins, ends in times]

    return {
        "day": found.day,
        "timezone": found.zone.key,
        "holiday": found.holiday,
        "shifts": [
            {
                "operator": each.operator,
                "name": found.people[each.operator].name,
                "languages": found.people[each.operator].languages,
                "supervisor": found.people[each.operator].supervisor,
                "state": found.states.get(each.operator),
                **spans([(each.begins, each.ends)])[0],
            }
            for each in found.shifts
        ],
        "open": {each: spans(times) for each, times in found.open.items() if each != _SUPERVISORS},
        "uncovered": {each: spans(times) for each, times in found.bare.items() if times},
    }


# For people


def _show(found: Day) -> None:
    cells = _cells(found)
    holiday = f", {found.holiday}" if found.holiday is not None else ""
    title = f"{found.day:%A} {found.day}{holiday} ({found.zone.key})"
    ruler = _ruler(cells, found.zone)
    state = ("now",) if found.states else ()
    as_table(
        f"On duty, {title}",
        ("id", "name", "languages", "planned", ruler, *state),
        (
            (
                each.operator,
                found.people[each.operator].name,
                " ".join(found.people[each.operator].languages),
                _span((each.begins, each.ends), found.zone),
                _bar(cells, [(each.begins, each.ends)], found.open[_SUPERVISORS]),
                *([found.states.get(each.operator, "unknown")] if state else []),
            )
            for each in found.shifts
        ),
    )
    console.print()
    as_table(
        f"How many ({_NOBODY}: nobody)",
        ("", ruler),
        ((name, _counts(cells, found, name)) for name in found.open),
    )
    for name, times in found.bare.items():
        if times:
            who = "No supervisor" if name == _SUPERVISORS else f"Nobody who speaks {name}"
            when = ", ".join(_span(each, found.zone) for each in times)
            console.print(f"{who} is planned {when}.", style="red", markup=False)


def _cells(found: Day) -> list[datetime]:
    """The half hours from the first that somebody plans or opens to the last, whole hours, within the day."""
    midnight = datetime.combine(found.day, time(), found.zone).astimezone(UTC)
    over = datetime.combine(found.day + timedelta(days=1), time(), found.zone).astimezone(UTC)
    times = [(each.begins, each.ends) for each in found.shifts] + found.open[_SUPERVISORS]
    first = max(midnight, min((begins for begins, _ in times), default=midnight))
    last = min(over, max((ends for _, ends in times), default=over))
    cell = midnight + (first - midnight) // (2 * _CELL) * (2 * _CELL)
    cells: list[datetime] = []
    while cell < last or len(cells) % 2:
        cells.append(cell)
        cell += _CELL
    return cells


def _ruler(cells: Sequence[datetime], zone: ZoneInfo) -> str:
    """Every second hour, over its first half hour."""
    return "".join(f"{each.astimezone(zone):%H}  " for each in cells[::4])[: max(2, len(cells))]


def _bar(cells: Sequence[datetime], times: "Sequence[Time]", opened: "Sequence[Time]") -> str:
    return "".join(_ON if _in(each, times) else _OPEN if _in(each, opened) else " " for each in cells).rstrip()


def _counts(cells: Sequence[datetime], found: Day, name: str) -> str:
    """A digit a half hour; a + for ten and more."""
    shifts = [(each.begins, each.ends) for each in found.shifts if each.operator in found.able[name]]
    out = ""
    for cell in cells:
        there = sum(_in(cell, [each]) for each in shifts)
        if _in(cell, found.bare[name]):
            out += _NOBODY
        elif there:
            out += str(there) if there < 10 else "+"
        else:
            out += _OPEN if _in(cell, found.open[name]) else " "
    return out.rstrip()


def _in(cell: datetime, times: "Sequence[Time]") -> bool:
    """Whether any of the half hour is in one of them."""
    return any(begins < cell + _CELL and cell < ends for begins, ends in times)


def _span(span: "Time", zone: ZoneInfo) -> str:
    begins, ends = (each.astimezone(zone) for each in span)
    return f"{begins:%H:%M}-{'24:00' if ends.time() == time() else f'{ends:%H:%M}'}"
