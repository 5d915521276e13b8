"""`hatif roster`: the operators planned for a day, hour by hour, and the languages that nobody covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import typer

from cli.composition import Composition, ControlError
from cli.output import JSON, as_json, as_table, console
from cli.times import midnight, parse_day
from ivr.check import roster_check
from ivr.model import clock
from ivr.site import roster as rosters
from ivr.site.operators import OperatorEntry
from ivr.site.roster import Shift, Time, merge
from routing.hours import format_end

_CELL = timedelta(minutes=30)
_ON, _OPEN, _NOBODY = "█", "·", "!"
_SUPERVISORS = "supervisors"


def register(app: typer.Typer) -> None:
    app.command()(roster)


def roster(
    day: str = typer.Argument("", help="The day, such as 2027-01-15.  [default: today]"),
    days: int = typer.Option(1, "--days", min=1, max=62, help="This many days, from the day on."),
    json: bool = JSON,
) -> None:
    """Show who is planned to be on duty on a day, hour by hour, and the open hours without a speaker of a language.

    Read from the site's roster.csv and its opening hours; docs/roster.md describes the format.
    """
    parts = Composition(bound=False)
    first = _day(day, ZoneInfo(parts.site.hours.timezone))
    plans = [_plan(parts, first + timedelta(days=number)) for number in range(days)]
    if json:
        as_json(_document(plans[0]) if days == 1 else {"days": [_document(plan) for plan in plans]})
        return
    for number, plan in enumerate(plans):
        if number:
            console.print()
        _show(plan)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The plan of a day.

    `shifts`: those that overlap the day. `open` and `uncovered` (open, but nobody is planned), by language; both also
    for supervisors. `able`: the operators who speak a language, or are supervisors. `states`: the operators' present
    states, if the day is today and the controller answers.
    """

    day: date
    zone: ZoneInfo
    holiday: str | None
    people: dict[str, OperatorEntry]
    shifts: list[Shift]
    open: dict[str, list[Time]]
    uncovered: dict[str, list[Time]]
    able: dict[str, list[str]]
    states: dict[str, str]


def _day(text: str, zone: ZoneInfo) -> date:
    return parse_day(text) if text else clock.now().astimezone(zone).date()


def _plan(parts: Composition, day: date) -> DayPlan:
    site, people = parts.site, {operator.id: operator for operator in parts.operators}
    zone = ZoneInfo(site.hours.timezone)
    planned = rosters.load(parts.settings.site, people, zone)
    if planned is None:
        where = parts.settings.site / rosters.FILE
        raise ControlError(f"There is no roster: {where} does not exist. docs/roster.md describes how to write one.")
    holidays = site.hours.closing_days()
    begins, ends = (midnight(item, zone).astimezone(UTC) for item in (day, day + timedelta(days=1)))
    shifts = [
        shift for shift in planned.shifts(day - timedelta(days=1), day) if shift.begins < ends and shift.ends > begins
    ]
    operators = list(people.values())
    able = {language: roster_check.speakers(site, operators, language) for language in site.languages}
    able[_SUPERVISORS] = [operator.id for operator in operators if operator.supervisor]
    opened = {language: roster_check.open_times(site, holidays, day, language) for language in site.languages}
    opened[_SUPERVISORS] = merge(span for spans in opened.values() for span in spans)
    uncovered = {group: roster_check.uncovered(spans, shifts, able[group]) for group, spans in opened.items()}
    holiday = holidays.get(day)
    is_today = day == clock.now().astimezone(zone).date()
    return DayPlan(
        day=day,
        zone=zone,
        holiday=holiday.name if holiday is not None and holiday.counts else None,
        people=people,
        shifts=shifts,
        open=opened,
        uncovered=uncovered,
        able=able,
        states=_states(parts) if is_today else {},
    )


def _states(parts: Composition) -> dict[str, str]:
    try:
        live = cast(list[dict[str, Any]], parts.ask_controller("GET", "/operators"))
    except ControlError:
        return {}
    return {row["id"]: row["state"] for row in live if row["state"] != "unknown"}


