"""Draws the pictures of docs/desk.md: `scripts/desk-pictures`. A real desk and a real browser; the state is made up."""

import asyncio
import dataclasses
import math
import struct
import sys
import tempfile
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import chromium
import desk_server
import small_png
import try_picture
from controller import StandIn, operator, standing_in, waiter
from playwright.async_api import Page, async_playwright
from sqlalchemy import insert
from stored_cases import store_case

from db.engine import writing
from db.enums import AccountRole
from db.references import make_reference
from db.tables import Call, Callback, GuideRequest, Message, Offer, Operator, Pairing
from db.upgrade import upgrade
from desk.page.pages import ROOT
from desk.people import accounts
from desk.people.accounts import Person
from ivr.model import clock
from ivr.site import operators as site_operators

CHECKOUT = ROOT.parent
SITE = CHECKOUT / "sites" / "consulate"
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")
REFERENCE = make_reference(1, 4_711_042)
CALLER, ME = "+33612345678", "1002"
CHOICES = ["main_documents", "documents_passport"]
APPLICANT = "Nadia Fern"
PAGES: tuple[tuple[str, Any, str], ...] = (
    ("en", "light", "offer call worklist"),
    ("en", "dark", "call"),
    ("fr", "light", "call"),
    ("ar", "light", "offer call"),
)
"""Language, appearance, and what is drawn in them."""

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
    "reference": REFERENCE, "kind": "procedure", "state": "incomplete", "topic": "documents",
    "language": "fr", "country": "FR", "post": "Lyon", "caller": CALLER, "title": "First passport for a child",
    "applicant": APPLICANT, "missing": "photograph", "expected": "2027-01-15", "owner": "1003",
    "due": "2026-12-01T10:00:00Z",
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


def names() -> dict[str, str]:
    return {entry.id: entry.name for entry in site_operators.load(SITE, LANGUAGES)}


def record(path: Path, seconds: int) -> None:
    """Write a message: a tone."""
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        samples = (round(5000 * math.sin(at / 3)) for at in range(8000 * seconds))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


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
    await store_case(desk.engine, said="The photograph was too dark.", **CASE, opened=now - timedelta(days=8))


async def seed_work(desk: desk_server.TestDesk, home: Path) -> None:
    """Leave messages (one taken by a colleague, one by the operator), call-back requests and a procedure to be sent."""
    now = datetime.now(UTC)

    def row(number: str, language: str, minutes_ago: int, since: str, **more: Any) -> dict[str, Any]:
        began = now - timedelta(minutes=minutes_ago)
        return {"id": uuid4(), "node": "n", "call_id": uuid4(), "language": language, since: began, **more} | (
            {"caller": number} if since == "at" else {"number": number}
        )

    def taken(by: str) -> dict[str, Any]:
        return {"taken_by": by, "taken": now, "heard": now, "heard_by": by}

    messages = (
        row("+33623456789", "ar", 192, "at", topic="documents", duration_ms=34_000, **taken("1003")),
        row(CALLER, "fr", 147, "at", topic="documents", duration_ms=21_000, case_reference=REFERENCE, **taken(ME)),
        row("+31612345678", "nl", 55, "at", topic="travel", duration_ms=9_000),
    )
    requests = (
        row("+4915112345678", "de", 95, "wished", due=now, topic="documents", kind="waiting", tries=1),
        row("+34612345678", "es", 40, "wished", due=now, topic="travel", kind="closed"),
    )
    wanted = row("+32470123456", "fr", 180, "requested", due=now + timedelta(hours=45), procedure="passport")
    async with writing(desk.engine) as connection:
        for message in messages:
            message["file"] = f"messages/{message['id']}.wav"
            record(home / message["file"], message["duration_ms"] // 1000)
            await connection.execute(insert(Message).values(message))
        for request in requests:
            await connection.execute(insert(Callback).values(request))
        await connection.execute(insert(GuideRequest).values(wanted))


def waiting(state: StandIn) -> None:
    now = datetime.now(UTC).timestamp()
    rows = (("fr", 41), ("ar", 29), ("fr", 12), ("nl", 8))
    state.queue = [waiter(place, code, now - ago) for place, (code, ago) in enumerate(rows, 1)]


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    plain = desk_server.settings_for
    more: dict[str, Any] = {"site_folder": SITE, "home": folder, "has_try": True}
    desk_server.settings_for = lambda *given: dataclasses.replace(plain(*given), **more)
    async with standing_in() as state, desk_server.serving(url, state.port) as desk, async_playwright() as playwright:
        state.operators = people()
        state.answers = {f"/guide?language={code}": (200, guide(code)) for code in GUIDE}
        state.answers |= try_picture.answers(SITE)
        await seed(desk)
        await seed_work(desk, folder)
        await desk.operator(ME)
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        for language, scheme, drawings in PAGES:
            look: Any = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 800}}
            context = await browser.new_context(locale=language, reduced_motion="reduce", **look)
            page = await context.new_page()
            await sign_in(desk, page, ME)
            await page.goto(f"{desk.url}/shift")
            await page.evaluate("document.body.dataset.telephone = 'registered'")
            await act(page, state, language if scheme == "light" else f"{language}-{scheme}", drawings)
            await context.close()
        context = await browser.new_context(locale="en", viewport={"width": 1280, "height": 800})
        await draw_people(desk, await context.new_page())
        await try_picture.draw(desk, state, await context.new_page(), CHECKOUT / "docs" / "desk-try-en.png")
        page = await (await browser.new_context(locale="en", viewport={"width": 1280, "height": 800})).new_page()
        await sign_in(desk, page, ME)
        await try_picture.draw_training(desk, state, page, CHECKOUT / "docs" / "desk-training-en.png", ME)
        await browser.close()


