"""Operators who answer hear what the call is about before they are connected, and the caller does not notice."""

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import shared_audio
from baresip.errors import TransferFailed
from in_dialog import Dialog
from line import CACHE, Line
from offers import french, outcomes
from talking import CALLER_HZ, OPERATOR_HZ, given_up, hears_music, kinds, never_silent, talk
from test_reconcile import call as caller_state

from db.enums import Role
from ivr.audio.audible import Heard
from ivr.flow.file import read_draft
from ivr.home.settings import CHECKOUT
from ivr.site import site
from ivr.softphone.sound import has_tone
from ivr.softphone.telephone import Telephones
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import LONGEST_S, display, is_brisk, shorten, whisper_clips
from prompts import catalogue, manifest

SHOWN = re.compile(rb'^From: "([^"]*)"', re.MULTILINE)
SITE = CHECKOUT / "sites" / "consulate"


@pytest.fixture(scope="module")
async def whispering_house(shared_line: Line) -> AsyncIterator[None]:
    """Enable the whisper, as the example site does, for telephones that show nothing, until the end of the file."""
    path = shared_line.site / "site.toml"
    before = path.read_text()
    spoken = re.sub(r"^whisper = false", "whisper = true", before, flags=re.MULTILINE)
    path.write_text(re.sub(r"^shows_callers = .*", "shows_callers = []", spoken, flags=re.MULTILINE))
    with lengthened(shared_line.home / "sounds", "talk_language_fr", "talk_word_consult", "talk_word_interpreter"):
        await shared_line.restart()
        yield
    path.write_text(before)
    await shared_line.restart()


@pytest.fixture
def whispering(whispering_house: None, line: Line) -> Line:
    return line


@contextlib.contextmanager
def lengthened(sounds: Path, *texts: str) -> Iterator[None]:
    """Have texts followed by silence up to the longest whisper, so that a test can do something meanwhile."""
    shared_audio.own(sounds)
    listed = sounds / manifest.FILE
    before = listed.read_text()
    changed = json.loads(before)
    for prompts in changed.values():
        for text in texts:
            entry = prompts.get(text)
            if entry is None:
                continue
            long = {**entry, "file": f"{entry['file']}long", "seconds": LONGEST_S}
            for old, new in zip(
                manifest.paths(sounds, entry["file"]), manifest.paths(sounds, long["file"]), strict=True
            ):
                sound = old.read_bytes()
                new.write_bytes(sound + sound[-1:] * (manifest.size(new, LONGEST_S) - len(sound)))
            prompts[text] = long
    listed.unlink()  # a hard link
    listed.write_text(json.dumps(changed))
    yield
    listed.write_text(before)


def test_every_whisper_uses_texts_that_exist_in_every_language() -> None:
    known, settings = catalogue.load(SITE), site.load(SITE)
    flow = read_draft((SITE / "flow.yaml").read_text(encoding="utf-8"), "flow.yaml").flow
    topics = {topic for node in flow.nodes.values() if (topic := getattr(node, "topic", None))}
    assert topics
    state = caller_state(1)
    for topic, language in itertools.product((None, *topics), settings.languages):
        now = state.replace(language=language, topic=topic, country="FR")
        texts = [text for _, text in whisper_clips("nl", now, "")]
        assert texts == [f"talk_language_{language}", *([f"talk_topic_{topic}"] if topic else [])]
        assert all(known.text(item, text) for item in settings.languages for text in texts), texts
    back = whisper_clips("nl", state.replace(topic="file"), "back")
    assert back == [("nl", "talk_back")]
    assert all(known.text(item, "talk_back") for item in settings.languages)
    assert all(is_brisk(text) for text in ("talk_language_fr", "talk_topic_file", "talk_word_consult", "talk_back"))
    assert not any(is_brisk(text) for text in ("talk_away", "talk_transferred", "code_language_fr"))


