"""`hatif hours`: whether the line is open and why, forcing it open or closed, holidays, the announcement.

Without a controller, questions are answered from the site's files alone; changes need the controller.
"""

from datetime import datetime
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import typer

from cli.composition import Composition, ControlError, ControllerAwayError
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console, local, zone_shown
from cli.times import parse_day, parse_instant
from ivr.hours import format_hours
from ivr.model import clock
from ivr.site.holidays import list_holidays
from routing import hours
from routing.hours import Source

_LAST_YEAR = 2099
"""The last year of holidays, as in the control API."""

LINE = typer.Option("", help="Ask about this number of the site, as in `hatif numbers`.")
LANGUAGE = typer.Option("", help="Ask about callers in this language of the site, such as nl.")
YEAR = typer.Option(None, min=2000, max=_LAST_YEAR, help="List this year.  [default: the twelve months from today on]")
NAMES = typer.Option("en", "--language", help="Show the names in this language, where the calendar has them.")
DAY = typer.Argument(help="The day, such as 2027-03-10.")

CONTROLLER, FILES = "controller", "files"
"""The sources of an answer."""
_WITHOUT = " (the controller does not answer: from the site's files only)"


def register(app: typer.Typer) -> None:
    hours = add_group(
        app, "hours", "Show whether the line is open and why; force it open or closed; announcement and holidays.", now
    )
    hours.command("at")(at_time)
    hours.command()(force)
    hours.command()(announce)
    holiday = add_group(
        hours, "holiday", "List the holidays; add, remove and move them against the calendar.", holidays
    )
    holiday.command("list")(holiday_list)
    holiday.command()(add)
    holiday.command()(remove)
    holiday.command()(move)
    holiday.command()(withdraw)


def now(context: typer.Context, line: str = LINE, language: str = LANGUAGE, json: bool = JSON) -> None:
    if context.invoked_subcommand is None:
        _ask(None, line, language, json)


def at_time(
    at: str = typer.Argument(help="Such as 2026-12-24T19:30; in the site's time zone unless it has an offset."),
    line: str = LINE,
    language: str = LANGUAGE,
    json: bool = JSON,
) -> None:
    """Show whether the line is open at a time, and why."""
    _ask(_instant(Composition(), at), line, language, json)


def _ask(at: datetime | None, line: str, language: str, json: bool) -> None:
    parts = Composition()
    parameters = {"at": at.isoformat() if at else "", "line": line, "language": language}
    query = urlencode({name: value for name, value in parameters.items() if value})
    try:
        data = _ask_controller(parts, "GET", f"/hours?{query}" if query else "/hours")
    except ControllerAwayError:
        data = {**_read_files(parts, at, line, language), "source": FILES}
    _show(data, json)


