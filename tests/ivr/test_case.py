"""The state of a case by telephone, for callers with the right reference and PIN, and for others."""

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from left import begins, rows
from line import Line

from db.tables import CaseFile
from ivr.softphone.sound import RATE, Samples
from ivr.softphone.telephone import Call, Telephones

KEYS = {"fr": "2"}
CASE = "1"
APART_S = 0.25
"""The time between two keys of a number. Packets come in a burst when Asterisk has to wait for a processor, and it then
reports a key twice: as it arrives before the last one is over, and when that is. This delays the next key; with less
time between them, all that follow would come twice as well."""


async def case(line: Line, *arguments: str) -> dict[str, Any]:
    """Run `hatif case …`; the line's deliverer has written the result to the database when it ends."""
    answer = await asyncio.to_thread(line.run, "case", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout) if "--json" in arguments else {}
    return found


async def opened(line: Line, *changes: str, language: str = "fr") -> tuple[str, str]:
    """Return reference and PIN of a new file, once the database has it: a command that is slower than it waits
    for the deliverer ends before."""
    found = await case(
        line, "open", "--topic", "documents", "--language", language, "--country", "FR", "--title", "First passport",
        "--json",
    )  # fmt: skip
    await rows(line, CaseFile, reference=found["reference"])
    if changes:
        changed = (await case(line, "set", found["reference"], *changes, "--json"))["changes"]
        wanted = {name: new for name, (_, new) in changed.items()}
        for _ in range(20):
            file = await file_of(line, found["reference"])
            if file == file | wanted:
                break
        assert file == file | wanted
    return found["reference"], found["pin"]


def wrong(pin: str) -> str:
    return f"{(int(pin) + 1) % 1_000_000:06}"


async def hears(call: Call, *parts: Samples, since_s: float = 0.0) -> None:
    """Wait until all parts have been heard completely, one after the other."""
    for part in parts:
        length_s = len(part) / RATE
        match = await call.hears(part, length_s + 14, since_s)
        since_s = match.offset_s + length_s - 0.2


async def asked(line: Line, telephones: Telephones, caller: str | None, language: str = "fr") -> Call:
    """Return a caller who is being asked for a reference."""
    call = await telephones.caller(caller).dial(f"sip:+33800212000@{line.sip}")
    await call.established()
    await call.press(KEYS[language] + CASE)
    await begins(call, line.audio(language, "case_ask_reference"))
    return call


async def enters(line: Line, call: Call, reference: str, pin: str, language: str = "fr") -> float:
    """Enter both when asked; return a time before the answer, by the call's clock."""
    since = call.clock
    await call.press(f"{reference}#", APART_S)
    question = await begins(call, line.audio(language, "case_ask_pin"), since)
    await call.press(f"{pin}#", APART_S)
    return question.offset_s + 0.6


async def claims(line: Line, telephones: Telephones, caller: str, reference: str, pin: str) -> Call:
    """Return a caller who enters everything without waiting for the questions."""
    call = await line.dial(telephones, caller)
    await call.press(f"{KEYS['fr']}{CASE}{reference}#{pin}#", APART_S)
    return call


def results(story: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["data"]["reference"], item["data"]["result"]) for item in story["events"] if item["kind"] == "case"]


def spoken_clips(story: dict[str, Any]) -> list[list[list[str]]]:
    return [item["data"]["clips"] for item in story["events"] if item["kind"] == "prompt"]


async def file_of(line: Line, reference: str) -> dict[str, Any]:
    return await case(line, "show", reference, "--json")


# Callers who know the PIN


