"""`hatif report`: how the line served its callers, from the database."""

import asyncio
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, console, working
from ivr.cli.report.report_query import ReportData, ReportRequest
from ivr.cli.sheet import BOM, CSV, SEPARATOR, Sheet
from ivr.cli.times import midnight, parse_day
from ivr.model import clock
from routing.figures import SHORT_S, WITHIN_S, Limits

# Imports in functions: SQLAlchemy takes a while to load, and `hatif --help` does not need it.
if TYPE_CHECKING:
    from ivr.cli.report.report_groups import By

_DEFAULT_DAYS = 7
_LONGEST_WRAP_UP = timedelta(hours=1)
_PART = timedelta(days=7)


class ReportError(Exception):
    """A sentence that says why there is no report, and what to write instead."""


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    by: str = typer.Option(
        "day",
        "--by",
        help="Group by day, hour, half-hour, hour-of-day, language, country, topic or operator; or two: day,language.",
    ),
    first: str | None = typer.Option(
        None, "--from", help="The first day, such as 2027-01-15.  [default: six days before the last]"
    ),
    last: str | None = typer.Option(None, "--to", help="The last day, included.  [default: today]"),
    within: float = typer.Option(WITHIN_S, "--within", help="T: the seconds within which a call should be answered."),
    short: float = typer.Option(SHORT_S, "--short", help="s: the seconds within which abandoning does not count."),
    tests: bool = typer.Option(False, "--tests", help="Include test calls."),
    as_csv: bool = CSV,
    separator: str = SEPARATOR,
    bom: bool = BOM,
    json: bool = JSON,
    picture: Path | None = typer.Option(
        None, "--picture", help="Also draw calls and service level by hour of the day into this SVG file."
    ),
) -> None:
    """Report all calls and how they ended; of those that waited, service level, waits, abandonment and handling.

    Days and hours are in the site's time zone. A call belongs to the day and hour in which it began to wait, or
    arrived if it never waited.
    Percentages come from sums: the row `all` is not an average of the others. docs/report.md defines each figure.
    """
    if as_csv and json:
        raise ReportError("--csv and --json exclude each other; use one of them.")
    from ivr.cli.report import format_report

    sheet = Sheet.from_options(separator, bom)
    grouped = _parse_by(by)
    for option, seconds in (("--within", within), ("--short", short)):
        if not 0 <= seconds < math.inf:
            raise ReportError(f"{option} {seconds:g} is not a wait; write seconds such as {WITHIN_S:g}.")
    parts = Composition()
    request = _parse_request(parts, grouped, first, last, within, short, tests)
    with working("Reading the calls"):
        data = asyncio.run(_read(parts.database_url, request, with_picture=picture is not None))
    if json:
        as_json(format_report.build_document(request, data))
    elif as_csv:
        format_report.write_csv(request, data, sheet)
    else:
        format_report.show(request, data)
    if picture is not None:
        _draw(picture, parts.site.name, request, data)
        if not json and not as_csv:
            console.print(f"{picture}: calls by the hour of the day.", markup=False)


def _parse_request(
    parts: Composition,
    by: "tuple[By, ...]",
    first: str | None,
    last: str | None,
    within: float,
    short: float,
    tests: bool,
) -> ReportRequest:
    from ivr.cli.report.report_groups import Period

    zone, now = ZoneInfo(parts.site.hours.timezone), clock.now()
    final = parse_day(last, "--to") if last is not None else now.astimezone(zone).date()
    begin = parse_day(first, "--from") if first is not None else final - timedelta(days=_DEFAULT_DAYS - 1)
    if final < begin:
        today = "" if last is not None else " (today)"
        raise ReportError(f"--to {final}{today} is before --from {begin}; write the earlier day with --from.")
    period = Period(midnight(begin, zone), midnight(final + timedelta(days=1), zone), zone)
    return ReportRequest(by, begin, final, period, within, short, tests, now)


def _parse_by(by: str) -> "tuple[By, ...]":
    """Return the parsed `--by`: one or two groupings, at most one of them by time. Raises ReportError."""
    from ivr.cli.report.report_groups import TIMES, By

    names = by.split(",")
    for name in names:
        if name not in list(By):
            raise ReportError(
                f"There is no report by {name!r}; --by is one of {', '.join(By)}, or two such as day,language."
            )
    groupings = tuple(map(By, names))
    if len(groupings) > 2 or len({*groupings}) < len(groupings) or len({*groupings} & {*TIMES}) > 1:
        raise ReportError(f"--by {by} does not fit one table; write one grouping, or two such as day,language.")
    return groupings


async def _read(url: str, request: ReportRequest, *, with_picture: bool) -> ReportData:
    from db import report as rows
    from db import shifts
    from db.engine import open_engine
    from db.report_operators import operators_work
    from ivr.cli.report.report_groups import By, Groups

    limits = Limits(request.within, request.short)
    groups = Groups(request.by, request.period, limits, request.now)
    hours = Groups((By.HOUR_OF_DAY,), request.period, limits, request.now) if with_picture else None
    begins, ends = request.period.begins, request.period.ends
    by, quarters = groups.attributes, groups.by_time or with_picture
    async with open_engine(url) as engine:
        last_end = ends
        for operator in await rows.states_before(engine, begins):
            groups.add_states(operator)
        for since, until in _parts(begins, ends):
            calls, states = await asyncio.gather(  # on two connections, so that a second core can help
                rows.waited_calls(engine, since, until, by, quarters=quarters, tests=request.tests),
                rows.operator_states(engine, since, min(until, request.now)),
            )
            last_end = max([last_end, *(some.last_end for some in calls if some.last_end is not None)])
            groups.add_calls(calls)
            if hours is not None:
                hours.add_calls(calls)
            for operator in states:
                groups.add_states(operator)
        groups.add_menu_calls(await rows.menu_calls(engine, begins, ends, by, quarters=quarters, tests=request.tests))
        groups.add_send_requests(
            await rows.send_requests(engine, begins, ends, by, quarters=quarters, tests=request.tests)
        )
        # Callers who began to wait just before the end of the period talk after it.
        for operator in await rows.operator_states(engine, ends, min(last_end + _LONGEST_WRAP_UP, request.now)):
            groups.add_states(operator)
        groups.finish()
        names, planned = dict[str, str](), dict[str, float]()
        if By.OPERATOR in request.by:
            names = await rows.operator_names(engine)
        if request.by == (By.OPERATOR,):
            planned = await shifts.planned_seconds(engine, begins, min(ends, request.now))
            groups.credit(await operators_work(engine, begins, ends, tests=request.tests))
            groups.expect(planned)
        return ReportData(groups, hours, names, planned, await rows.call_counts(engine, begins, ends))


def _parts(begins: datetime, ends: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a period, so that not all of a year's calls are in memory at once."""
    while begins < ends:
        until = min(begins + _PART, ends)
        yield begins, until
        begins = until


def _draw(path: Path, site: str, request: ReportRequest, data: ReportData) -> None:
    from ivr.cli.report.report_picture import Hour, draw_hours

    assert data.hours is not None
    bars = [
        Hour(int((key or "0")[:2]), group.tally.figures())
        for (key,), group in data.hours.rows
        if group.tally.figures().waited
    ]
    try:
        path.write_text(
            draw_hours(site, request.days, bars, data.hours.total.tally.figures(), request.within), encoding="utf-8"
        )
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}; name another file with --picture.") from None
