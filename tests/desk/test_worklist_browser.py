"""A message is worked off in a real browser: taken by one of two, heard, and its caller called back by the page."""

import math
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from browser_telephone import when
from carrier import address, calling, carrier, forgotten, put
from conftest import OFFSET, short_folder
from desk_pages import DeskPage, DeskPages
from left import rows
from line import FRENCH_NUMBER, Line
from playwright.async_api import expect

from db.ids import uuid7
from db.tables import Callback, Message
from ivr.model import clock
from ivr.softphone.telephone import Telephones

pytest_plugins = ["browser"]

NUMBER = "+33612350071"


@pytest.fixture(scope="module")
async def desk_line(scripts: None) -> AsyncIterator[Line]:
    """A line with the desk and a trunk."""
    with short_folder("hatif-work-") as folder:
        async with calling(Path(folder), OFFSET + 1000, desk=True) as up:
            yield up
            await forgotten(up)


def record(path: Path, seconds: float = 3.0) -> None:
    """Write a message as Asterisk records one."""
    samples = (round(9000 * math.sin(2 * math.pi * 440 * at / 8000)) for at in range(round(8000 * seconds)))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


async def leave(line: Line) -> UUID:
    identity = uuid7()
    record(line.home / f"messages/{identity}.wav")
    given = {"id": identity, "node": line.settings.node, "call_id": uuid7(), "file": f"messages/{identity}.wav"}
    about = {"caller": NUMBER, "language": "fr", "topic": "documents", "duration_ms": 3000, "at": clock.now()}
    await put(line, Message, **given, **about)
    return identity


async def opens(desk: DeskPage) -> None:
    await desk.press('[data-opens="worklist"]')
    await expect(desk.page.locator("#work")).to_be_visible()


async def test_a_message_is_taken_by_one_of_two_heard_and_its_caller_called_back(
    desk_line: Line, telephones: Telephones, desk_pages: DeskPages
) -> None:
    out = await carrier(telephones, address(desk_line))
    operator = desk_line.speaks("fr")
    message = await leave(desk_line)
    desk = await desk_pages.open(operator)
    other = await desk_pages.open(desk_line.speaks("fr", but=(operator,)))
    await desk.start_telephone()
    await opens(desk)
    await opens(other)

    row = f"#message-{message}"
    await desk.press(f"{row} button")
    await expect(desk.page.locator(f"{row} audio")).to_be_visible()
    await when(desk.page, "id => document.getElementById(id).currentTime > 0.5", f"audio-{message}")
    assert await desk.page.evaluate("row => document.querySelector(row).contains(document.activeElement)", row)
    (kept,) = await rows(desk_line, Message, id=message, taken_by=operator)
    assert kept.heard_by == operator
    await other.press(f"{row} button")
    await expect(other.page.locator("#notices")).to_contain_text("Somebody else has just taken that.")
    await expect(other.page.locator(f"{row} button")).to_have_count(0)

    await desk.press(f"{row} [hx-post$='/call']")
    await expect(desk.page.locator("#work")).to_contain_text("Your telephone rings as soon as you are ready")
    await desk.phase("offered")
    await expect(desk.page.locator("#call")).to_contain_text(NUMBER)
    await expect(desk.page.locator("#worklist")).to_be_hidden()
    await desk.page.keyboard.press("F2")
    await desk.phase("calling")
    called = await out.phone.next_call()
    assert out.dialled == [NUMBER]
    assert FRENCH_NUMBER in called.peer  # the line's own, not the operator's
    await called.answer()
    called.tone(1130)
    await called.hears(desk_line.audio("fr", "callback_hello"))
    await called.press("1")
    await desk.phase("talking")
    await called.hears_tone(desk.heard_hz, 5)
    await desk.hears_tone(1130)
    await desk.page.keyboard.press("Shift+F2")
    await called.hangup()
    (request,) = await rows(desk_line, Callback, number=NUMBER)
    assert (request.kind, request.operator_id) == ("operator", operator)

    await opens(desk)
    await desk.press(f"{row} [hx-vals*='done']")
    await expect(desk.page.locator(row)).to_have_count(0)
    (done,) = await rows(desk_line, Message, id=message, done_by=operator)
    assert done.done is not None
    assert desk.errors == other.errors == []
