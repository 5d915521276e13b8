"""A report as a file: what a spreadsheet and a reader of PDF find in it, in each language, whatever callers chose."""

import csv
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from made_year import stored_year
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine, writing
from db.tables import Call, Operator
from reports import sheet
from reports.documents import build_document
from reports.job import Job, Result
from reports.names import Names
from reports.reading import ReportData, read_report
from reports.request import ReportRequest, make_request
from reports.results import make_result
from reports.words import LANGUAGES, load

pytest_plugins = ["db_fixtures"]

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2027, 6, 1, tzinfo=UTC)
NAMES = Names("consulate", {"documents": "Documents and visas"})
FORMULAS = ("=1+1", "+33800212000", "-2", "@SUM(A1)", "\t=1+1", "\r=1+1", " =1+1", "=cmd|' /C calc'!A0")


def defused(text: str) -> str:
    """Return a text as its cell has it, also for a spreadsheet that splits lines at tabs."""
    return "'" + re.sub(r"^([\t\r])", r"\1'", text)


@pytest_asyncio.fixture
async def engine(sqlite_url: str) -> Any:
    async with open_engine(sqlite_url) as made:
        yield made


async def read(engine: AsyncEngine, by: str, first: date, last: date) -> tuple[ReportRequest, ReportData]:
    request = make_request(by, first, last, PARIS, NOW)
    return request, await read_report(engine, request, hours=True)


def made(result: Result, request: ReportRequest, data: ReportData, language: str = "en") -> bytes:
    return make_result(result, Job(request, (result,), NAMES, language), data)


async def calls_about(engine: AsyncEngine, topics: tuple[str, ...]) -> None:
    at = datetime(2026, 6, 1, 10, tzinfo=UTC)
    times = {"started": at, "queued": at, "connected": at + timedelta(seconds=9), "ended": at + timedelta(seconds=99)}
    rows = [
        {"id": UUID(int=number), "node": "n", "topic": topic, "operator_id": topic, "outcome": "answered", **times}
        for number, topic in enumerate(topics, 1)
    ]
    async with writing(engine) as connection:
        await connection.execute(insert(Call), rows)
        await connection.execute(insert(Operator), [{"id": topic, "name": topic} for topic in topics])


@pytest.mark.parametrize("by", ["topic", "operator", "day,topic"])
async def test_no_cell_is_a_formula_whatever_its_text_begins_with(engine: AsyncEngine, by: str) -> None:
    await calls_about(engine, FORMULAS)
    request, data = await read(engine, by, date(2026, 6, 1), date(2026, 6, 1))
    book = load_workbook(BytesIO(made(Result.XLSX, request, data)))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    texts = {str(cell.value) for cell in cells if cell.data_type == "s"}
    assert any("=1+1" in text for text in texts)
    rows = list(csv.DictReader(StringIO(made(Result.CSV, request, data).decode("utf-8-sig"))))
    column = "topic" if "topic" in by else "name"
    assert sorted(row[column] for row in rows) == sorted(map(defused, FORMULAS))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe_and_a_number_does_not(text: str) -> None:
    assert sheet.cell(text) == defused(text)
    assert sheet.cell(-2.5) == -2.5
    assert sheet.cell("documents") == "documents"