async def test_a_caller_hears_the_state_of_their_case_in_their_language(line: Line, telephones: Telephones) -> None:
    number, texts = "+33617000002", ("case_state_incomplete", "case_missing", "missing_photograph")
    reference, pin = await opened(line, "--state", "incomplete", "--missing", "photograph")
    call = await asked(line, telephones, number)
    since = await enters(line, call, reference, pin)
    await hears(call, *(line.audio("fr", *part) for part in (texts[:1], texts[1:])), since_s=since)
    await call.hangup()
    story = await line.story(number)
    assert (story["call"]["outcome"], story["call"]["case"]) == ("self_served", reference)
    assert results(story) == [(reference, "told")]
    (clips,) = (clips for clips in spoken_clips(story) if ["fr", texts[0]] in clips)
    assert clips[:3] == [["fr", prompt] for prompt in texts]
    file = await file_of(line, reference)
    assert (file["pin_failures"], file["pin_locked_until"]) == (0, None)


# Callers who do not


@pytest.fixture
def unhurried(line: Line) -> Line:
    """A line that waits longer for the next key. On a busy machine, the keys of callers who enter everything at once
    come late."""
    path = line.site / "flow.yaml"
    path.write_text(re.sub(r"^silence_s: \S+", "silence_s: 4", path.read_text(), flags=re.MULTILINE))
    line.control("POST", "/flow/reload")
    return line


async def hears_result(line: Line, telephones: Telephones, caller: str, reference: str, pin: str, text: str) -> bool:
    """Return whether a caller who enters everything at once hears this text.

    They do not if a key came twice (`APART_S`), or too late for the line.
    """
    call = await claims(line, telephones, caller, reference, pin)
    try:
        await begins(call, line.audio("fr", text))
    except TimeoutError:
        return False
    finally:
        await call.hangup()
    return True


async def test_three_wrong_pins_lock_the_case_even_if_the_controller_is_killed_and_the_number_has_one_attempt(
    unhurried: Line, telephones: Telephones
) -> None:
    line = unhurried
    reference, pin = await opened(line)
    other, other_pin = await opened(line)
    heard = 0
    for _ in range(3):
        tries = (
            hears_result(line, telephones, "+33617000031", reference, wrong(pin), "case_no_match")
            for _ in range(3 - heard)
        )
        heard += sum(await asyncio.gather(*tries))
    assert heard == 3

    async def hears(entered: str, code: str, caller: str, text: str) -> None:
        """Enter the right PIN, and hear this text."""
        for _ in range(3):
            if await hears_result(line, telephones, caller, entered, code, text):
                return
        raise AssertionError(f"{caller} did not hear {text}")

    await line.restart()
    await asyncio.gather(
        hears(reference, pin, "+33617000032", "case_locked"),  # from any number
        hears(other, other_pin, "+33617000031", "case_state_open"),  # the number may be forged: it is not locked
    )
    file = await file_of(line, reference)
    assert file["pin_failures"] == 3
    assert file["pin_locked_until"] > datetime.now(UTC).isoformat()


async def test_ten_simultaneous_calls_share_three_attempts_at_a_case(unhurried: Line, telephones: Telephones) -> None:
    line = unhurried
    reference, pin = await opened(line)

    async def tries(n: int) -> str:
        """Retry from another number if the case could not be looked up, or a key came twice (`APART_S`), which makes it
        another case: neither is an attempt at this one."""
        for times in range(5):
            caller = f"+336170001{10 * times + n:02}"
            call = await claims(line, telephones, caller, reference, wrong(pin))
            story = await line.story(
                caller,
                ended=False,
                limit_s=20,
                told=lambda story: bool(results(story)) or "help_over" in [item["kind"] for item in story["events"]],
            )
            await call.hangup()
            result = next((result for tried, result in results(story) if tried == reference), "unavailable")
            if result != "unavailable":
                break
        return result

    answers = await asyncio.gather(*(tries(n) for n in range(10)))
    assert sorted(answers) == ["locked"] * 7 + ["no_match"] * 3


# An operator


