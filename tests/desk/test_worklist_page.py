"""The worklist and the guide's form in a real browser, without a telephone: for everybody, and nothing is disturbed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import TestDesk, serving
from left_messages import record
from playwright.async_api import Browser, expect
from sqlalchemy import insert
from test_desk_browser import shift, usable

from db.engine import writing
from db.references import make_reference
from db.tables import Callback, GuideRequest, Message
from desk.guide.mail import Mailer
from desk.settings import MailSettings
from wire.live import OperatorCallback

pytest_plugins = ["db_fixtures", "browser"]

REFERENCE = make_reference(1, 17)
TEXT = "Bonjour, j'ai perdu <mon> passeport."
AUTOMATIC = {"en": ("Automatic text, may be wrong", "French"), "ar": ("نص آلي، قد تكون فيه أخطاء", "الفرنسية")}
NOW = datetime.now(UTC)
PROCEDURE = {"id": "visa", "status": "sample", "title": "Visa", "fields": {"documents": "Two photographs."}}


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        for code in ("en", "fr", "ar"):
            found.answers[f"/guide?language={code}"] = (200, {"notice": "", "procedures": [PROCEDURE]})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, tmp_path: Path) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, home=tmp_path)
        found.app.state.mailer = Mailer(MailSettings("127.0.0.1", "guide@example.org", port=9, security="none"))
        await found.operator("1002")
        await controller.followed(found)
        yield found


async def put(desk: TestDesk, table: Any, **columns: Any) -> UUID:
    row: dict[str, Any] = {"id": uuid4(), "node": "n", "call_id": uuid4(), "language": "fr", **columns}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(table).values(row))
    identity: UUID = row["id"]
    return identity


async def work(desk: TestDesk) -> tuple[UUID, UUID]:
    """Put work of every kind there; return the message that the operator has taken, and their request in writing."""
    assert desk.desk.settings.home is not None
    record(desk.desk.settings.home / "messages" / "a.wav", 20)
    left = {"file": "messages/a.wav", "caller": "+33612345678", "at": NOW, "duration_ms": 20_000}
    heard = {"text": TEXT, "text_language": "fr", "text_confidence": 78}
    mine = await put(desk, Message, taken=NOW, taken_by="1002", heard=NOW, case_reference=REFERENCE, **heard, **left)
    await put(desk, Message, **left)
    await put(desk, Message, taken=NOW, taken_by="1003", **left)
    await put(desk, Callback, kind="closed", number="+33611111111", wished=NOW)
    await put(desk, Callback, kind="operator", operator_id="1002", number="+33611111112", wished=NOW)
    wanted = {"procedure": "visa", "number": "+33622222222", "requested": NOW, "due": NOW}
    await put(desk, GuideRequest, **wanted)
    return mine, await put(desk, GuideRequest, taken=NOW, taken_by="1002", **wanted)


@pytest.mark.parametrize("language", ["ar", pytest.param("en", marks=pytest.mark.long)])
async def test_everybody_can_use_the_worklist_and_send_the_guide(
    desk: TestDesk, controller: StandIn, browser: Browser, language: str
) -> None:
    await work(desk)
    look: Any = {"reduced_motion": "reduce", "viewport": {"width": 1280, "height": 800}}
    context = await browser.new_context(locale=language, **look)
    page = await shift(desk, context)
    check = partial(usable, page)
    await page.click('[data-opens="worklist"]')
    await expect(page.locator("#work audio")).to_be_visible()
    automatic = page.locator("#work .transcript")
    await expect(automatic).to_have_count(1)
    await expect(automatic.locator("blockquote")).to_have_text(TEXT)
    for words in AUTOMATIC[language]:
        await expect(automatic.locator("figcaption")).to_contain_text(words)
    await expect(automatic.locator("figcaption")).to_contain_text("78 %")
    await check("the worklist")
    controller.answers["/callbacks"] = (422, {"detail": "…", "code": "malformed"})
    await page.fill("#number", "12")
    await page.press("#number", "Enter")
    await expect(page.locator("#number-note")).to_be_visible()
    await check("a number that is none", "#worklist")
    await page.keyboard.press("Escape")
    controller.connect("1002", language="fr")
    await page.fill("#guide-find", "visa")
    await page.click("#guide-found li button")
    await page.click("#guide-page summary")
    await page.fill("#address", "reader@example.org")
    await page.press("#address", "Enter")
    await expect(page.locator("#address-note")).to_be_visible()
    await expect(page.locator("#address")).to_have_value("reader@example.org")
    await check("an e-mail that cannot be sent", "#guide-page")
    await context.close()


async def test_a_message_plays_on_while_the_list_changes_and_an_incoming_call_puts_the_list_away(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    mine, _ = await work(desk)
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    page = await shift(desk, context)
    await page.click('[data-opens="worklist"]')
    sound = page.locator(f"#audio-{mine}")
    await sound.evaluate("async sound => { sound.mark = true; await sound.play(); }")
    free = page.locator("#todo-messages ~ ul > li").filter(has=page.locator("[hx-vals*='take']")).first
    row = await free.get_attribute("id")
    await put(desk, Callback, kind="closed", number="+33633333333", wished=NOW)
    await free.locator("[hx-vals*='take']").press("Enter")  # it is taken, and the list is read again
    await expect(page.locator("#work")).to_contain_text("+33633333333")
    assert await sound.evaluate("sound => sound.mark && !sound.paused"), "it was not replaced"
    focused = "row => document.getElementById(row).contains(document.activeElement)"
    assert await page.evaluate(focused, row)
    members: dict[str, Any] = {"number": "+33612345678", "country": "FR", "language": "fr", "topic": None, "case": None}
    offered = OperatorCallback(id="r", call="c", caller_rings=False, **members)
    controller.set(operator("1002", "offered", callback=offered))
    await expect(page.locator("#worklist")).to_be_hidden()
    await expect(sound).to_have_js_property("paused", True)  # soon after the list is hidden
    await context.close()
