"""The page of reports: what supervisors choose, see and take with them, in a real browser and three languages."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from desk_server import TestDesk, serving
from made_year import stored_year
from openpyxl import load_workbook
from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader
from test_desk_browser import violations

from desk.report import making
from desk.report.making import ReportMaker
from reports.names import Names
from reports.request import make_request

pytest_plugins = ["db_fixtures", "browser"]

SUPERVISOR = "1040"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
YEAR = {"span": "days", "first": "2026-01-01", "last": "2026-10-31"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestDesk]:
    async with serving(f"sqlite:///{shutil.copy(stored_year(), tmp_path / 'hatif.db')}") as found:
        found.desk.now = lambda: NOW
        await found.operator(SUPERVISOR, supervisor=True)
        yield found


async def opened(desk: TestDesk, browser: Browser, language: str = "en", **query: str) -> Page:
    context = await browser.new_context(
        locale=language, reduced_motion="reduce", viewport={"width": 1280, "height": 900}
    )
    await desk.enters(context, SUPERVISOR)
    page = await context.new_page()
    await page.goto(f"{desk.url}/reports?{urlencode(query)}")
    return page


async def test_a_supervisor_chooses_a_period_and_a_grouping_takes_the_figures_along_and_reads_what_they_mean(
    desk: TestDesk, browser: Browser, tmp_path: Path
) -> None:
    page = await opened(desk, browser)
    problems = await violations(page)
    await page.select_option("#span", "days")
    await page.fill("#first", "2026-01-01")
    await page.fill("#last", "2026-10-31")
    await page.select_option("#by", "language")
    await page.click("button.primary")
    await expect(page.locator("h2").first).to_have_text("Calls of 1 Jan 2026 to 31 Oct 2026")
    head = await page.locator("#table-calls + .scrolled thead th").all_inner_texts()
    rows = page.locator("#table-calls + .scrolled tbody tr")
    shown = {
        await row.locator("th").inner_text(): await row.locator("td").first.inner_text() for row in await rows.all()
    }
    assert head[:2] == ["Language", "Calls"] and {*shown} == {"Arabic", "French", "Spanish"}
    assert await page.locator(".report-picture svg").count() == 2
    for form in ("xlsx", "pdf"):
        async with page.expect_download() as coming:
            await page.click(f'a[href*="/file/{form}"]')
        found = tmp_path / f"report.{form}"
        await (await coming.value).save_as(found)
        assert (await coming.value).suggested_filename == f"report-2026-01-01-2026-10-31-language.{form}"
    sheet = load_workbook(tmp_path / "report.xlsx").worksheets[0]
    assert {str(row[0]): f"{row[1]:,}" for row in list(sheet.iter_rows(values_only=True))[1:]} == shown
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "report.pdf").pages)
    assert all(calls in text for calls in shown.values())
    assert problems == []

    # A figure leads to what it means.
    link = page.locator("#table-service + .scrolled thead a").first
    assert "answered within 20 s" in (await link.get_attribute("title") or "")
    await link.click()
    await page.wait_for_url("**/reports/definitions#service_level_offered")
    await expect(page.locator("#service_level_offered:target")).to_contain_text("Service level")
    await page.context.close()


async def test_the_page_is_arabic_from_right_to_left_with_its_pictures(desk: TestDesk, browser: Browser) -> None:
    page = await opened(desk, browser, "ar", **YEAR, by="country")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    label = page.locator(".report-picture svg text", has_text="فرنسا").first
    bar = page.locator(".report-picture svg rect.answered").first
    label_box, bar_box = await label.bounding_box(), await bar.bounding_box()
    assert label_box is not None and bar_box is not None
    assert label_box["x"] > bar_box["x"] + bar_box["width"], "names are at the right of their bars"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.context.close()


async def test_an_impossible_report_is_explained_and_the_form_keeps_what_was_chosen(desk: TestDesk) -> None:
    browser = await desk.signed_in(SUPERVISOR, "en")
    days = {"span": "days", "first": "2026-02-01", "last": "2026-01-01"}
    for fields, sentence in (
        (days, "The last day is before the first one."),
        ({**days, "first": ""}, "Choose the first and the last day."),
        ({**days, "first": "1200-01-01"}, "Choose days from 2000 to 2098."),
        ({"by": "day", "second": "hour"}, "Both groupings are times"),
        ({"by": "topic", "second": "topic"}, "Both groupings are times, or the same"),
    ):
        page = await browser.get(f"/reports?{urlencode(fields)}")
        assert page.status == 422 and sentence in page.text, sentence
        assert (await browser.get(f"/reports/file/pdf?{urlencode(fields)}")).status == 422
        for field in fields.keys() & {"by", "second", "span"}:
            assert f'value="{fields[field]}" selected' in page.text, fields


async def test_what_no_form_sends_is_refused_without_a_report(desk: TestDesk) -> None:
    browser = await desk.signed_in(SUPERVISOR)
    for query in ("by=weather", "span=eon", "tests=perhaps", "first=" + "1" * 5000, "by=day&second=a,b"):
        assert (await browser.get(f"/reports?{query}")).status == 422, query
        assert (await browser.get(f"/reports/file/exe?{query}")).status == 422, query


async def test_a_report_that_takes_too_long_is_given_up(desk: TestDesk) -> None:
    desk.app.state.report_maker = ReportMaker(desk.desk.settings.database_url, longest_s=0.01)
    browser = await desk.signed_in(SUPERVISOR, "en")
    page = await browser.get("/reports")
    assert page.status == 503 and "This report takes too long." in page.text


async def test_a_report_that_cannot_be_made_is_explained_and_the_next_one_is_made(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await desk.signed_in(SUPERVISOR, "en")
    with monkeypatch.context() as patch:
        patch.setattr(making, "make_results", None)
        page = await browser.get("/reports")
        assert page.status == 500 and "The report could not be made; the desk&#39;s log says why." in page.text
    assert (await browser.get("/reports")).status == 200


async def test_other_pages_are_served_while_a_report_is_made(desk: TestDesk) -> None:
    browser = await desk.signed_in(SUPERVISOR, "en")
    query = urlencode({**YEAR, "by": "half-hour", "second": "operator"})
    report = asyncio.create_task(browser.get(f"/reports?{query}"))
    served = 0
    while not report.done():
        assert (await browser.get("/reports/definitions")).status == 200
        served += not report.done()
    assert (await report).status == 200 and served > 3


async def test_a_report_that_is_being_made_ends_with_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    async def never(*_: object) -> list[bytes]:
        begun.set()
        return await asyncio.Future()

    monkeypatch.setattr(making, "make_results", never)
    maker = ReportMaker("sqlite:///nowhere.db")
    request = make_request("day", NOW.date(), None, ZoneInfo("Africa/Casablanca"), NOW)
    wanted = asyncio.create_task(maker.layout(request, "en", Names()))
    assert await asyncio.to_thread(begun.wait, 20)
    maker.close()
    done, _ = await asyncio.wait({wanted}, timeout=20)
    assert done and wanted.cancelled()


async def test_many_reports_at_once_are_made_two_by_two_and_more_are_refused(desk: TestDesk) -> None:
    browser = await desk.signed_in(SUPERVISOR, "en")
    pages = await asyncio.gather(*(browser.get("/reports") for _ in range(making.AT_ONCE + making.WAITING + 2)))
    refused = [page for page in pages if page.status == 503]
    assert len(refused) == 2 and all("Many reports are being made" in page.text for page in refused)
    assert {page.status for page in pages if page not in refused} == {200}


async def test_a_database_that_is_away_is_named_as_everywhere_else(desk: TestDesk) -> None:
    desk.app.state.report_maker = ReportMaker("postgresql://nobody:secret@127.0.0.1:1/none")
    browser = await desk.signed_in(SUPERVISOR, "en")
    page = await browser.get("/reports")
    assert page.status == 503 and "The database does not answer." in page.text and "secret" not in page.text