async def test_an_operator_gets_the_case_the_caller_asked_about_and_no_new_one_is_opened(
    line: Line, telephones: Telephones
) -> None:
    reference, pin = await opened(line)
    before = await file_of(line, reference)
    count = len(await line.cases())
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    call = await claims(line, telephones, "+33617000071", reference, pin)
    await call.hears(line.audio("fr", "case_state_open"), 15)
    await call.press("0")
    await line.until_state(phone.user, "talking")
    await line.restart()  # what was said before the restart is repeated
    await line.until_state(phone.user, "talking")
    await call.hangup()
    story = await line.story("+33617000071")
    assert (story["call"]["outcome"], story["call"]["case"]) == ("answered", reference)
    assert (story["call"]["operator"], story["call"]["topic"]) == (phone.user, "file")
    assert await file_of(line, reference) == before
    assert len(await line.cases()) == count


# Without the database


@pytest.fixture
async def away(line: Line) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Remove the cases from the database until the end of the test."""
    renamed = False

    def rename(name: str, to: str) -> None:
        with contextlib.closing(sqlite3.connect(line.home / "hatif.db", timeout=10)) as database, database:
            database.execute(f"ALTER TABLE {name} RENAME TO {to}")

    async def take() -> None:
        nonlocal renamed
        await asyncio.to_thread(rename, "case_file", "case_file_away")
        renamed = True

    yield take
    if renamed:
        await asyncio.to_thread(rename, "case_file_away", "case_file")


async def test_without_the_database_callers_hear_so_and_can_speak_to_an_operator(
    line: Line, telephones: Telephones, away: Callable[[], Awaitable[None]]
) -> None:
    reference, pin = await opened(line)
    call = await asked(line, telephones, "+33617000081")
    await away()
    since = await enters(line, call, reference, pin)
    parts = (("case_unavailable",), ("case_operator", "key_0"))
    await hears(call, *(line.audio("fr", *part) for part in parts), since_s=since)
    await call.press("0")
    await begins(call, line.audio("fr", "to_operator"), since)
    (row,) = line.control("GET", "/queue")
    assert (row["caller"], row["topic"]) == ("+33617000081", "file")


# Where a PIN may appear


async def test_a_pin_appears_in_no_log_journal_or_table(line: Line, telephones: Telephones) -> None:
    for _ in range(3):
        reference, pin = await opened(line)
        if not any(written(line.home, item) for item in (pin, wrong(pin))):
            break  # otherwise the same digits appear somewhere by chance
    call = await asked(line, telephones, "+33617000091")
    since = await enters(line, call, reference, wrong(pin))
    await begins(call, line.audio("fr", "case_no_match"), since)
    since = await enters(line, call, reference, pin)
    await call.hears(line.audio("fr", "case_state_open"), 15, since)
    since = call.clock
    await call.press("*")
    await begins(call, line.audio("fr", "main_file"), since)
    await call.hangup()
    story = await line.story("+33617000091")
    pressed = [item["data"] for item in story["events"] if item["kind"] == "key"]
    assert [item.get("key") for item in pressed if not item.get("secret")] == [KEYS["fr"], CASE, "*"]
    assert len(pressed) == 3 + 2 * 15
    assert all(item == {"secret": True} for item in pressed if "key" not in item)
    assert len(written(line.home, reference)) > 1  # so a PIN would be found, too
    for entered in (pin, wrong(pin)):
        assert written(line.home, entered) == []
    assert "presses a key that is not recorded" in line.run("call", str(story["call"]["id"])).stdout


def written(home: Path, digits: str) -> list[str]:
    """Return files with these digits, except in a fraction of a second or in the middle of an id."""
    found = []
    pattern = re.compile(rb"(?<!\.)(?<![0-9a-f](?=.{6}[0-9a-f]))" + digits.encode(), re.DOTALL)
    for path in home.rglob("*"):
        inside = path.relative_to(home).parts
        if inside[:2] not in (("asterisk", "apt"), ("asterisk", "root")) and inside[0] != "sounds" and path.is_file():
            with contextlib.suppress(FileNotFoundError):  # another process has removed the file meanwhile
                found += [str(path)] if pattern.search(path.read_bytes()) else []
    return found
