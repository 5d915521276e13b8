"""The page of reports: what supervisors choose, see and take with them, in a real browser and three languages."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import psutil
import pytest_asyncio
from desk_server import TestDesk, serving
from made_year import stored_year
from openpyxl import load_workbook
from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader
from test_desk_browser import violations

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


async def test_a_report_that_takes_too_long_is_given_up_and_its_process_with_it(desk: TestDesk) -> None:
    desk.app.state.report_maker = ReportMaker(desk.desk.settings.database_url, longest_s=0.01)
    browser = await desk.signed_in(SUPERVISOR, "en")
    page = await browser.get("/reports")
    assert page.status == 503 and "This report takes too long." in page.text


async def test_a_process_is_always_ready_for_the_next_report_and_ends_with_the_desk(tmp_path: Path) -> None:
    maker = ReportMaker(f"sqlite:///{shutil.copy(stored_year(), tmp_path)}")
    keeping = asyncio.create_task(maker.run(0))
    wanted = make_request("day", NOW.date(), None, ZoneInfo("Africa/Casablanca"), NOW)

    def workers() -> set[int]:
        found = set()
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if "reports.worker" in process.cmdline():
                    found.add(process.pid)
        return found

    async def ready(before: int = 0) -> int:
        async with asyncio.timeout(20):
            while not (found := workers() - {before}):  # noqa: ASYNC110 - until there is another process
                await asyncio.sleep(0.02)
        (worker,) = found
        return worker

    try:
        first = await ready()
        made = await maker.layout(wanted, "en", Names())
        async with asyncio.timeout(20):
            while psutil.pid_exists(first):  # the desk may not yet have known that it is there
                assert await maker.layout(wanted, "en", Names()) == made
        second = await ready(first)
        os.kill(second, signal.SIGKILL)
        async with asyncio.timeout(20):
            while psutil.pid_exists(second):  # noqa: ASYNC110 - until the desk has noticed
                await asyncio.sleep(0.02)
        assert await maker.layout(wanted, "en", Names()) == made
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
    assert workers() == set()


async def test_a_database_that_is_away_is_named_as_everywhere_else(desk: TestDesk) -> None:
    desk.app.state.report_maker = ReportMaker("postgresql://nobody:secret@127.0.0.1:1/none")
    browser = await desk.signed_in(SUPERVISOR, "en")
    page = await browser.get("/reports")
    assert page.status == 503 and "The database does not answer." in page.text and "secret" not in page.text