def test_the_display_shows_what_is_coming_why_and_who_asks() -> None:
    state = caller_state(1).replace(language="fr", topic="travel", country="FR", operator="1004")
    state = state.replace(since=time.time() - 30)
    handed_on = state.replace(operator=None, transfer=Transfer().hand_on(("1005",), "1004", 0.0).encode())
    assert display(state, "1005", Role.OPERATOR) == "fr travel FR"
    long = state.replace(since=time.time() - 250)
    assert display(long, "1005", Role.OPERATOR) == "fr travel FR 4min"
    assert display(long, "1005", Role.CONSULTED) == "consult 1004 fr travel"
    assert display(state, "1005", Role.INTERPRETER) == "interpreter 1004 fr travel"
    assert display(handed_on, "1005", Role.OPERATOR) == "transfer 1004 fr travel"
    assert display(handed_on, "1004", Role.OPERATOR) == "back fr travel"
    assert [text for _, text in whisper_clips("nl", handed_on, "transfer")] == [
        "talk_word_transfer", "talk_language_fr", "talk_topic_travel",
    ]  # fmt: skip


@pytest.mark.parametrize(("seconds", "heard"), [(LONGEST_S / 3, 3), (LONGEST_S / 3 + 0.01, 2), (LONGEST_S + 1, 1)])
def test_a_whisper_that_would_be_too_long_leaves_out_what_comes_last(seconds: float, heard: int) -> None:
    texts = ("talk_word_transfer", "talk_language_fr", "talk_topic_travel")
    found = {("fr", text): Heard(f"hatif/fr/{text}", seconds, "fr") for text in texts}
    assert [text for _, text in shorten(found)] == [*texts[:heard]]


def test_the_example_sites_voices_speak_every_language_and_topic_in_time() -> None:
    settings, made = site.load(SITE), manifest.load(CACHE / "sounds" / manifest.FILE)
    for operator in settings.languages:
        spoken = {text: audio.seconds for text, audio in made.prompts[operator].items() if is_brisk(text)}
        languages = [spoken[f"talk_language_{language}"] for language in settings.languages]
        topics = [seconds for text, seconds in spoken.items() if text.startswith("talk_topic_")]
        assert max(languages) + max(topics) <= LONGEST_S, operator
        assert max(spoken.values()) <= LONGEST_S, operator


async def test_the_operator_hears_the_whisper_until_a_key_and_survives_kills_and_hang_ups(
    whispering: Line, telephones: Telephones
) -> None:
    line = whispering
    operator, second, third = french(line, 3)
    language = line.spoken_to(operator)
    phone = await line.phone(telephones, operator)
    call = await line.waiting(telephones, "+33613001031")
    call.tone(CALLER_HZ)
    leg = await phone.next_call(5)
    leg.tone(OPERATOR_HZ)
    await leg.answer()
    await leg.hears(line.audio(language, "talk_language_fr"))
    await call.hears_tone(OPERATOR_HZ)
    await leg.hears_tone(CALLER_HZ)
    assert not has_tone(leg.heard(0.0, 0.9), CALLER_HZ, share=0.2)
    never_silent(call)
    await _a_colleague_is_told_why(line, telephones, operator, second)
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await line.story("+33613001031")
    (connected,) = [item["at"] for item in story["events"] if item["kind"] == "connected"]
    whispered, *_ = [item["at"] for item in story["events"] if item["kind"] == "whispered"]
    # The wait ends, and the conversation begins, when both can hear each other, not when the operator answers.
    (pairing,) = [item for item in story["pairings"] if item["role"] == "operator"]
    for begins in (story["call"]["connected"], pairing["began"]):
        assert abs(begins - connected) < begins - whispered
    wait_s = (story["call"]["connected"] - story["call"]["queued"]).total_seconds()
    assert story["call"]["wait_s"] == pytest.approx(wait_s, abs=0.1)
    await line.until_state(operator, "ready")
    # A key cuts it short; a kill in the middle does no harm. If the telephone puts the call on hold meanwhile, the
    # caller hears music.
    for caller, killed in (("+33613001032", False), ("+33613001033", True)):
        call = await line.asks_for_operator(telephones, caller)
        leg = await phone.next_call(5)
        leg.tone(OPERATOR_HZ)
        await leg.answer()
        await leg.hears(line.audio(language, "talk_language_fr")[:2400])
        if killed:
            await line.restart()
        else:
            refers = asyncio.create_task(leg.transfer(f"sip:99@{line.sip}"))
            await leg.hold()
            await leg.press("1")
            await line.until_state(operator, "talking")
            await hears_music(call, call.clock)
            await leg.resume()
            # A transfer key pressed meanwhile is answered now.
            with pytest.raises(TransferFailed, match="603"):
                await refers
        await call.hears_tone(OPERATOR_HZ)
        never_silent(call)
        assert len(phone.calls) == (3 if killed else 2)
        await call.hangup()
        await line.until_state(operator, "ready")
    # The caller hangs up during the whisper, which lasts one second: the operator is ready again at once.
    call = await line.asks_for_operator(telephones, "+33613000034")
    leg = await phone.next_call(5)
    await leg.answer()
    await leg.established()
    await call.hangup()
    await leg.ended()
    await line.until_state(operator, "ready")
    story = await line.story("+33613000034")
    assert (story["call"]["outcome"], outcomes(story)) == ("abandoned", [(operator, "withdrawn")])
    # The operator hangs up: that is a refusal, and the caller gets somebody else.
    call = await line.asks_for_operator(telephones, "+33613000035")
    leg = await phone.next_call(5)
    await leg.answer()
    await leg.established()
    await leg.hangup()
    await hears_music(call, call.clock)
    other = await line.phone(telephones, second, answers=OPERATOR_HZ)
    leg = await other.next_call(8)
    await leg.established()
    await leg.press("1")
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    story = await line.story("+33613000035")
    assert outcomes(story) == [(operator, "refused"), (other.user, "accepted")]
    assert kinds(story).count("whispered") == 2
    # The telephone vanishes meanwhile: noticed when both should be connected, not after ten seconds.
    for item in (operator, second):
        line.control("POST", f"/operators/{item}/state", {"state": "paused"})
    lost = await line.phone(telephones, third, transport="tcp")
    call = await line.asks_for_operator(telephones, "+33613000036")
    leg = await lost.next_call(5)
    await leg.answer()
    await leg.established()
    seen = line.log.stat().st_size
    await lost.vanish(closes=True)
    await call.hears(line.audio("fr", "operator_gone")[:6000], 20)
    assert given_up(line, seen) == 0  # as after ten seconds of silence
    await call.hangup()
    assert [item["reason"] for item in (await line.story("+33613000036"))["pairings"]] == ["lost"]


