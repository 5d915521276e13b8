"""Draws the pictures of docs/supervisors.md: `scripts/desk-pictures`. A real desk and browser; the state is made up."""

import asyncio
import dataclasses
import math
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import chromium
import desk_server
import small_png
from controller import StandIn, call, operator, standing_in, waiter
from pictures import CHECKOUT, LANGUAGES, SITE, record, sign_in
from playwright.async_api import Page, async_playwright
from sqlalchemy import insert

from db.engine import writing
from db.ids import uuid7
from db.tables import Call, Pairing, Recording, ScoreSheet
from db.upgrade import upgrade
from ivr.model import clock
from ivr.site import operators as site_operators
from ivr.site.site import load
from wire.live import Acknowledgement, Alarm, AlarmKind, CallerMove, LanguagesChanged, OperatorCall

ME = "1901"
COUNTRIES = {"fr": "FR", "ar": "BE", "nl": "NL", "es": "ES", "de": "DE", "it": "IT", "en": "GB"}
MIX = (("fr", 34), ("ar", 30), ("es", 12), ("nl", 10), ("it", 7), ("de", 4), ("en", 3))
STATES = ("talking", "talking", "ready", "talking", "paused", "wrapping_up", "talking", "offered", "talking", "away")


def made_up(now: float) -> tuple[list[Any], list[Any]]:
    """Return operators in the middle of a busy hour, and their calls."""
    chance, rows, calls = random.Random(4), [], []
    for number, entry in enumerate(site_operators.load(SITE, LANGUAGES)):
        state = STATES[number % len(STATES)] if not entry.supervisor else "ready"
        members: dict[str, Any] = {"name": entry.name, "languages": entry.languages, "supervisor": entry.supervisor}
        if state == "paused":
            members["reason"] = "lunch"
        if state in ("talking", "offered"):
            language, identity = next(iter(entry.languages)), f"call-{number}"
            place: Any = None if state == "offered" else "hold" if number == 6 else "together"
            about = {"state": "talking", "operator": entry.id, "place": place, "language": language}
            recording = "on" if number % 3 == 0 else None
            connected = now - chance.uniform(20, 400)
            calls.append(call(identity, country=COUNTRIES[language], connected=connected, recording=recording, **about))
            members["call"] = OperatorCall(id=identity, language=language, caller="+33612345678", place=place)
        if number == 3:
            members |= {"help_since": now - 41, "help_why": "I do not know what applies"}
        if number == 8:
            members["languages_changed"] = LanguagesChanged(by=ME, at=now - 900, listed={"ar": 5})
        row = operator(entry.id, state, **members)
        rows.append(dataclasses.replace(row, since=now - chance.uniform(10, 700)))
    return rows, calls


def waiting(state: StandIn, calls: list[Any], now: float) -> None:
    rows = (
        ("fr", 171),
        ("ar", 96),
        ("fr", 88),
        ("ar", 60),
        ("nl", 52),
        ("fr", 31),
        ("es", 24),
        ("ar", 17),
        ("fr", 12),
        ("ar", 4),
    )
    state.queue = []
    for place, (language, ago) in enumerate(rows, 1):
        state.queue.append(waiter(place, language, now - ago, topic="documents"))
        move = CallerMove(front=True, language=None, operator=None) if place == 1 else None
        calls.append(call(f"waits-{place}", language=language, country=COUNTRIES[language], move=move))


def alarms(now: float) -> list[Alarm]:
    seen = Acknowledgement(by="1902", name="Meryem Ash", at=now - 120)
    return [
        Alarm(id="many_waiting", kind=AlarmKind.MANY_WAITING, text="", since=now - 95, figure=10),
        Alarm(id="pin", kind=AlarmKind.PIN_GUESSING, text="", since=now - 300, acknowledged=seen),
    ]


async def seed_day(desk: desk_server.TestDesk, days_ago: int, until: datetime, busy: float) -> None:
    """Store a day's calls from eight o'clock on, with a peak at eleven."""
    chance, rows = random.Random(days_ago), []
    begins = until.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    ends = until.replace(hour=20, minute=0) - timedelta(days=days_ago) if days_ago else until
    at = begins
    while at < ends:
        hour = at.hour + at.minute / 60
        load_ = busy * (0.25 + math.exp(-((hour - 11) ** 2) / 4) + 0.6 * math.exp(-((hour - 16) ** 2) / 5))
        at += timedelta(seconds=chance.expovariate(load_ / 60))
        wait = chance.expovariate(1 / (4 + 22 * load_ / busy))
        gone = at + timedelta(seconds=wait)
        row: dict[str, Any] = {"id": uuid7(), "node": "n", "started": at, "queued": at, "dequeued": gone, "ended": gone}
        gave_up = wait > 25 and chance.random() < 0.3
        row |= {"outcome": "abandoned", "connected": None} if gave_up else {"outcome": "answered", "connected": gone}
        rows.append(row)
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Call), rows)


