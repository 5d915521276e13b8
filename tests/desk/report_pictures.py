"""Draws docs/reports-*.png: `scripts/desk-pictures`. The page of reports on a year that is made up."""

import asyncio
import dataclasses
import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import chromium
import desk_server
import small_png
from made_year import MadeYear
from pictures import CHECKOUT, SITE, sign_in
from playwright.async_api import Browser, async_playwright
from sqlalchemy import delete, insert

from db.engine import writing
from db.ids import uuid7
from db.tables import Call, Operator
from db.upgrade import upgrade
from ivr.model import clock

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAGES = (
    ("en", "light", "span=days&first=2026-10-19&last=2026-11-01&by=day"),
    ("en", "dark", "span=this-year&by=language"),
    ("ar", "light", "span=last-month&by=topic"),
)


TEAM = ("1001", "1002", "1005", "1011")
ROSTER = """operators,days,from,to,valid_from,valid_until,what
1001 1002,mon-fri,08:00,14:00,,,
1005 1011,mon-sat,14:00,20:00,,,
1005,2026-11-26,,,,,absent
"""


def small_site(folder: Path) -> Path:
    """Return the example site with few operators, so that callers wait, and a roster with gaps."""
    site = folder / "site"
    if not site.exists():
        shutil.copytree(SITE, site)
        lines = (SITE / "operators.csv").read_text().splitlines(keepends=True)
        (site / "operators.csv").write_text("".join(line for line in lines if line.startswith(("id,", *TEAM))))
        (site / "roster.csv").write_text(ROSTER)
    return site


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    plain = desk_server.settings_for
    desk_server.settings_for = lambda *given: dataclasses.replace(
        plain(*given), site_folder=small_site(folder), site_name="consulate", home=folder
    )
    async with desk_server.serving(url) as desk, async_playwright() as playwright:
        await MadeYear(12_000, edges=False).store(desk.engine)
        await desk.operator("1040", supervisor=True)
        desk.desk.now = lambda: NOW
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        for language, scheme, query in PAGES:
            look: Any = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 1150}}
            context = await browser.new_context(locale=language, **look)
            page = await context.new_page()
            await sign_in(desk, page, "1040")
            await page.goto(f"{desk.url}/reports?{query}")
            name = language if scheme == "light" else f"{language}-{scheme}"
            await small_png.take(page, CHECKOUT / "docs" / f"reports-{name}.png")
            await context.close()
        await draw_staffing(desk, browser)
        await browser.close()


def busy_week() -> list[dict[str, Any]]:
    """Return the calls of a week in which the small team is short of operators who speak Spanish and French."""
    chance, rows = random.Random(18), []
    for day in range(7):
        for _ in range(230 if day < 5 else 120):
            at = datetime(2026, 11, 16 + day, 8, tzinfo=UTC) + timedelta(seconds=chance.triangular(0, 12 * 3600, 9000))
            language = chance.choices(("ar", "fr", "es"), (34, 36, 30))[0]
            connected = at + timedelta(seconds=chance.expovariate(1 / 12))
            ended = connected + timedelta(seconds=chance.gammavariate(2, 130))
            instants = {"started": at, "queued": at, "dequeued": connected, "connected": connected, "ended": ended}
            rows.append({"id": uuid7(), "node": "n", "language": language, "outcome": "answered", **instants})
    return rows


async def draw_staffing(desk: desk_server.TestDesk, browser: Browser) -> None:
    async with writing(desk.engine) as connection:
        await connection.execute(delete(Call).where(Call.started >= datetime(2026, 11, 15, tzinfo=UTC)))
        await connection.execute(insert(Call), busy_week())
        await connection.execute(delete(Operator))
        await connection.execute(insert(Operator).values(id="1002", name="Safae Saffron", languages={"ar": 5, "fr": 4}))
    context = await browser.new_context(locale="en", viewport={"width": 1280, "height": 1150})
    page = await context.new_page()
    await sign_in(desk, page, "1040")
    await page.goto(f"{desk.url}/staffing")
    await page.check('[value="teach"]')
    await page.select_option("#learnt", "es")
    await page.click("button.primary")
    await page.wait_for_selector("#run table", timeout=120_000)
    await small_png.take(page, CHECKOUT / "docs" / "staffing-en.png")
    await page.goto(f"{desk.url}/staffing/roster")
    await page.wait_for_selector(".calendar")
    await page.set_viewport_size({"width": 1280, "height": 620})
    await small_png.take(page, CHECKOUT / "docs" / "staffing-roster-en.png")
    await context.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("docs/reports-*.png are drawn\n")
