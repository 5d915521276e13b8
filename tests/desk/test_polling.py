"""Parts of pages that ask again by themselves go on doing so, also after an answer that failed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import desk_server
import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, expect

from db.enums import AccountRole
from desk.page.pages import ROOT

pytest_plugins = ["db_fixtures", "browser"]

WHO = "1040"
AMENDMENT, CHANGE = str(uuid4()), str(uuid4())


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    plain, site = desk_server.settings_for, ROOT.parent / "sites" / "consulate"
    monkeypatch.setattr(desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site))
    async with serving(sqlite_url, controller.port) as found:
        await found.account(WHO, AccountRole.SUPERVISOR)
        yield found


def answer(controller: StandIn, state: str, effect: str | None = None, status: int = 200) -> None:
    """Have the controller say how far the release of an amendment is."""
    row: dict[str, Any] = {
        "id": AMENDMENT,
        "procedure": "visa",
        "texts": {"guide_visa_fee": {"fr": "Le visa est gratuit."}},
        "before": {},
        "meaning": True,
        "proposed": datetime.now(UTC).isoformat(),
        "proposed_by": "1901",
        "state": state,
        "change": CHANGE,
    }
    controller.answers["/guide/amendments?last=300&procedure=visa"] = (200, [row])
    controller.answers[f"/guide/amendments/{AMENDMENT}"] = (status, row if status == 200 else {"detail": "away"})
    controller.answers[f"/site/changes/{CHANGE}"] = (200, {"effect": {"state": effect} if effect else None})


async def asked(controller: StandIn, times: int) -> None:
    """Wait until the page has asked so many times more."""
    before = len(controller.asked)
    async with asyncio.timeout(60):
        while sum(row[1] == f"/guide/amendments/{AMENDMENT}" for row in controller.asked[before:]) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_an_amendment_that_is_released_is_followed_to_its_end_while_the_line_is_away_for_a_moment(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    answer(controller, "releasing")
    context = await browser.new_context(locale="en", reduced_motion="reduce")
    await desk.enters(context, WHO)
    page = await context.new_page()
    await page.goto(f"{desk.url}/amend/procedure/visa")
    await expect(page.locator(".amendment .state")).to_have_text("is being checked")
    await asked(controller, 2)
    answer(controller, "releasing", status=503)
    await asked(controller, 1)
    answer(controller, "released", "running")
    await expect(page.locator(".amendment")).to_contain_text("are being spoken", timeout=60_000)
    answer(controller, "released", "done")
    await expect(page.locator(".amendment button", has_text="Take back")).to_be_visible(timeout=60_000)
    await context.close()
