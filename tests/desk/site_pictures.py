"""Draws the pictures of docs/administrators.md: a real desk and a real browser, on a copy of the example site."""

import asyncio
import dataclasses
import re
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import chromium
import desk_server
from controller import standing_in
from pictures import SITE, sign_in, take
from playwright.async_api import Page, async_playwright
from site_control import changing

from db.enums import AccountRole
from db.upgrade import upgrade
from desk.people import accounts
from desk.people.accounts import Person
from ivr.model import clock
from ivr.site.holidays import list_holidays
from ivr.site.site import Site, load

ME = "nour"
NOW = datetime(2027, 3, 2, 9, tzinfo=UTC)
MONTH = "2027-03"
"""With a holiday that depends on the moon."""


EXCEPTIONS = """
[hours.day]
2027-03-19 = ["08:00-12:00"]

[hours.holiday]
2027-03-08 = {fr = "Journée de la femme", ar = "اليوم العالمي للمرأة", en = "Women's Day"}

[hours.week]"""


def holidays(site: Site, language: str) -> dict[str, Any]:
    days = site.hours.closing_days()
    days.apply(days.move(date(2027, 3, 9), date(2027, 3, 11), ME))
    parts = list_holidays(days, NOW.date(), 2027, language)
    return dict(
        zip(("holidays", "taken_back", "at_once"), ([row.as_data() for row in part] for part in parts), strict=True)
    )


async def checked(page: Page) -> None:
    await page.wait_for_selector(".difference", timeout=60_000)


async def pages_in(desk: desk_server.TestDesk, page: Page, language: str) -> None:
    await page.goto(f"{desk.url}/site/operators?q=nl")
    await take(page, f"site-operators-{language}")
    await page.set_viewport_size({"width": 1280, "height": 1780})
    await page.goto(f"{desk.url}/site/hours?month={MONTH}&day=2027-03-10")
    await page.evaluate("scrollTo(0, 0)")
    await take(page, f"site-hours-{language}")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(f"{desk.url}/site/numbers/one?of=%2B32800212001")
    await take(page, f"site-number-{language}")


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    site = folder / "site"
    shutil.copytree(SITE, site)
    toml = site / "site.toml"
    toml.write_text(toml.read_text().replace("\n[hours.week]", EXCEPTIONS, 1))
    plain = desk_server.settings_for
    desk_server.settings_for = lambda *given: dataclasses.replace(plain(*given), site_folder=site, home=folder)
    state, changes = changing(site, folder, NOW)
    for language in ("en", "ar"):
        state.answers[f"/holidays?year=2027&language={language}"] = (200, holidays(load(site), language))
    state.answers["/hours"] = (200, {"forced": False})
    open_now = {"open": True, "until": "2027-03-02T20:00:00+00:00", "holiday": None, "opens_next": None}
    state.answers["/hours?line=%2B32800212001"] = (200, open_now)
    async with standing_in(state), desk_server.serving(url, state.port) as desk, async_playwright() as playwright:
        desk.desk.now = lambda: NOW
        working = asyncio.create_task(changes.run())
        person = Person(ME, "Nour Olive", AccountRole.ADMINISTRATOR)
        await accounts.add(desk.engine, person, datetime.now(UTC))
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        for language in ("en", "ar"):
            look: Any = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
            page = await (await browser.new_context(locale=language, **look)).new_page()
            await sign_in(desk, page, ME)
            await pages_in(desk, page, language)
            await page.goto(f"{desk.url}/site/operators/1003")
            await page.locator("select[name=level_nl]").select_option("5")
            await page.locator(".operator-form button").click()
            await page.wait_for_url(re.compile("/site/changes/"))
            await checked(page)
            await take(page, f"site-change-{language}")
        working.cancel()
        await browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("docs/desk-site-*.png are drawn\n")