async def _a_colleague_is_told_why(line: Line, telephones: Telephones, operator: str, second: str) -> None:
    """Consult about the first caller's call: the telephone displays it, and the whisper precedes the conversation."""
    colleague = await line.phone(telephones, second)
    wire = Dialog(colleague)
    for word in ("consult", "interpreter"):
        before = len(wire.received)
        talk(line, "+33613001031", word, operator=second)
        asked = await colleague.next_call(5)
        (shown,) = {item.group(1) for item in map(SHOWN.search, wire.received[before:]) if item is not None}
        assert shown == f"{word} {operator} fr".encode()
        await asked.answer()
        await asked.hears(line.audio(line.spoken_to(second), f"talk_word_{word}")[:2400])
        await asked.hears_tone(OPERATOR_HZ, share=0.25)  # an interpreter also hears the caller
        assert not has_tone(asked.heard(0.0, 0.8), OPERATOR_HZ, share=0.2)
        talk(line, "+33613001031", "cancel")
        await asked.ended(5)
        await line.until_state(second, "ready")
    # A colleague who hangs up during the whisper has refused.
    talk(line, "+33613001031", "consult", operator=second)
    asked = await colleague.next_call(5)
    await asked.answer()
    await asked.established()
    await asked.hangup()
    await line.until_state(second, "paused")
    assert line.operator_reason(second) == "refused"
    line.control("POST", f"/operators/{second}/state", {"state": "ready"})
    await line.until_state(second, "ready")
    await colleague.unregister()
    await line.until_state(second, "away")


async def test_a_telephone_that_shows_the_caller_is_connected_without_a_whisper(
    whispering: Line, telephones: Telephones
) -> None:
    """It comes last: what the controller then has read is no longer the fixture's."""
    line = whispering
    path = line.site / "site.toml"
    path.write_text(path.read_text().replace("shows_callers = []", 'shows_callers = ["Baresip"]'))
    await line.restart()
    (operator,) = french(line, 1)
    phone = await line.phone(telephones, operator)
    wire = Dialog(phone)
    await line.until(lambda: line.control("GET", f"/operators/{operator}")["device"], 5, "its make is known")
    call = await line.waiting(telephones, "+33613001041")
    leg = await phone.next_call(5)
    assert b"fr FR" in [item.group(1) for item in map(SHOWN.search, wire.received) if item is not None]
    await leg.answer()
    leg.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    assert "whispered" not in kinds(await line.story("+33613001041"))
