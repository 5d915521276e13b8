"""Every page can be used by everybody (axe), in each language and appearance, and fits narrow and wide windows."""

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import desk_server
import pytest
import pytest_asyncio
import site_pictures
import try_picture
from controller import standing_in
from desk_server import TestDesk, serving
from playwright.async_api import Browser, Page, expect
from site_control import changing
from test_desk_browser import AXE
from test_fits import WHO, rush

from db.enums import AccountRole
from ivr.site.site import load

pytest_plugins = ["db_fixtures", "browser"]

LANGUAGES = ("en", "fr", "ar")
SITE = Path(__file__).parents[2] / "sites" / "consulate"
WIDTHS = (390, 768, 1280, 1920)
BUSIEST = ("/shift", "/supervise", "/board", "/reports", "/roster")
OTHERS = (
    *("/account", "/amend", "/amend/questions", "/board/walls", "/people", "/recordings", "/reports/definitions"),
    *(
        "/site/audit",
        "/site/changes",
        "/site/flow",
        "/site/health",
        "/site/hours",
        "/site/numbers",
        "/site/numbers/new",
    ),
    *("/site/operators", "/site/operators/1003", "/site/operators/import", "/site/operators/new", "/site/prompts"),
    *("/staffing", "/staffing/roster", "/try"),
)

VIOLATIONS = """async (rules) => (await axe.run("html", { resultTypes: ["violations"], ...rules })).violations.map(
  (row) => `${row.id}: ${row.help}: ${row.nodes.map((node) => node.target)}`)"""

MISFITS = """() => {
  const scrolls = (one) => {
    for (let at = one.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible") return true;
    }
    return false;
  };
  const texts = "button, .button, label, legend, h1, h2, h3, th, dt, dd, .tag, .sign, .count";
  const found = [];
  for (const one of document.querySelectorAll("header *, .top *, main *")) {
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (one.closest(".unseen, svg, option")) continue;
    const { left, right, width } = one.getBoundingClientRect();
    const name = `${one.tagName} ${one.id} ${one.className} ${one.textContent.trim().slice(0, 30)}`;
    const isCut = one.matches(texts) && one.clientWidth && one.scrollWidth > one.clientWidth + 1;
    if (width && (left < -1 || right > innerWidth + 1) && !scrolls(one)) found.push(`outside: ${name}`);
    else if (isCut && getComputedStyle(one).display !== "inline") found.push(`cut: ${name}`);
  }
  const width = document.scrollingElement.scrollWidth;
  return width > innerWidth ? [`the page is ${width} wide`, ...found] : found;
}"""
"""Returns what makes the page scroll sideways, lies outside it, or is cut off."""


@pytest_asyncio.fixture
async def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    """A busy desk, on a copy of the example site."""
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    plain = desk_server.settings_for

    def with_site(*given: Any) -> Any:
        return dataclasses.replace(plain(*given), site_folder=site, home=tmp_path, has_try=True)

    monkeypatch.setattr(desk_server, "settings_for", with_site)
    controller, changes = changing(site, tmp_path, datetime.now(UTC))
    controller.answers |= answers(site)
    working = asyncio.create_task(changes.run())
    async with standing_in(controller), serving(sqlite_url, controller.port) as found:
        await found.account(WHO, AccountRole.ADMINISTRATOR, WHO)
        rush(controller)
        controller.answers["/hours"] = (200, {"forced": False, "open": True, "until": None})
        await controller.seen(found)
        yield found
    working.cancel()


def answers(site: Path) -> dict[str, tuple[int, object]]:
    year, known = datetime.now(UTC).year, load(site)
    days = {
        f"/holidays?year={year}&language={language}": (200, site_pictures.holidays(known, language))
        for language in LANGUAGES
    }
    return {**try_picture.answers(site), **days, "/guide?language=en": (200, {"procedures": []})}


async def problems(page: Page) -> list[str]:
    found: list[str] = []
    await page.evaluate(AXE.read_text())  # not as a script of the page, whose policy forbids it
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{scheme}: {row}" for row in await page.evaluate(VIOLATIONS, rules)]
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width} px: {row}" for row in await page.evaluate(MISFITS)]
    return found


@pytest.mark.parametrize(
    "paths", [pytest.param(BUSIEST, id="busiest"), pytest.param(OTHERS, id="others", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_everybody_can_use_a_page_at_each_width(
    desk: TestDesk, browser: Browser, language: str, paths: tuple[str, ...]
) -> None:
    context = await browser.new_context(locale=language, reduced_motion="reduce")
    await desk.enters(context, WHO)
    page = await context.new_page()
    found = {}
    for path in paths:
        await page.set_viewport_size({"width": 1280, "height": 800})
        answer = await page.goto(desk.url + path)
        assert answer is not None and answer.status == 200, path
        await expect(page.locator(".htmx-request")).to_have_count(0)
        if rows := await problems(page):
            found[path] = rows
    await context.close()
    assert found == {}