def _ask_controller(parts: Composition, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Return the controller's answer, with the controller as its source."""
    return {**cast(dict[str, Any], parts.ask_controller(method, path, body)), "source": CONTROLLER}


def _read_files(parts: Composition, at: datetime | None, line: str, language: str) -> dict[str, Any]:
    site = parts.site
    if line and (problem := format_hours.number_problem(site, line)):
        raise ControlError(problem)
    if language and (problem := format_hours.language_problem(site, language)):
        raise ControlError(problem)
    plan, instant = site.hours.plan(line, language, site.hours.closing_days()), at or clock.now()
    return format_hours.format_answer(hours.answer(plan, instant), partial(hours.opens_next, plan, instant))


def _show(data: dict[str, Any], json: bool) -> None:
    if json:
        as_json(data)
        return
    note = _WITHOUT if data["source"] == FILES else ""
    console.print(f"{'Open' if data['open'] else 'Closed'}: {data['why']}{note}", markup=False, soft_wrap=True)
    if data["forced"] and not data["open"]:
        opens = data["opens_next"]
        if opens is not None:
            at = local(opens if isinstance(opens, datetime) else datetime.fromisoformat(opens))
            opens = f"{at:%Y-%m-%d %H:%M} ({zone_shown()})"
        console.print(f"Opens next: {opens or 'after `hatif hours force auto`'}", markup=False)
    if data["announcement"]:
        console.print(f"Every caller hears first: {data['announcement']}", markup=False)


def _instant(parts: Composition, text: str) -> datetime:
    return parse_instant(text, ZoneInfo(parts.site.hours.timezone))


def _day(text: str) -> str:
    return parse_day(text, sample="2027-03-10", last=_LAST_YEAR).isoformat()


def force(
    state: str = typer.Argument(help="open, closed, or auto to follow the weekly plan again."),
    why: str = typer.Option("", help="The reason, for the record."),
    until: str = typer.Option(
        "", help="Follow the plan again from this time on, such as 2026-12-24T19:30.  [default: until `auto`]"
    ),
    json: bool = JSON,
) -> None:
    """Force the line open or closed against the plan, from the next call on."""
    parts = Composition()
    if state not in ("open", "closed", "auto"):
        raise ControlError(f"{state!r} is not a state; write open, closed or auto.")
    body: dict[str, Any] = {"force": state, "why": why}
    if until:
        body["until"] = _instant(parts, until).isoformat()
    _show(_ask_controller(parts, "POST", "/hours", body), json)


def announce(
    text: str = typer.Argument(help="The id of a text with audio in every language, or off."),
    why: str = typer.Option("", help="The reason, for the record."),
    json: bool = JSON,
) -> None:
    """Announce a text to every caller first, from the next call on; `off` ends it."""
    body = {"text": None if text == "off" else text, "why": why}
    data = _ask_controller(Composition(), "PUT", "/announcement", body)
    if json:
        as_json(data)
    else:
        result = f"Every caller hears first: {text}" if text != "off" else "There is no announcement."
        console.print(result, markup=False)


# Holidays


def holidays(context: typer.Context, year: int | None = YEAR, language: str = NAMES, json: bool = JSON) -> None:
    if context.invoked_subcommand is None:
        holiday_list(year, language, json)


def holiday_list(year: int | None = YEAR, language: str = NAMES, json: bool = JSON) -> None:
    """List the holidays on which the line is closed."""
    parts = Composition()
    query = urlencode({"language": language, **({"year": year} if year is not None else {})})
    try:
        data = _ask_controller(parts, "GET", f"/holidays?{query}")
    except ControllerAwayError:
        data = _read_calendar(parts, year, language)
    _show_holidays(data, json)


def _read_calendar(parts: Composition, year: int | None, language: str) -> dict[str, Any]:
    today = clock.now().astimezone(ZoneInfo(parts.site.hours.timezone)).date()
    rows, cancelled, _ = list_holidays(parts.site.hours.closing_days(), today, year, language)
    return {
        "holidays": [row.as_data() for row in rows],
        "taken_back": [row.as_data() for row in cancelled],
        "at_once": [],
        "source": FILES,
    }


def _show_holidays(data: dict[str, Any], json: bool) -> None:
    if json:
        as_json(data)
        return
    as_table(
        f"Holidays{_WITHOUT if data['source'] == FILES else ''}",
        ("date", "weekday", "name", "date is", "by"),
        (
            (row["date"], row["weekday"], row["name"], "estimated" if row["estimated"] else "certain", row["source"])
            for row in data["holidays"]
        ),
    )
    for row in data["taken_back"]:
        by = "in site.toml" if row["source"] == Source.SITE else "by the administrator"
        console.print(f"Removed {by}: {row['date']} ({row['name']})", markup=False)
    for row in data["at_once"]:
        console.print(f"Changed at once, not in site.toml: {row['date']}, by {row['by']}", markup=False)


def add(
    day: str = DAY, name: str = typer.Option("", help="Its name.  [default: the calendar's]"), json: bool = JSON
) -> None:
    """Make a day a holiday; confirm one of the calendar whose date is estimated."""
    _change("POST", "/holidays", {"day": _day(day), "name": name}, json)


def remove(day: str = DAY, json: bool = JSON) -> None:
    """Make a holiday an ordinary day."""
    _change("DELETE", f"/holidays/{_day(day)}", None, json)


def move(
    day: str = DAY, to: str = typer.Argument(help="The day that is a holiday instead."), json: bool = JSON
) -> None:
    """Move a holiday and its name to another day: the moon decides on some, often only the evening before."""
    _change("POST", f"/holidays/{_day(day)}/move", {"to": _day(to)}, json)


def withdraw(day: str = DAY, json: bool = JSON) -> None:
    """End the change of a day: it is again as the site's files and the calendar say."""
    _change("DELETE", f"/holidays/{_day(day)}/change", None, json)


def _change(method: str, path: str, body: object, json: bool) -> None:
    _show_holidays(_ask_controller(Composition(), method, path, body), json)
