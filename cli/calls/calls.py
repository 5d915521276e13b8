"""`hatif calls`: find calls by their attributes."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import typer

from cli.composition import Composition, ControlError
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table
from cli.sheet import BOM, CSV, SEPARATOR, Sheet
from cli.times import parse_bound
from db import read
from db.call_filter import NONE, CallFilter, find_calls
from db.enums import Outcome
from db.traces import Read
from ivr.model.e164 import NumberRules, normalise

_DEFAULT_LAST = 20
_COLUMNS = ("started", "caller", "number", "language", "topic", "outcome", "operator", "wait_s", "case", "id")


def calls(
    last: int | None = typer.Option(
        None, "--last", min=1, help="Show at most this many.  [default: 20; with --from or --to, all]"
    ),
    first: str | None = typer.Option(None, "--from", help="Calls from this day or time on, such as 2027-01-15T08:00."),
    until: str | None = typer.Option(None, "--to", help="Calls up to the end of this day, or before this time."),
    language: str | None = typer.Option(
        None, "--language", help="Calls in this language, such as fr; none: calls without a language."
    ),
    country: str | None = typer.Option(
        None, "--country", help="Calls of this country, such as FR; none: calls without a country."
    ),
    topic: str | None = typer.Option(
        None, "--topic", help="Calls about this topic of the flow; none: calls without a topic."
    ),
    operator: str | None = typer.Option(
        None, "--operator", help="Calls that the operator with this id took part in; none: calls without an operator."
    ),
    outcome: str | None = typer.Option(
        None, "--outcome", help="Calls with this outcome, such as abandoned; none: calls in progress."
    ),
    number: str | None = typer.Option(
        None, "--number", help="Calls from or to this number; the caller's in any way of writing it."
    ),
    tests: bool = typer.Option(False, "--tests", help="Include test calls: the line's own, and of people who try it."),
    as_csv: bool = CSV,
    separator: str = SEPARATOR,
    bom: bool = BOM,
    json: bool = JSON,
) -> None:
    """List calls, newest first. Days and times are in the site's time zone."""
    if as_csv and json:
        raise ControlError("--csv and --json exclude each other; use one of them.")
    sheet, parts = Sheet.from_options(separator, bom), Composition()
    zone = ZoneInfo(parts.site.hours.timezone)
    call_filter = CallFilter(
        begins=parse_bound(first, zone, "--from") if first is not None else None,
        ends=parse_bound(until, zone, "--to", end=True) if until is not None else None,
        language=language,
        country=country,
        topic=topic,
        operator=operator,
        outcome=outcome,
        numbers=_number_forms(parts, number) if number is not None else None,
        tests=tests,
    )
    _check(call_filter)
    if last is None and first is None and until is None:
        last = _DEFAULT_LAST
    rows = asyncio.run(parts.read(find_calls, call_filter, last))
    if rows:  # of a number that is not known, nothing is written down
        asked: dict[str, Any] = {
            "from": first,
            "to": until,
            "language": language,
            "country": country,
            "topic": topic,
            "operator": operator,
            "outcome": outcome,
            "number": number,
            "tests": tests,
        }
        act, about = (Read.EXPORT, "export:calls") if as_csv else (Read.LIST, "list:calls")
        put_on_record(parts, act, about, lines=len(rows), **asked)
    if json:
        as_json(rows)
    elif as_csv:
        sheet.write([*read.Call.__dataclass_fields__], rows)
    else:
        as_table("Calls", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


def _check(call_filter: CallFilter) -> None:
    """Raise ControlError for a filter that no call can ever match."""
    outcomes = [*Outcome, NONE]
    if call_filter.outcome is not None and call_filter.outcome not in outcomes:
        raise ControlError(f"There is no outcome {call_filter.outcome!r}; --outcome is one of {', '.join(outcomes)}.")
    if call_filter.begins is not None and call_filter.ends is not None and call_filter.ends <= call_filter.begins:
        raise ControlError("--to is before --from; write the earlier one with --from.")


def _number_forms(parts: Composition, number: str) -> set[str]:
    """Return how a number may be stored: as given, and in E.164 as read in each country of the site."""
    countries = {None, *(entry.country for entry in parts.site.number)}
    normalised = (normalise(number, NumberRules(country)) for country in countries)
    return {number, *(form for form in normalised if form is not None)}