def _document(plan: DayPlan) -> dict[str, Any]:
    def spans(times: Sequence[Time]) -> list[dict[str, Any]]:
        return [{"from": begins.astimezone(plan.zone), "to": ends.astimezone(plan.zone)} for begins, ends in times]

    return {
        "day": plan.day,
        "timezone": plan.zone.key,
        "holiday": plan.holiday,
        "shifts": [
            {
                "operator": shift.operator,
                "name": plan.people[shift.operator].name,
                "languages": plan.people[shift.operator].languages,
                "supervisor": plan.people[shift.operator].supervisor,
                "state": plan.states.get(shift.operator),
                **spans([(shift.begins, shift.ends)])[0],
            }
            for shift in plan.shifts
        ],
        "open": {language: spans(times) for language, times in plan.open.items() if language != _SUPERVISORS},
        "uncovered": {group: spans(times) for group, times in plan.uncovered.items() if times},
    }


def _show(plan: DayPlan) -> None:
    cells = _cells(plan)
    holiday = f", {plan.holiday}" if plan.holiday is not None else ""
    title = f"{plan.day:%A} {plan.day}{holiday} ({plan.zone.key})"
    ruler = _ruler(cells, plan.zone)
    state = ("now",) if plan.states else ()
    as_table(
        f"On duty, {title}",
        ("id", "name", "languages", "planned", ruler, *state),
        (
            (
                shift.operator,
                plan.people[shift.operator].name,
                " ".join(plan.people[shift.operator].languages),
                _format_span((shift.begins, shift.ends), plan.zone),
                _bar(cells, [(shift.begins, shift.ends)], plan.open[_SUPERVISORS]),
                *([plan.states.get(shift.operator, "unknown")] if state else []),
            )
            for shift in plan.shifts
        ),
    )
    console.print()
    as_table(
        f"Planned operators ({_NOBODY}: nobody)",
        ("", ruler),
        ((name, _counts(cells, plan, name)) for name in plan.open),
    )
    for name, times in plan.uncovered.items():
        if times:
            who = "No supervisor" if name == _SUPERVISORS else f"Nobody who speaks {name}"
            when = ", ".join(_format_span(span, plan.zone) for span in times)
            console.print(f"{who} is planned {when}.", style="red", markup=False)


def _cells(plan: DayPlan) -> list[datetime]:
    """Return the half hours of the day from the first shift or opening to the last end, rounded to whole hours."""
    begin = midnight(plan.day, plan.zone).astimezone(UTC)
    end = midnight(plan.day + timedelta(days=1), plan.zone).astimezone(UTC)
    times = [(shift.begins, shift.ends) for shift in plan.shifts] + plan.open[_SUPERVISORS]
    first = max(begin, min((begins for begins, _ in times), default=begin))
    last = min(end, max((ends for _, ends in times), default=end))
    cell = begin + (first - begin) // (2 * _CELL) * (2 * _CELL)
    cells: list[datetime] = []
    while cell < last or len(cells) % 2:
        cells.append(cell)
        cell += _CELL
    return cells


def _ruler(cells: Sequence[datetime], zone: ZoneInfo) -> str:
    """Return the table's head: every second hour, above its first half hour."""
    return "".join(f"{cell.astimezone(zone):%H}  " for cell in cells[::4])[: max(2, len(cells))]


def _bar(cells: Sequence[datetime], times: Sequence[Time], opened: Sequence[Time]) -> str:
    return "".join(_ON if _in(cell, times) else _OPEN if _in(cell, opened) else " " for cell in cells).rstrip()


def _counts(cells: Sequence[datetime], plan: DayPlan, name: str) -> str:
    """Return how many operators are planned, one digit per half hour; + for ten or more."""
    shifts = [(shift.begins, shift.ends) for shift in plan.shifts if shift.operator in plan.able[name]]
    out = ""
    for cell in cells:
        planned = sum(_in(cell, [shift]) for shift in shifts)
        if _in(cell, plan.uncovered[name]):
            out += _NOBODY
        elif planned:
            out += str(planned) if planned < 10 else "+"
        else:
            out += _OPEN if _in(cell, plan.open[name]) else " "
    return out.rstrip()


def _in(cell: datetime, times: Sequence[Time]) -> bool:
    """Return whether one of the times overlaps the half hour."""
    return any(begins < cell + _CELL and cell < ends for begins, ends in times)


def _format_span(span: Time, zone: ZoneInfo) -> str:
    begins, ends = (instant.astimezone(zone) for instant in span)
    return f"{begins:%H:%M}-{format_end(ends)}"
