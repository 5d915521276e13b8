"""`hatif hours`: whether the line is open and why, the administrator's word against it, holidays, the announcement.

Without a controller the questions are answered from the site's files alone; changes need it.
"""

from datetime import date, datetime
from typing import Any, cast
from urllib.parse import urlencode

import typer

from ivr.cli.composition import Composition, ControlError, ControllerAwayError
from ivr.cli.output import JSON, as_json, as_table, console, local, zone_shown

LINE = typer.Option("", help="A number of the site, as `hatif numbers` has it.")
LANGUAGE = typer.Option("", help="A language of the site, such as nl.")
YEAR = typer.Option(None, min=2000, max=2099, help="A year; else the twelve months from today on.")
NAMES = typer.Option("en", "--language", help="Of the names, as far as the calendar has it.")
DAY = typer.Argument(help="Such as 2027-03-10.")
CONTROLLER, FILES = "controller", "files"
"""Where an answer is from."""
_WITHOUT = " (the controller does not answer: by the site's files only)"


def register(app: typer.Typer) -> None:
    hours = typer.Typer(help="Whether the line is open, and why.", invoke_without_command=True, rich_markup_mode=None)
    hours.callback()(now)
    hours.command("at")(at_time)
    hours.command()(force)
    hours.command()(announce)
    holiday = typer.Typer(
        help="The holidays, and the administrator's word against the calendar.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    holiday.callback()(holidays)
    holiday.command("list")(holiday_list)
    holiday.command()(add)
    holiday.command()(remove)
    holiday.command()(move)
    hours.add_typer(holiday, name="holiday")
    app.add_typer(hours, name="hours")


def now(context: typer.Context, line: str = LINE, language: str = LANGUAGE, json: bool = JSON) -> None:
    if context.invoked_subcommand is None:
        _ask(None, line, language, json)


def at_time(
    at: str = typer.Argument(help="Such as 2026-12-24T19:30; the site's zone unless one is given."),
    line: str = LINE,
    language: str = LANGUAGE,
    json: bool = JSON,
) -> None:
    """Whether the line is open then, and why."""
    _ask(instant(Composition(), at), line, language, json)


def _ask(at: datetime | None, line: str, language: str, json: bool) -> None:
    parts = Composition()
    wishes = {"at": at.isoformat() if at else "", "line": line, "language": language}
    query = urlencode({name: value for name, value in wishes.items() if value})
    try:
        data = _answered(parts, "GET", f"/hours?{query}" if query else "/hours")
    except ControllerAwayError:
        data = {**_by_files(parts, at, line, language), "source": FILES}
    _show(data, json)


def _answered(parts: Composition, method: str, path: str, body: object = None) -> dict[str, Any]:
    """What the controller says, marked as its word."""
    return {**cast(dict[str, Any], parts.ask_controller(method, path, body)), "source": CONTROLLER}


def _by_files(parts: Composition, at: datetime | None, line: str, language: str) -> dict[str, Any]:
    from functools import partial

    from ivr.hours import format_hours
    from ivr.model import clock
    from ivr.site.holidays import Holidays
    from routing import hours

    site = parts.site
    if line and (problem := format_hours.no_number(site, line)):
        raise ControlError(problem)
    if language and (problem := format_hours.no_language(site, language)):
        raise ControlError(problem)
    plan, instant = site.hours.plan(line, language, Holidays(site.hours.holidays)), at or clock.now()
    return format_hours.told(hours.answer(plan, instant), partial(hours.opens_next, plan, instant))


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
        console.print(f"Opens next: {opens or 'when `hatif hours force auto` takes this back'}", markup=False)
    if data["announcement"]:
        console.print(f"In front of everything is said: {data['announcement']}", markup=False)


def instant(parts: Composition, text: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ControlError(f"{text!r} is no time; write it as 2026-12-24T19:30.") from None
    if not 2000 <= found.year <= 2098:
        raise ControlError(f"{text!r} is too far away; write a time from 2000 to 2098.")
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(parts.site.hours.timezone))


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ControlError(f"{text!r} is no day; write it as 2027-03-10.") from None


def force(
    state: str = typer.Argument(help="open, closed, or auto for the weekly plan."),
    why: str = typer.Option("", help="The reason, for the records."),
    until: str = typer.Option("", help="When the plan holds again, such as 2026-12-24T19:30; else until `auto`."),
    json: bool = JSON,
) -> None:
    """Open or close the line against the plan, from the next call on."""
    parts = Composition()
    if state not in ("open", "closed", "auto"):
        raise ControlError(f"{state!r} is none of open, closed, auto.")
    body: dict[str, Any] = {"force": state, "why": why}
    if until:
        body["until"] = instant(parts, until).isoformat()
    _show(_answered(parts, "POST", "/hours", body), json)


def announce(
    text: str = typer.Argument(help="The id of a text that has audio in every language, or off."),
    why: str = typer.Option("", help="The reason, for the records."),
    json: bool = JSON,
) -> None:
    """Have a text said in front of everything, from the next call on; `off` ends it."""
    body = {"text": None if text == "off" else text, "why": why}
    data = _answered(Composition(), "PUT", "/announcement", body)
    if json:
        as_json(data)
    else:
        said = f"In front of everything is said: {text}" if text != "off" else "Nothing is said in front of everything."
        console.print(said, markup=False)


# Holidays


def holidays(context: typer.Context, year: int | None = YEAR, language: str = NAMES, json: bool = JSON) -> None:
    if context.invoked_subcommand is None:
        holiday_list(year, language, json)


def holiday_list(year: int | None = YEAR, language: str = NAMES, json: bool = JSON) -> None:
    """The holidays on which the line is closed."""
    parts = Composition()
    query = urlencode({"language": language, **({"year": year} if year is not None else {})})
    try:
        data = _answered(parts, "GET", f"/holidays?{query}")
    except ControllerAwayError:
        data = _by_calendar(parts, year, language)
    _show_holidays(data, json)


def _by_calendar(parts: Composition, year: int | None, language: str) -> dict[str, Any]:
    from zoneinfo import ZoneInfo

    from ivr.model import clock
    from ivr.site.holidays import Holidays, listed

    today = clock.now().astimezone(ZoneInfo(parts.site.hours.timezone)).date()
    rows, _ = listed(Holidays(parts.site.hours.holidays), today, year, language)
    return {"holidays": [row.as_data() for row in rows], "taken_back": [], "source": FILES}


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
        console.print(f"No holiday, by the administrator: {row['date']} ({row['name']})", markup=False)


def add(day: str = DAY, name: str = typer.Option("", help="Its name; else the calendar's."), json: bool = JSON) -> None:
    """Make a day a holiday; one of the calendar whose date was estimated is certain then."""
    _change("POST", "/holidays", {"day": _day(day), "name": name}, json)


def remove(day: str = DAY, json: bool = JSON) -> None:
    """Make a holiday a day like others."""
    _change("DELETE", f"/holidays/{_day(day)}", None, json)


def move(
    day: str = DAY, to: str = typer.Argument(help="The day that is a holiday instead."), json: bool = JSON
) -> None:
    """Move a holiday to another day, with its name: the moon decides, often only the evening before."""
    _change("POST", f"/holidays/{_day(day)}/move", {"to": _day(to)}, json)


def _change(method: str, path: str, body: object, json: bool) -> None:
    _show_holidays(_answered(Composition(), method, path, body), json)
