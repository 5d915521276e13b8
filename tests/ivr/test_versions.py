"""What callers hear can change while they call: everybody ends on what he began with, texts, guide and audio too."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import OFFSET, short_folder
from left import begins
from line import Line, running

from ivr.demo.sound import RATE, find
from ivr.demo.telephone import Telephones


@pytest.fixture
async def own_line(telephones: Telephones) -> AsyncIterator[Line]:
    """A line of this test's own, since its texts and its audio change."""
    with short_folder("hatif-own-") as folder:
        async with running(Path(folder), OFFSET + 1000) as up:
            yield up


def reword(line: Line, language: str, prompt: str, text: str) -> None:
    """A new text for a prompt."""
    path = line.site / "locale" / language / "LC_MESSAGES" / "hatif.po"
    pattern = rf'(msgctxt "{prompt}"\nmsgid (?:".*"\n)+msgstr )(?:".*"\n?)+'
    changed, count = re.subn(pattern, rf'\g<1>"{text}"\n', path.read_text())
    assert count == 1
    path.write_text(changed)


async def test_a_call_ends_on_the_texts_the_guide_and_the_audio_that_it_began_with(
    own_line: Line, telephones: Telephones
) -> None:
    line = own_line
    former = {prompt: line.audio("fr", prompt) for prompt in ("goodbye", "main_file", "guide_visa_documents")}
    before = await line.dial(telephones, "+33621000011")
    await before.press("2")
    await begins(before, line, "fr", "main_file")
    # Another key, another first step of the guide, and other words.
    flow = line.site / "flow.yaml"
    flow.write_text(flow.read_text().replace("{key: 3, text: main_travel", "{key: 5, text: main_travel"))
    visa = line.site / "guide" / "visa.yaml"
    visa.write_text(visa.read_text() + "  NL: In the Netherlands please ask the consulate in your region.\n")
    for prompt in former:
        reword(line, "fr", prompt, "Ceci est un tout autre texte, pour un essai.")
    assert line.run("prompts", "build").returncode in (0, 1)
    answer = line.run("flow", "reload")
    assert answer.returncode == 1, "a remark without translations is refused"
    assert "guide_visa_remark_nl" in answer.stderr
    visa.write_text(visa.read_text().replace("  NL: In the Netherlands please ask the consulate in your region.\n", ""))
    answer = line.run("flow", "reload")
    assert answer.returncode == 0, answer.stderr
    # The controller is started anew: the caller is still on his version.
    await line.controller_back(line.kill_controller())
    after = await line.dial(telephones, "+33621000012")
    await after.press("2")
    await begins(after, line, "fr", "welcome")
    await after.press("#")
    again = await begins(after, line, "fr", "main_file")  # the new words
    await after.press("51")
    await begins(after, line, "fr", "guide_visa_documents", since_s=again)
    assert not find(after.heard(), former["guide_visa_documents"][:RATE]).same
    here = before.clock
    await before.press("#")
    await before.hears(former["main_file"][:RATE], 8, here)
    await before.press("31")
    await before.hears(former["guide_visa_documents"][:RATE], 8, here)
    await before.hangup()
    await after.hangup()


async def test_a_mistake_in_the_guide_is_refused_with_file_line_and_remedy_and_calls_go_on(
    line: Line, telephones: Telephones
) -> None:
    path = line.site / "guide" / "visa.yaml"
    before = path.read_text()
    try:
        path.write_text(before.replace("\nfee:", "\nfees:"))
        number = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if text.startswith("fees:"))
        answer = line.run("flow", "reload")
        assert answer.returncode == 1
        assert f"visa.yaml:{number}:" in answer.stderr and "fees" in answer.stderr
        call = await line.dial(telephones, "+33621000021")
        await call.press("231")
        await begins(call, line, "fr", "guide_visa_documents")
        await call.hangup()
    finally:
        path.write_text(before)
        assert line.run("flow", "reload").returncode == 0


async def test_a_broken_catalogue_is_refused_by_the_reload(line: Line) -> None:
    path = line.site / "locale" / "fr" / "LC_MESSAGES" / "hatif.po"
    before = path.read_text()
    try:
        path.write_text(before.replace('msgctxt "welcome"', 'msgctxt welcome"'))
        answer = line.run("flow", "reload")
        assert answer.returncode == 1
        assert "hatif.po:" in answer.stderr
    finally:
        path.write_text(before)