@pytest_asyncio.fixture(scope="module")
async def year(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncEngine]:
    """A year of calls, made once: these tests only read."""
    file = shutil.copy(stored_year(), tmp_path_factory.mktemp("reports") / "hatif.db")
    async with open_engine(f"sqlite:///{file}") as engine:
        yield engine


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_workbook_has_the_same_figures_as_the_document(year: AsyncEngine, language: str) -> None:
    request, data = await read(year, "day", date(2026, 10, 19), date(2026, 10, 31))
    document = build_document(request, data)
    book = load_workbook(BytesIO(made(Result.XLSX, request, data, language)))
    page, meanings = book.worksheets
    assert bool(page.sheet_view.rightToLeft) == (language == "ar")
    head, *rows = list(page.iter_rows(values_only=True))
    assert len(rows) == len(document["rows"]) > 10
    words = load(language)
    columns = {str(name): place for place, name in enumerate(head)}
    for row, found in zip(rows, document["rows"], strict=True):
        day, calls, level = row[0], row[columns[words.text("Calls")]], row[columns[words.text("In time")]]
        assert isinstance(day, datetime) and f"{day:%Y-%m-%d}" == found["day"]
        assert calls == found["calls"]
        assert level == (pytest.approx(found["service_level_offered"]) if found["offered"] else None)
        talking = row[columns[words.text("Talking")]]
        seconds = talking.total_seconds() if isinstance(talking, timedelta) else _seconds(talking)
        assert seconds == pytest.approx(found["talking_s"] or 0, abs=1)
    total = {row[0]: (row[1], row[2]) for row in meanings.iter_rows(values_only=True)}
    assert total[words.text("Calls")][0] == document["total"]["calls"]
    assert all(meaning for name, (_, meaning) in list(total.items())[7:] if name)


def _seconds(value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, datetime):  # over a day
        return (value.replace(tzinfo=UTC) - datetime(1899, 12, 30, tzinfo=UTC)).total_seconds()
    return float(value.hour * 3600 + value.minute * 60 + value.second)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_pdf_has_the_figures_and_their_meaning_in_each_language(year: AsyncEngine, language: str) -> None:
    request, data = await read(year, "language", date(2026, 1, 1), date(2026, 12, 31))
    words = load(language)
    reader = PdfReader(BytesIO(made(Result.PDF, request, data, language)))
    read_back = _letters("".join(page.extract_text() for page in reader.pages))
    total = build_document(request, data)["total"]
    assert _letters(words.count(total["calls"])) in read_back
    assert _letters(words.percent(total["service_level_offered"])) in read_back
    assert reader.metadata is not None and reader.metadata.title == words.text("Calls of %(days)s", days=_days(words))
    fonts = {str(font["/BaseFont"]) for page in reader.pages for font in _fonts(page)}
    assert all("IBMPlexSansArabic" in font for font in fonts), fonts
    meaning = words.text("The caller waited and reached nobody.")
    # A reader of Arabic text gives its letters in the order in which they are drawn.
    assert _letters(meaning) in read_back or _letters(meaning)[::-1] in read_back or language == "ar"
    assert language != "ar" or sum("\u0600" <= letter <= "\u06ff" for letter in read_back) > 1000


def _letters(text: str) -> str:
    """Return a text without spaces of any kind, and without marks of direction."""
    return "".join(letter for letter in text if not letter.isspace() and letter.isprintable())


def _days(words: Any) -> str:
    return str(
        words.text("%(first)s to %(last)s", first=words.day(date(2026, 1, 1)), last=words.day(date(2026, 12, 31)))
    )


def _fonts(page: Any) -> list[Any]:
    return [font.get_object() for font in page["/Resources"].get("/Font", {}).values()]


async def test_what_people_wrote_is_text_in_the_pdf_and_never_markup(engine: AsyncEngine) -> None:
    markup = ("#panic(1)", "*bold* $x$ <label> @nobody", "\\u{41} // comment")
    await calls_about(engine, markup)
    request, data = await read(engine, "topic", date(2026, 6, 1), date(2026, 6, 1))
    reader = PdfReader(BytesIO(made(Result.PDF, request, data)))
    read_back = "".join("\n".join(page.extract_text() for page in reader.pages).split())
    for text in markup:
        assert "".join(text.split()) in read_back


async def test_a_report_without_calls_is_a_file_that_says_so(engine: AsyncEngine) -> None:
    request, data = await read(engine, "day", date(2026, 6, 1), date(2026, 6, 2))
    reader = PdfReader(BytesIO(made(Result.PDF, request, data)))
    assert "No calls arrived in this period." in reader.pages[0].extract_text()
    book = load_workbook(BytesIO(made(Result.XLSX, request, data)))
    assert book.worksheets[0].max_row == 1
    assert len(made(Result.CSV, request, data).decode().splitlines()) == 1