async def sign_in(desk: desk_server.TestDesk, page: Page, account: str) -> None:
    await page.goto(desk.url + await desk.link(account))
    await page.click("button.primary")
    await page.wait_for_url("**/account*")


async def act(page: Page, state: StandIn, name: str, drawings: str) -> None:
    waiting(state)
    now = datetime.now(UTC).timestamp()
    about: dict[str, Any] = {"caller": CALLER, "case": REFERENCE, "choices": CHOICES}
    state.offer(ME, identity=str(uuid4()), since=now - 47, **about)
    await page.wait_for_selector(".hint p")
    if "offer" in drawings:
        await take(page, f"offer-{name}")
    state.connect(ME, identity=str(uuid4()), recording="on", connected=now - 95, **about)
    await page.wait_for_selector("#c-title")
    await page.evaluate("document.body.dataset.telephoneCall = 'talking'")
    await page.fill("#guide-find", "passport")
    await page.click("#guide-found button")
    await page.wait_for_selector("#guide-page h3")
    if "call" in drawings:
        await take(page, f"call-{name}")
    state.set(*(row for row in people() if row.id == ME), calls=[])
    await page.evaluate("document.body.dataset.telephoneCall = 'none'")
    await page.wait_for_selector('#call[data-phase="none"]')
    if "worklist" in drawings:
        await page.click('[data-opens="worklist"]')
        await page.wait_for_selector("#worklist audio")
        await take(page, f"worklist-{name}")


async def draw_people(desk: desk_server.TestDesk, page: Page) -> None:
    for who, supervises in (("1003", False), ("1004", False), ("1901", True)):
        await accounts.ensure_operator(desk.engine, who, names()[who], supervises, desk.desk.now())
    await accounts.add(desk.engine, Person("office", "Karim Cedar", AccountRole.ADMINISTRATOR, None), desk.desk.now())
    await sign_in(desk, page, "office")
    await page.goto(f"{desk.url}/people")
    await page.click("tbody button >> nth=1")
    await page.wait_for_selector(".qr")
    await take(page, "people-en")


async def take(page: Page, name: str) -> None:
    await page.evaluate("document.activeElement.blur()")
    await asyncio.sleep(1.2)  # the clocks have ticked
    await small_png.take(page, CHECKOUT / "docs" / f"desk-{name}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("docs/desk-*.png are drawn\n")
