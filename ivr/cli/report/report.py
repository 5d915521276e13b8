"""`hatif report`: how the line served its callers, from the database."""

import asyncio
import math
from contextlib import aclosing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, console, errors
from ivr.cli.report.report_query import Asked, Found
from ivr.cli.sheet import BOM, CSV, SEPARATOR, Sheet
from ivr.model import clock
from routing.figures import SHORT_S, WITHIN_S

if TYPE_CHECKING:
    from ivr.cli.report.report_groups import By

_DAYS = 7
_YEARS = (2000, 2098)
_LONGEST_WRAP_UP = timedelta(hours=1)


class ReportError(Exception):
    """A sentence that says why nothing is reported, and what to write instead."""


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    by: str = typer.Option(
        "day",
        "--by",
        help="day, hour, half-hour, hour-of-day, language, country, topic or operator; or two, such as day,language.",
    ),
    first: str | None = typer.Option(
        None, "--from", help="The first day, such as 2027-01-15.  [default: six days before the last]"
    ),
    last: str | None = typer.Option(None, "--to", help="The last day, counted as well.  [default: today]"),
    within: float = typer.Option(WITHIN_S, "--within", help="T: seconds within which a call is to be answered."),
    short: float = typer.Option(SHORT_S, "--short", help="s: seconds within which abandoning does not count."),
    tests: bool = typer.Option(False, "--tests", help="Count test calls as well."),
    as_csv: bool = CSV,
    separator: str = SEPARATOR,
    bom: bool = BOM,
    json: bool = JSON,
    picture: Path | None = typer.Option(
        None, "--picture", help="Draw calls and service level by the hour of the day into this SVG file as well."
    ),
) -> None:
    """All calls and how they ended; of those that waited: service level, waits, abandonment, handling time, occupancy.

    Days and hours are those of the site's time zone. A call belongs to the day and hour in which it began to wait, or
    came, if it never waited.
    Percentages come from sums: the line `all` is no average of the others. docs/report.md says what each figure means.
    """
    if as_csv and json:
        raise ReportError("--csv and --json are two documents; ask for one of them.")
    from ivr.cli.report import format_report as told

    sheet = Sheet.from_options(separator, bom)
    grouped = _grouped(by)
    for option, seconds in (("--within", within), ("--short", short)):
        if not 0 <= seconds < math.inf:
            raise ReportError(f"{option} {seconds:g} is no time to wait; write seconds such as {WITHIN_S:g}.")
    parts = Composition()
    asked = _asked(parts, grouped, first, last, within, short, tests)
    with errors.status("Reading the calls"):
        found = asyncio.run(_read(parts.database_url, asked, with_picture=picture is not None))
    if json:
        as_json(told.document(asked, found))
    elif as_csv:
        told.write_csv(asked, found, sheet)
    else:
        told.show(asked, found)
    if picture is not None:
        _draw(picture, parts.site.name, asked, found)
        if not json and not as_csv:
            console.print(f"{picture}: calls by the hour of the day.", markup=False)


def _asked(
    parts: Composition,
    by: "tuple[By, ...]",
    first: str | None,
    last: str | None,
    within: float,
    short: float,
    tests: bool,
) -> Asked:
    from ivr.cli.report.report_groups import Period

    zone, now = ZoneInfo(parts.site.hours.timezone), clock.now()
    final = _day("--to", last) if last is not None else now.astimezone(zone).date()
    begin = _day("--from", first) if first is not None else final - timedelta(days=_DAYS - 1)
    if final < begin:
        today = "" if last is not None else " (today)"
        raise ReportError(f"--to {final}{today} lies before --from {begin}; write the earlier day with --from.")
    period = Period(_midnight(begin, zone), _midnight(final + timedelta(days=1), zone), zone)
    return Asked(by, begin, final, period, within, short, tests, now)


def _grouped(by: str) -> "tuple[By, ...]":
    """Read `--by`: one or two things, at most one of them a time."""
    from ivr.cli.report.report_groups import TIMES, By

    names = by.split(",")
    for name in names:
        if name not in list(By):
            raise ReportError(
                f"Nothing is reported by {name!r}; write --by with one of {', '.join(By)}, or two such as day,language."
            )
    found = tuple(map(By, names))
    if len(found) > 2 or len({*found}) < len(found) or len({*found} & {*TIMES}) > 1:
        raise ReportError(f"--by {by} cannot be one table; write one thing, or two such as day,language.")
    return found


def _day(option: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ReportError(f"{option} {text!r} is no day; write it as 2027-01-15.") from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ReportError(f"{option} {text} is too far away; write a day from {_YEARS[0]} to {_YEARS[1]}.")
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


async def _read(url: str, asked: Asked, *, with_picture: bool) -> Found:
    from db import report as rows
    from db import shifts
    from db.engine import async_engine
    from db.report_operators import operators_work
    from ivr.cli.report.report_groups import By, Groups
    from routing.figures import Limits

    limits = Limits(asked.within, asked.short)
    groups = Groups(asked.by, asked.period, limits, asked.now)
    hours = Groups((By.HOUR_OF_DAY,), asked.period, limits, asked.now) if with_picture else None
    begins, ends = asked.period.begins, asked.period.ends
    engine = async_engine(url)
    try:
        over = ends
        async with aclosing(rows.waited_calls(engine, begins, ends, tests=asked.tests)) as calls:
            async for call in calls:
                groups.call(call)
                if hours is not None:
                    hours.call(call)
                if call.ended is not None and call.ended > over:
                    over = call.ended
        async with aclosing(rows.menu_calls(engine, begins, ends, tests=asked.tests)) as others:
            async for other in others:
                groups.menu_call(other)
        # Who began to wait just before the end of the period is talked with after it.
        until = min(over + _LONGEST_WRAP_UP, asked.now)
        async with aclosing(rows.state_changes(engine, begins, until, tests=asked.tests)) as changes:
            async for change in changes:
                groups.change(change)
        groups.finish()
        names, planned = dict[str, str](), dict[str, float]()
        if By.OPERATOR in asked.by:
            names = await rows.operator_names(engine)
        if asked.by == (By.OPERATOR,):
            planned = await shifts.planned_seconds(engine, begins, min(ends, asked.now))
            groups.credit(await operators_work(engine, begins, ends, tests=asked.tests))
            groups.expect(planned)
        return Found(groups, hours, names, planned, await rows.call_counts(engine, begins, ends))
    finally:
        await engine.dispose()


def _draw(path: Path, site: str, asked: Asked, found: Found) -> None:
    from ivr.cli.report.report_picture import Hour, drawn

    assert found.hours is not None
    bars = [
        Hour(int((key or "0")[:2]), group.tally.figures())
        for (key,), group in found.hours.rows
        if group.tally.figures().waited
    ]
    try:
        path.write_text(
            drawn(site, asked.days, bars, found.hours.total.tally.figures(), asked.within), encoding="utf-8"
        )
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}; name another file with --picture.") from None
