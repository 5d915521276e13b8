"""The state of a case by telephone, for callers with the right reference and PIN, and for others."""

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from left import begins, rows
from line import Line

from db.references import is_valid, make_reference
from db.tables import CaseFile
from ivr.softphone.sound import RATE, Samples
from ivr.softphone.telephone import Call, Telephones

KEYS = {"ar": "1", "fr": "2", "en": "7"}
CASE = "1"
EXPECTED = (datetime.now(UTC) + timedelta(days=60)).date()
NOBODYS = make_reference(9, 1001)
OLD = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


async def case(line: Line, *arguments: str) -> dict[str, Any]:
    """Run `hatif case …`; the line's deliverer has written the result to the database when it ends."""
    answer = await asyncio.to_thread(line.run, "case", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout) if "--json" in arguments else {}
    return found


async def opened(line: Line, *changes: str, language: str = "fr") -> tuple[str, str]:
    """Reference and code of a new file, once the database has it as it is to be: a command that is slower than it waits
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
    await call.press(f"{reference}#")
    question = await begins(call, line.audio(language, "case_ask_pin"), since)
    await call.press(f"{pin}#")
    return question.offset_s + 0.6


async def claims(line: Line, telephones: Telephones, caller: str, reference: str, pin: str) -> Call:
    """Return a caller who enters everything without waiting for the questions."""
    call = await line.dial(telephones, caller)
    await call.press(f"{KEYS['fr']}{CASE}{reference}#{pin}#")
    return call


def results(story: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["data"]["reference"], item["data"]["result"]) for item in story["events"] if item["kind"] == "case"]


def said(story: dict[str, Any]) -> list[list[list[str]]]:
    return [item["data"]["clips"] for item in story["events"] if item["kind"] == "prompt"]


async def file_of(line: Line, reference: str) -> dict[str, Any]:
    return await case(line, "show", reference, "--json")


# Callers who know the PIN


async def test_a_caller_hears_the_state_of_their_case_in_their_language(line: Line, telephones: Telephones) -> None:
    told = ("case_state_incomplete", "case_missing", "missing_photograph", "missing_fee", "case_expected")
    day = (f"on_day_{EXPECTED.day}", f"in_month_{EXPECTED.month}")

    async def journey(language: str, number: str) -> None:
        changes = ("--state", "incomplete", "--missing", "photograph,fee", "--expected", str(EXPECTED))
        reference, pin = await opened(line, *changes, language=language)
        call = await asked(line, telephones, number, language)
        since = await enters(line, call, reference, pin, language)
        parts = (told[:1], told[1:4], (told[4], *day), ("case_again", "press_1"))
        await hears(call, *(line.audio(language, *part) for part in parts), since_s=since)
        await call.hangup()
        story = await line.story(number)
        assert (story["call"]["outcome"], story["call"]["case"]) == ("self_served", reference)
        assert results(story) == [(reference, "told")]
        (clips,) = (clips for clips in said(story) if [language, told[0]] in clips)
        assert clips[:7] == [[language, prompt] for prompt in (*told, *day)]
        file = await file_of(line, reference)
        assert (file["pin_failures"], file["pin_locked_until"]) == (0, None)

    await asyncio.gather(*(journey(item, f"+3361700000{KEYS[item]}") for item in KEYS))


async def test_the_state_can_be_repeated_another_case_heard_and_star_leads_back(
    line: Line, telephones: Telephones
) -> None:
    first, first_pin = await opened(line, "--state", "in_progress")
    second, second_pin = await opened(line, "--state", "ready")
    call = await asked(line, telephones, "+33617000011")
    since = await enters(line, call, first, first_pin)
    told = await begins(call, line.audio("fr", "case_state_in_progress"), since)
    await call.press("1")
    await begins(call, line.audio("fr", "case_state_in_progress"), told.offset_s + 0.6)
    await call.press("2")
    since = await enters(line, call, second, second_pin)
    told = await begins(call, line.audio("fr", "case_state_ready"), since)
    await call.press("*")
    await begins(call, line.audio("fr", "main_file"), told.offset_s + 0.6)
    await call.hangup()
    assert results(await line.story("+33617000011")) == [(first, "told"), (second, "told")]


async def test_everything_can_be_entered_ahead_of_the_questions(line: Line, telephones: Telephones) -> None:
    reference, pin = await opened(line)
    call = await claims(line, telephones, "+33617000012", reference, pin)
    await call.hears(line.audio("fr", "case_state_open"), 15)


# Callers who do not


async def test_a_wrong_pin_no_pin_and_no_case_get_the_same_answer(line: Line, telephones: Telephones) -> None:
    reference, pin = await opened(line)
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    enquiry = await line.asks_for_operator(telephones, "+33617000020", "20")
    await line.until_state(phone.user, "talking")
    await enquiry.hangup()
    without_code = (await line.story("+33617000020"))["call"]["case"]

    async def refused(entered: str, caller: str) -> None:
        call = await claims(line, telephones, caller, entered, wrong(pin))
        await hears(call, line.audio("fr", "case_no_match"), line.audio("fr", "case_ask_reference")[:RATE])
        await call.hangup()
        story = await line.story(caller)
        assert results(story) == [(entered, "no_match")]
        assert said(story)[-1] == [["fr", "case_no_match"], ["fr", "case_ask_reference"]]

    await asyncio.gather(
        refused(reference, "+33617000021"), refused(without_code, "+33617000022"), refused(NOBODYS, "+33617000023")
    )


async def test_three_wrong_pins_lock_the_case_and_the_number_even_if_the_controller_is_killed(
    line: Line, telephones: Telephones
) -> None:
    reference, pin = await opened(line)
    other, other_pin = await opened(line)
    call = await claims(line, telephones, "+33617000031", reference, wrong(pin))
    since = 0.0
    for _ in range(2):
        heard = await begins(call, line.audio("fr", "case_no_match"), since)
        since = heard.offset_s + 1.0
        await call.press(f"{reference}#{wrong(pin)}#")
    parts = (("case_no_match",), ("case_locked",), ("case_operator", "press_0"))
    await hears(call, *(line.audio("fr", *part) for part in parts), since_s=since)
    await call.hangup()
    assert results(await line.story("+33617000031")) == [(reference, "no_match")] * 3

    async def locked(entered: str, code: str, caller: str) -> None:
        """Enter the right PIN, and hear that it is locked."""
        call = await claims(line, telephones, caller, entered, code)
        await begins(call, line.audio("fr", "case_locked"))
        await call.hangup()

    await asyncio.gather(
        locked(other, other_pin, "+33617000031"),  # the number, for any case
        locked(reference, pin, "+33617000032"),  # the case, from any number
    )
    await line.restart()
    await asyncio.gather(locked(other, other_pin, "+33617000031"), locked(reference, pin, "+33617000032"))
    file = await file_of(line, reference)
    assert file["pin_failures"] == 3
    assert file["pin_locked_until"] > datetime.now(UTC).isoformat()
    # A new PIN ends the lock of the case, and the old one is wrong.
    new = (await case(line, "pin", reference, "--json"))["pin"]
    call = await claims(line, telephones, "+33617000033", reference, new)
    await call.hears(line.audio("fr", "case_state_open"), 15)


async def test_ten_simultaneous_calls_share_three_attempts_at_a_case(line: Line, telephones: Telephones) -> None:
    reference, pin = await opened(line)

    async def tries(n: int) -> str:
        """Retry from another number if the case could not be looked up: that does not count as an attempt."""
        for times in range(5):
            caller = f"+336170001{10 * times + n:02}"
            call = await claims(line, telephones, caller, reference, wrong(pin))
            for _ in range(100):
                if found := results(await line.story(caller, ended=False)):
                    break
                await asyncio.sleep(0.1)
            await call.hangup()
            ((_, result),) = found
            if result != "unavailable":
                break
        return result

    answers = await asyncio.gather(*(tries(n) for n in range(10)))
    assert sorted(answers) == ["locked"] * 7 + ["no_match"] * 3


async def test_an_invalid_reference_is_asked_for_again_and_then_leads_to_an_operator(
    line: Line, telephones: Telephones
) -> None:
    call = await asked(line, telephones, "+33617000061")
    mistyped = next(item for item in (f"10001001{digit}" for digit in "0123456789") if not is_valid(item))
    await call.press(f"{mistyped}#")
    await begins(call, line.audio("fr", "case_reference_wrong"))
    await call.press("12#")
    await begins(call, line.audio("fr", "help_digits"))
    await call.press(f"{mistyped}#")
    await begins(call, line.audio("fr", "to_operator"))
    (row,) = line.control("GET", "/queue")
    assert (row["caller"], row["topic"]) == ("+33617000061", "file")
    await call.hangup()
    assert results(await line.story("+33617000061")) == []


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


async def test_a_case_that_was_not_disclosed_does_not_reach_the_operator(line: Line, telephones: Telephones) -> None:
    reference, pin = await opened(line)
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    call = await claims(line, telephones, "+33617000072", reference, wrong(pin))
    await begins(call, line.audio("fr", "case_no_match"))
    await call.press("*0")
    await line.until_state(phone.user, "talking")
    await call.hangup()
    assert (await line.story("+33617000072"))["call"]["case"] not in (None, reference)


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
    parts = (("case_unavailable",), ("case_operator", "press_0"))
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
