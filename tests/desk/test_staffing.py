"""The page of staffing: a past week is simulated with another team, by a process of its own, and shown in the end."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import desk_server
import pytest
import pytest_asyncio
from desk_server import TestDesk, serving
from made_year import stored_year
from playwright.async_api import Browser, expect
from sqlalchemy import delete, insert
from test_desk_browser import violations

from db.engine import open_engine, writing
from db.tables import Operator
from desk.page.pages import ROOT
from desk.staffing.runs import Question, Simulations

pytest_plugins = ["db_fixtures", "browser"]

SUPERVISOR = "1040"
NOW = datetime(2026, 10, 29, 12, tzinfo=UTC)
WEEK = "2026-10-19"


@pytest_asyncio.fixture(scope="module")
async def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a year of calls, which each test gets a copy of."""
    file = Path(shutil.copy(stored_year(), tmp_path_factory.mktemp("staffing") / "hatif.db"))
    async with open_engine(f"sqlite:///{file}") as engine, writing(engine) as connection:
        await connection.execute(delete(Operator))
        await connection.execute(insert(Operator).values(id="1002", name="Safae", languages={"ar": 5, "fr": 4}))
    return file


@pytest_asyncio.fixture
async def desk(year: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    plain = desk_server.settings_for
    site = ROOT.parent / "sites" / "consulate"
    monkeypatch.setattr(
        desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site, home=tmp_path)
    )
    async with serving(f"sqlite:///{shutil.copy(year, tmp_path / 'hatif.db')}") as found:
        found.desk.now = lambda: NOW
        await found.operator(SUPERVISOR, supervisor=True)
        yield found


async def test_a_supervisor_sees_what_a_week_would_have_been_if_an_operator_had_learnt_a_language(
    desk: TestDesk, browser: Browser
) -> None:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    await desk.enters(context, SUPERVISOR)
    page = await context.new_page()
    await page.goto(f"{desk.url}/staffing")
    problems = await violations(page)
    await page.select_option("#week", WEEK)
    await page.check('[value="teach"]')
    await page.select_option("#learnt", "es")
    await page.click("button.primary")
    await page.wait_for_selector("#run table", timeout=60_000)
    await expect(page.locator("#run h2")).to_have_text("19 Oct 2026 to 25 Oct 2026 · 1002 learns Spanish 3")
    rows = await page.locator("#run tbody th").all_inner_texts()
    assert rows[0] == "all calls" and {"Arabic", "French", "Spanish"} <= {*rows}
    assert await page.locator("#run svg").count() == 2
    assert problems == []
    await context.close()


async def test_the_week_that_is_chosen_at_first_is_the_last_one_with_calls(desk: TestDesk) -> None:
    desk.desk.now = lambda: datetime(2027, 1, 20, 12, tzinfo=UTC)  # the last call was at the turn of the year
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    page = (await supervisor.get("/staffing")).text
    assert '<option value="2026-12-28" selected>' in page and page.count('<option value="202') == 8


async def test_a_week_without_calls_is_explained_by_the_commands_own_sentence(desk: TestDesk) -> None:
    desk.desk.now = lambda: datetime(2020, 1, 15, tzinfo=UTC)
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    answer = await supervisor.post("/staffing/runs", {"week": "2020-01-06"})
    path = answer.leads_to
    run = desk.app.state.simulations.find(path.rpartition("=")[2])
    await _over(desk, run.id)
    assert "The database has no calls that waited for an operator" in (await supervisor.get(path)).text


async def _over(desk: TestDesk, identity: str) -> None:
    async with asyncio.timeout(60):
        while not desk.app.state.simulations.find(identity).is_over:  # noqa: ASYNC110 - as the page does
            await asyncio.sleep(0.1)


async def test_what_cannot_be_simulated_is_refused_before_a_process_starts(desk: TestDesk) -> None:
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    teach = {"week": WEEK, "change": "teach", "operator": "1002"}
    for form, sentence in (
        ({"week": "2026-10-20"}, "Choose a week that is over."),
        ({"week": "2026-10-26"}, "Choose a week that is over."),
        ({"week": WEEK, "change": "more", "language": "xx"}, "Choose a language of the line."),
        ({**teach, "operator": "9999", "learnt": "es"}, "There is no such operator."),
        ({**teach, "learnt": "fr"}, "speaks that language at this level"),
        ({**teach, "learnt": "--csv"}, "Something in the form is not valid."),
    ):
        answer = await supervisor.post("/staffing/runs", form)
        assert answer.status == 422 and sentence in answer.text, form


async def test_a_simulation_that_takes_too_long_is_stopped(desk: TestDesk) -> None:
    simulations = Simulations(desk.desk.settings, longest_s=0.05)
    desk.app.state.simulations = simulations
    run = simulations.start(Question(NOW.date(), NOW.date()))
    await _over(desk, run.id)
    assert run.problem == "The simulation took too long and was stopped."
    supervisor = await desk.signed_in(SUPERVISOR, "fr")
    assert "La simulation a pris trop de temps" in (await supervisor.get(f"/staffing?run={run.id}")).text
    assert (await supervisor.get("/staffing?run=unknown")).status == 404
