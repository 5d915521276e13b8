"""The state of a case by telephone, for callers with the right reference and PIN, and for others."""

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

from left import begins, rows
from line import Line

from db.tables import CaseFile
from ivr.softphone.sound import Match
from ivr.softphone.telephone import Call, Telephones

KEYS = {"fr": "2"}
CASE = "1"
MISTAKEN = ("case_reference_wrong", "help_digits")
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


async def asked(line: Line, telephones: Telephones, caller: str | None, language: str = "fr") -> Call:
    """Return a caller who is being asked for a reference."""
    call = await telephones.caller(caller).dial(f"sip:+33800212000@{line.sip}")
    await call.established()
    await call.press(KEYS[language] + CASE)
    await begins(call, line.audio(language, "case_ask_reference"))
    return call


async def enters(line: Line, call: Call, reference: str, pin: str, answer: str, language: str = "fr") -> None:
    """Enter both when asked, and wait for the answer.

    A caller whose key came twice after all, or too late, hears so and enters the number again.
    """
    since = await entered(line, call, f"{reference}#", call.clock, "case_ask_pin", language)
    await entered(line, call, f"{pin}#", since, answer, language)


async def entered(line: Line, call: Call, keys: str, since: float, answer: str, language: str) -> float:
    """Enter a number until the answer to it is heard; return a time before what follows, by the call's clock."""
    for _ in range(3):
        await call.press(keys, APART_S)
        heard, match = await first_of(line, call, since, language, answer, *MISTAKEN)
        since = match.offset_s + 0.6
        if heard == answer:
            return since
    raise AssertionError(f"{answer} was not heard")


async def first_of(line: Line, call: Call, since_s: float, language: str, *prompts: str) -> tuple[str, Match]:
    """Return the prompt that is heard first, once it has gone on for half a second, and where."""
    tasks = {asyncio.ensure_future(begins(call, line.audio(language, prompt), since_s)): prompt for prompt in prompts}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        heard = done.pop()
        return tasks[heard], heard.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def file_of(line: Line, reference: str) -> dict[str, Any]:
    return await case(line, "show", reference, "--json")


async def test_an_operator_gets_the_case_the_caller_asked_about_and_its_pin_appears_in_no_log_journal_or_table(
    line: Line, telephones: Telephones
) -> None:
    for _ in range(3):
        reference, pin = await opened(line)
        if not any(written(line.home, item) for item in (pin, wrong(pin))):
            break  # otherwise the same digits appear somewhere by chance
    before, count = await file_of(line, reference), len(await line.cases())
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    call = await asked(line, telephones, "+33617000091")
    await enters(line, call, reference, wrong(pin), "case_no_match")
    await enters(line, call, reference, pin, "case_state_open")
    await call.press("0")
    await line.until_state(phone.user, "talking")
    await line.restart()  # what was said before the restart is repeated
    await line.until_state(phone.user, "talking")
    await call.hangup()
    story = await line.story("+33617000091")
    assert (story["call"]["outcome"], story["call"]["case"]) == ("answered", reference)
    assert (story["call"]["operator"], story["call"]["topic"]) == (phone.user, "file")
    # No new case is opened.
    assert await file_of(line, reference) == before
    assert len(await line.cases()) == count
    pressed = [item["data"] for item in story["events"] if item["kind"] == "key"]
    assert [item.get("key") for item in pressed if not item.get("secret")] == [KEYS["fr"], CASE, "0"]
    assert len(pressed) >= 3 + 2 * 15
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
                content = path.read_bytes()
                if digits.encode() in content and pattern.search(content):
                    found.append(str(path))
    return found
