"""Draws the pictures of docs/guide.md: a real desk and a real browser; the amendments are made up."""

import asyncio
import dataclasses
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import chromium
import desk_server
from controller import standing_in
from line import CACHE
from pictures import SITE, names, sign_in, take
from playwright.async_api import async_playwright
from sqlalchemy import insert

from db.engine import writing
from db.tables import Audit, Call, CallEvent, CaseFile
from db.upgrade import upgrade
from desk.people import accounts
from ivr.model import clock

ME, OTHER = "1902", "1901"
FEE = "guide_passport_fee"
FORMER = {
    "fr": "Les frais sont d'environ cinquante euros pour un adulte. Les mineurs et les étudiants bénéficient d'un "
    "tarif réduit.",
    "en": "The fee is about fifty euros for an adult. Minors and students pay a reduced fee.",
}
WORDS = {
    "fr": "Les frais sont de soixante euros pour un adulte, de trente pour un mineur ou un étudiant.",
    "en": "The fee is sixty euros for an adult, and thirty for a minor or a student.",
}
GAPS = ("Duplicate of a family booklet", "Opening hours in Ramadan", "Duplicate of a family booklet", "Parking")


def amendments(now: datetime) -> list[dict[str, Any]]:
    common = {"procedure": "passport", "texts": {FEE: WORDS}, "before": {FEE: FORMER}, "meaning": True}
    first: dict[str, Any] = {
        "id": str(UUID(int=1)), "why": "A decree has changed the fees", "proposed": now - timedelta(hours=2),
        "proposed_by": OTHER, "state": "proposed",
    }  # fmt: skip
    hours = "Please come in the morning. Your fingerprints are taken there."
    second: dict[str, Any] = {
        "id": str(UUID(int=2)), "why": "People came in the afternoon", "proposed": now - timedelta(days=22),
        "proposed_by": ME, "state": "released", "decided": now - timedelta(days=21), "decided_by": OTHER,
        "texts": {"guide_passport_where": {"en": hours}},
        "before": {"guide_passport_where": {"en": "You apply in person and by appointment at your consulate general."}},
    }  # fmt: skip
    return [
        {**common, **row, **{name: row[name].isoformat() for name in ("proposed", "decided") if name in row}}
        for row in (first, second)
    ]


async def seed(desk: desk_server.TestDesk, now: datetime) -> None:
    async with writing(desk.engine) as connection:
        for number in range(180):
            at = now - timedelta(days=number % 45, hours=1)
            asked = number % 5 == 0 if number % 45 < 21 else number % 3 == 0
            procedure = ("passport", "visa", "passport", "birth")[number % 4]
            row = {"id": uuid4(), "node": "n", "started": at, "queued": at + timedelta(minutes=3) if asked else None}
            await connection.execute(insert(Call).values(row))
            event = {"node": "n", "boot": uuid4(), "seq": 1, "at": at, "call_id": row["id"], "kind": "guide"}
            await connection.execute(insert(CallEvent).values(**event, data={"procedure": procedure, "step": "fee"}))
        for number, words in enumerate(GAPS):
            audit = {"node": "n", "boot": uuid4(), "seq": 1, "at": now - timedelta(days=number + 1), "by": "1002"}
            data = {"words": words, "language": "en"}
            await connection.execute(insert(Audit).values(**audit, act="guide_gap", about="guide", data=data))
        case = {"reference": "100000012", "node": "n", "kind": "complaint", "opened": now - timedelta(days=2)}
        await connection.execute(insert(CaseFile).values(**case, topic="appointment"))


async def draw(folder: Path) -> None:
    clock.prepare()
    now = datetime.now(UTC)
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    (folder / "sounds").symlink_to(CACHE / "sounds")
    plain = desk_server.settings_for
    desk_server.settings_for = lambda *given: dataclasses.replace(plain(*given), site_folder=SITE, home=folder)
    async with standing_in() as state, desk_server.serving(url, state.port) as desk, async_playwright() as playwright:
        for query in ("last=300", "last=300&procedure=passport"):
            state.answers[f"/guide/amendments?{query}"] = (200, amendments(now))
        await seed(desk, now)
        for who in (ME, OTHER):
            await accounts.ensure_operator(desk.engine, who, names()[who], True, now)
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        look: Any = {"viewport": {"width": 1280, "height": 900}}
        page = await (await browser.new_context(locale="en", reduced_motion="reduce", **look)).new_page()
        await sign_in(desk, page, ME)
        await page.goto(f"{desk.url}/amend/procedure/passport")
        await take(page, "guide-amendment-en")
        await page.locator(f"#text-{FEE}").evaluate("element => element.scrollIntoView()")
        await take(page, "guide-texts-en")
        await page.goto(f"{desk.url}/amend/questions")
        await take(page, "guide-questions-en")
        await browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("docs/desk-guide-*.png are drawn\n")
