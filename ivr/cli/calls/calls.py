"""`hatif calls`: the calls that were, by what is known of them."""

import asyncio
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from ivr.cli.composition import Composition, ControlError
from ivr.cli.output import JSON, as_json, as_table
from ivr.cli.sheet import BOM, CSV, SEPARATOR, Sheet
from ivr.model.e164 import Rules, normalise

if TYPE_CHECKING:
    from db.call_filter import CallFilter

_LAST = 20
_COLUMNS = ("started", "caller", "number", "language", "topic", "outcome", "operator", "wait_s", "case", "id")


def calls(
    last: int | None = typer.Option(None, "--last", min=1, help="How many.  [default: 20; all of a period]"),
    first: str | None = typer.Option(None, "--from", help="From this day or instant on, such as 2027-01-15T08:00."),
    until: str | None = typer.Option(None, "--to", help="To the end of this day, or before this instant."),
    language: str | None = typer.Option(None, "--language", help="Such as fr."),
    country: str | None = typer.Option(None, "--country", help="Such as FR."),
    topic: str | None = typer.Option(None, "--topic", help="As in the flow; here as above, none: without one."),
    operator: str | None = typer.Option(None, "--operator", help="The id of an operator who talked with the caller."),
    outcome: str | None = typer.Option(None, "--outcome", help="Such as abandoned; none: the calls that go on."),
    number: str | None = typer.Option(None, "--number", help="The caller's, in any writing, or the one called."),
    tests: bool = typer.Option(False, "--tests", help="Also the calls that the line makes to itself."),
    as_csv: bool = CSV,
    separator: str = SEPARATOR,
    bom: bool = BOM,
    json: bool = JSON,
) -> None:
    """The last calls, the newest first. Days and instants are by the site's clock."""
    if as_csv and json:
        raise ControlError("--csv and --json are two documents; ask for one of them.")
    from db import call_filter, read

    sheet, parts = Sheet.asked(separator, bom), Composition()
    zone = ZoneInfo(parts.site.hours.timezone)
    wanted = call_filter.CallFilter(
        begins=_instant("--from", first, zone) if first is not None else None,
        ends=_instant("--to", until, zone, over=True) if until is not None else None,
        language=language,
        country=country,
        topic=topic,
        operator=operator,
        outcome=outcome,
        numbers=_writings(parts, number) if number is not None else None,
        tests=tests,
    )
    _check(wanted)
    if last is None and first is None and until is None:
        last = _LAST
    rows = asyncio.run(parts.read(call_filter.find_calls, wanted, last))
    if json:
        as_json(rows)
    elif as_csv:
        sheet.write([*read.Call.__dataclass_fields__], rows)
    else:
        as_table("Calls", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


def _check(wanted: "CallFilter") -> None:
    """Raise ControlError for what no call can ever have."""
    from db.call_filter import NONE
    from db.enums import Outcome

    words = [*Outcome, NONE]
    if wanted.outcome is not None and wanted.outcome not in words:
        raise ControlError(f"No call ends as {wanted.outcome!r}; write --outcome with one of {', '.join(words)}.")
    if wanted.begins is not None and wanted.ends is not None and wanted.ends <= wanted.begins:
        raise ControlError("--to lies before --from; write the earlier one with --from.")


def _instant(option: str, text: str, zone: ZoneInfo, *, over: bool = False) -> datetime:
    """Return a day's beginning (its end, if `over`), or an instant; by the clock of `zone` where it names no other."""
    try:
        found = datetime.fromisoformat(text)
        day = date.fromisoformat(text) if len(text) == len("2027-01-15") else None
    except ValueError:
        raise ControlError(
            f"{option} {text!r} is no day or time; write it as 2027-01-15 or 2027-01-15T08:00."
        ) from None
    if not 2000 <= found.year <= 2098:
        raise ControlError(f"{option} {text} is too far away; write a year from 2000 to 2098.")
    if day is not None:
        return datetime.combine(day + timedelta(days=over), time(), zone)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _writings(parts: Composition, number: str) -> set[str]:
    """Return what may stand for a number: itself, and in E.164 by each country of the site."""
    countries = {None, *(each.country for each in parts.site.number)}
    return {number, *(found for each in countries if (found := normalise(number, Rules(each))) is not None)}
