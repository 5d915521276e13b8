"""`hatif report`: how the line served its callers, from the database."""

import asyncio
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import typer

from cli.composition import Composition
from cli.output import JSON, console, working
from cli.report import format_report
from cli.sheet import BOM, CSV, SEPARATOR, Sheet
from cli.times import parse_day
from db.engine import open_engine
from ivr.model import clock
from prompts import catalogue, vowels
from reports.job import Job, Result
from reports.names import Names, in_language
from reports.periods import Span
from reports.request import RequestError, make_request
from reports.results import make_results
from routing.figures import SHORT_S, WITHIN_S
from wire.errors import UserError

LANGUAGES = ("fr", "ar", "en")


class ReportError(UserError):
    """A sentence that says why there is no report, and what to write instead."""


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    by: str = typer.Option(
        "day",
        "--by",
        help="Group by day, hour, half-hour, hour-of-day, language, country, topic, operator, number or ending; or two:"
        " day,language.",
    ),
    first: str | None = typer.Option(
        None, "--from", help="The first day, such as 2027-01-15.  [default: six days before the last]"
    ),
    last: str | None = typer.Option(None, "--to", help="The last day, included.  [default: today]"),
    span: Span | None = typer.Option(None, "--period", help="A period by its name, instead of --from and --to."),
    within: float = typer.Option(WITHIN_S, "--within", help="T: the seconds within which a call should be answered."),
    short: float = typer.Option(SHORT_S, "--short", help="s: the seconds within which abandoning does not count."),
    tests: bool = typer.Option(False, "--tests", help="Include test calls."),
    as_csv: bool = CSV,
    separator: str = SEPARATOR,
    bom: bool = BOM,
    json: bool = JSON,
    xlsx: Path | None = typer.Option(None, "--xlsx", help="Also write this Excel workbook.", dir_okay=False),
    pdf: Path | None = typer.Option(None, "--pdf", help="Also write this PDF, with pictures.", dir_okay=False),
    picture: Path | None = typer.Option(
        None, "--picture", help="Also draw calls and service level by hour of the day into this SVG file."
    ),
    language: str = typer.Option("en", "--language", help="Of --xlsx, --pdf and --picture: fr, ar or en."),
) -> None:
    """Report all calls and how they ended; of those that waited, service level, waits, abandonment and handling.

    Days and hours are in the site's time zone. A call belongs to the day and hour in which it began to wait, or
    arrived if it never waited.
    Percentages come from sums: the row `all` is not an average of the others. docs/report.md defines each figure.
    """
    if as_csv and json:
        raise ReportError("--csv and --json exclude each other; use one of them.")
    if span is not None and (first is not None or last is not None):
        raise ReportError("--period is instead of --from and --to; use either.")
    if language not in LANGUAGES:
        raise ReportError(f"--language {language!r} is not a language of reports; write one of fr, ar, en.")
    sheet = Sheet.from_options(separator, bom)
    parts = Composition()
    begin = parse_day(first, "--from") if first is not None else None
    end = parse_day(last, "--to") if last is not None else None
    try:
        request = make_request(
            by, begin, end, ZoneInfo(parts.site.hours.timezone), clock.now(),
            span=span, within=within, short=short, tests=tests,
        )  # fmt: skip
    except RequestError as error:
        raise ReportError(str(error)) from None
    files = {name: path for name, path in {"xlsx": xlsx, "pdf": pdf, "picture": picture}.items() if path is not None}
    shown = Result.DOCUMENT if json else Result.CSV if as_csv else Result.TABLES
    names = _names(parts, language) if files else Names()
    job = Job(request, (shown, *map(Result, files)), names, language, sheet.separator, sheet.bom)
    with working("Reading the calls"):
        result, *contents = _make(parts.database_url, job)
    if shown is Result.TABLES:
        format_report.show(request, orjson.loads(result))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    for (name, path), content in zip(files.items(), contents, strict=True):
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ReportError(f"{path}: {error.strerror}; name another file with --{name}.") from None
        if shown is Result.TABLES:
            what = "calls by the hour of the day" if name == Result.PICTURE else "the report"
            console.print(f"{path}: {what}.", markup=False)


def _make(url: str, job: Job) -> list[bytes]:
    async def make() -> list[bytes]:
        async with open_engine(url, long=True) as engine:
            return await make_results(engine, job)

    return asyncio.run(make())


def _names(parts: Composition, language: str) -> Names:
    """Return the names of the site in a language."""
    found = catalogue.load(parts.settings.site)
    written = {text: vowels.bare(found.text(language, text) or "").strip().rstrip(".,:،") for text in found.ids}

    def named(beginning: str) -> dict[str, str]:
        return {text.removeprefix(beginning): name for text, name in written.items() if text.startswith(beginning)}

    endings = in_language(parts.site.wrap_up.endings, language)
    return Names(parts.site.name, named("talk_topic_"), named("code_pause_"), endings)