async def seed_recordings(desk: desk_server.TestDesk, home: Path, now: datetime) -> None:
    chance = random.Random(2)
    for number, entry in enumerate(site_operators.load(SITE, LANGUAGES)[:11]):
        identity, talk = uuid7(), uuid7()
        began = now - timedelta(hours=3 + 5 * number, minutes=chance.randrange(60))
        file, seconds = f"recordings/{identity}.wav", chance.randrange(95, 420)
        record(home / file, 3)
        language = next(iter(entry.languages))
        consent = {"consented": began, "consent_key": "1", "consent_text": "record", "consent_language": language}
        row = {"id": identity, "node": "n", "call_id": talk, "file": file, "started": began, "ended": began, **consent}
        pairing = {
            "id": identity,
            "node": "n",
            "call_id": talk,
            "operator_id": entry.id,
            "began": began,
            "ended": began,
        }
        about = {"language": language, "topic": "documents", "country": COUNTRIES[language]}
        sheet = {"recording_id": identity, "by": "1902", "node": "n", "call_id": talk, "operator_id": entry.id}
        scores = {"greeting": 5, "answer": 4, "language": 3 + number % 3, "closing": 4}
        async with writing(desk.engine) as connection:
            await connection.execute(insert(Call).values(id=talk, node="n", started=began, live=False, **about))
            await connection.execute(insert(Recording).values({**row, "duration_ms": 1000 * seconds}))
            await connection.execute(insert(Pairing).values(pairing))
            if number % 2 == 0:
                more = {"recorded": began, "at": now, "scores": scores, "remark": "Asked twice for the reference."}
                await connection.execute(insert(ScoreSheet).values({**sheet, **more}))


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    plain = desk_server.settings_for
    desk_server.settings_for = lambda *given: dataclasses.replace(plain(*given), site_folder=SITE, home=folder)
    made = StandIn()
    made.scoring = load(SITE).scoring.criteria
    async with (
        standing_in(made) as state,
        desk_server.serving(url, state.port) as desk,
        async_playwright() as playwright,
    ):
        noon = datetime.now(UTC).replace(hour=14, minute=12, second=0)
        desk.moved = noon - datetime.now(UTC)
        now = noon.timestamp()
        state.operators, calls = made_up(now)
        waiting(state, calls, now)
        state.calls, state.alarms = calls, alarms(now)
        expected = {"ar": 95.0, "fr": 140.0, "es": 70.0, "it": 0.0, "nl": 180.0, "de": 0.0, "en": None}
        state.answers["/outlook"] = (200, {"expected_s": expected})
        state.answers["/hours"] = (200, {"open": True, "until": None})
        state.changed.set()
        await seed_day(desk, 0, noon, 3.4)
        await seed_day(desk, 7, noon, 3.0)
        await seed_recordings(desk, folder, noon)
        await desk.operator(ME, supervisor=True)
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        screen: Any = {"width": 1920, "height": 1080}
        for language in ("en", "ar"):
            context = await browser.new_context(locale=language, reduced_motion="reduce", viewport=screen)
            page = await context.new_page()
            await sign_in(desk, page, ME)
            await look(desk, page, "/board", f"board-{language}")
            await context.close()
        context = await browser.new_context(
            locale="en", reduced_motion="reduce", viewport={"width": 1440, "height": 900}
        )
        page = await context.new_page()
        await sign_in(desk, page, ME)
        await look(desk, page, "/supervise", "supervise-en")
        await page.goto(f"{desk.url}/recordings")
        await page.click("tbody tr:first-child button")
        await page.wait_for_selector("#recording fieldset")
        await take(page, "recordings-en")
        await browser.close()


async def look(desk: desk_server.TestDesk, page: Page, path: str, name: str) -> None:
    await page.goto(desk.url + path)
    await page.evaluate("document.body.dataset.telephone = 'registered'")
    await take(page, name)


async def take(page: Page, name: str) -> None:
    await page.evaluate("document.activeElement.blur()")
    await asyncio.sleep(1.2)  # the clocks have ticked
    await small_png.take(page, CHECKOUT / "docs" / f"{name}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("the pictures of docs/supervisors.md are drawn\n")
