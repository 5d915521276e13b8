"""Draws the pictures of docs/desk.md: `scripts/desk-pictures`. A real desk and a real browser; the state is made up."""

import asyncio
import dataclasses
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import chromium
import desk_server
from controller import StandIn, operator, standing_in
from playwright.async_api import Page, async_playwright
from sqlalchemy import insert

from db.engine import writing
from db.references import make_reference
from db.tables import Call, CaseFile, Offer, Operator, Pairing
from db.upgrade import upgrade
from desk.page.pages import ROOT
from ivr.api.models import QueueEntry
from ivr.model import clock
from ivr.site import operators as site_operators

CHECKOUT = ROOT.parent
SITE = CHECKOUT / "sites" / "consulate"
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")
REFERENCE = make_reference(1, 4_711_042)
CALLER, ME = "+33612345678", "1002"
CHOICES = ["main_documents", "documents_passport"]
STATES = (
    "talking",
    "ready",
    "ready",
    "paused",
    "talking",
    "wrapping_up",
    "ready",
    "talking",
    "away",
    "ready",
    "paused",
)
CASE: dict[str, Any] = {
    "reference": REFERENCE, "version": "1", "kind": "procedure", "state": "incomplete", "topic": "documents",
    "language": "fr", "country": "FR", "post": "Lyon", "caller": CALLER, "title": "First passport for a child",
    "missing": ["photograph"], "expected": "2027-01-15", "owner": "1003", "priority": "normal", "follow_up": None,
    "due": "2026-12-01T10:00:00Z", "opened": "2026-11-20T10:00:00Z", "changed": None, "closed": None, "call": None,
    "pin": True, "messages": [],
    "notes": [{"at": "2026-11-20T10:12:00Z", "author": "1003", "text": "The photograph was too dark.", "call": None}],
}  # fmt: skip
GUIDE = {
    "en": ("A first passport", "Two recent photographs and the birth record.", "About four weeks."),
    "fr": ("Un premier passeport", "Deux photos récentes et l'acte de naissance.", "Environ quatre semaines."),
    "ar": ("جواز السفر الأول", "صورتان حديثتان ورسم الولادة.", "حوالي أربعة أسابيع."),
}


def people() -> list[Any]:
    found = []
    for number, entry in enumerate(site_operators.load(SITE, LANGUAGES)):
        state = STATES[number % len(STATES)]
        members = {"name": entry.name, "languages": entry.languages, "supervisor": entry.supervisor}
        found.append(operator(entry.id, state, reason="lunch" if state == "paused" else None, **members))
    return found


def guide(language: str) -> dict[str, Any]:
    title, documents, duration = GUIDE[language]
    fields = {"documents": documents, "duration": duration}
    return {"procedures": [{"id": "passport", "status": "sample", "title": title, "fields": fields}]}


async def seed(desk: desk_server.TestDesk) -> None:
    now = datetime.now(UTC)
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Operator).values(id="1003", name="Omar Laurel"))
        for minutes in (31, 64, 95, 130, 171, 222):
            identity = uuid4()
            began = now - timedelta(minutes=minutes)
            await connection.execute(insert(Call).values(id=identity, node="n", started=began, caller="+31612345678"))
            pairing = {"call_id": identity, "operator_id": ME, "began": began, "ended": began + timedelta(minutes=4)}
            await connection.execute(insert(Pairing).values(id=uuid4(), node="n", **pairing))
        row = {"caller": CALLER, "language": "fr", "topic": "documents", "outcome": "answered", "operator_id": "1003"}
        await connection.execute(insert(Call).values(id=uuid4(), node="n", started=now - timedelta(days=8), **row))
        missed = {"operator_id": ME, "state": "no_answer", "offered": now - timedelta(minutes=50), "call_id": uuid4()}
        await connection.execute(insert(Offer).values(id=uuid4(), node="n", **missed))
        case = {"kind": "procedure", "state": "incomplete", "title": CASE["title"], "caller": CALLER}
        await connection.execute(
            insert(CaseFile).values(reference=REFERENCE, node="n", opened=now - timedelta(days=8), **case)
        )


def waiting(state: StandIn) -> None:
    now = datetime.now(UTC).timestamp()
    nobody = {"caller": None, "callback": None, "topic": None, "silent": False}
    rows = (("fr", 41), ("ar", 29), ("fr", 12), ("nl", 8))
    state.queue = [
        QueueEntry.model_validate({"place": n, "call": f"c{n}", "language": code, "since": now - ago, **nobody})
        for n, (code, ago) in enumerate(rows, 1)
    ]


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    plain = desk_server.settings_for
    desk_server.settings_for = lambda *given: dataclasses.replace(plain(*given), site_folder=SITE)
    async with standing_in() as state, desk_server.serving(url, state.port) as desk, async_playwright() as playwright:
        state.operators = people()
        state.answers = {f"/cases/{REFERENCE}": (200, CASE)}
        state.answers |= {f"/guide?language={code}": (200, guide(code)) for code in GUIDE}
        await seed(desk)
        await desk.operator(ME)
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        for language, scheme in (("en", "light"), ("ar", "dark")):
            look: Any = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 800}}
            context = await browser.new_context(locale=language, reduced_motion="reduce", **look)
            page = await context.new_page()
            await page.goto(desk.url + await desk.link(ME))
            await page.click("button.primary")
            await page.wait_for_url("**/account*")
            await page.goto(f"{desk.url}/shift")
            await page.evaluate("document.body.dataset.telephone = 'registered'")
            await act(page, state, language)
            await context.close()
        await browser.close()


async def act(page: Page, state: StandIn, language: str) -> None:
    waiting(state)
    state.offer(
        ME,
        identity=str(uuid4()),
        caller=CALLER,
        since=datetime.now(UTC).timestamp() - 47,
        case=REFERENCE,
        choices=CHOICES,
    )
    await page.wait_for_selector(".hint p")
    await asyncio.sleep(1.2)  # the clocks have ticked
    await page.screenshot(path=CHECKOUT / "docs" / f"desk-offer-{language}.png")
    identity = str(uuid4())
    state.connect(
        ME,
        identity=identity,
        caller=CALLER,
        case=REFERENCE,
        choices=CHOICES,
        recording="on",
        connected=datetime.now(UTC).timestamp() - 95,
    )
    await page.wait_for_selector("#c-title")
    await page.fill("#guide-find", "passport")
    await page.click("#guide-found button")
    await page.wait_for_selector("#guide-page h3")
    await page.evaluate("document.activeElement.blur()")
    await asyncio.sleep(1.2)
    await page.screenshot(path=CHECKOUT / "docs" / f"desk-call-{language}.png")
    state.set(*(row for row in people() if row.id == ME), calls=[])
    await page.wait_for_selector('#call[data-phase="none"]')


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("docs/desk-*.png are drawn\n")
