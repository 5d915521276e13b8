"""Helpers for tests of conversations: start one, and make requests about it."""

import asyncio
import contextlib
import json
import urllib.error
from pathlib import Path
from typing import Any

from levels import QUIET_DBFS, level_dbfs, longest_silence
from line import Line

from ivr.softphone.sound import RATE, has_tone
from ivr.softphone.telephone import Call, Operator, Telephones

CALLER_HZ, OPERATOR_HZ, COLLEAGUE_HZ = 1130.0, 1870.0, 2350.0


async def conversation(
    line: Line, telephones: Telephones, caller: str, operator: str | None = None, keys: str = "20"
) -> tuple[Call, Call, Operator]:
    """Connect a caller and an operator; return the caller's call, the operator's call and their telephone."""
    phone = await line.phone(telephones, operator or line.speaks("fr"))
    phone.will_answer(tone_hz=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, caller, keys)
    call.tone(CALLER_HZ)
    leg = await phone.next_call(8)
    await call.hears_tone(OPERATOR_HZ)
    await leg.hears_tone(CALLER_HZ)
    phone.will_ring()
    return call, leg, phone


def call_id(line: Line, caller: str) -> str:
    """Return the id of the call in progress."""
    for item in line.ari("GET", "/channels"):
        if item["caller"]["number"] == caller:
            with contextlib.suppress(urllib.error.HTTPError):  # a channel that has just ended
                state = json.loads(line.ari("GET", f"/channels/{item['id']}/variable", variable="HATIF")["value"])
                if "id" in state:
                    return str(state["id"])
    raise AssertionError(f"{caller} has no call")


def talk(line: Line, caller: str, act: str, **body: object) -> Any:
    """Make a request about that caller's conversation through the control API."""
    return line.control("POST", f"/calls/{call_id(line, caller)}/{act}", body or None)


def refused(line: Line, caller: str, act: str, **body: object) -> tuple[int, str]:
    """Make a request that is refused; return the status and the reason."""
    try:
        talk(line, caller, act, **body)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["detail"]
    raise AssertionError(f"{act} {body} was granted")


def stands(line: Line, caller: str) -> dict[str, Any]:
    answer: dict[str, Any] = line.control("GET", f"/calls/{call_id(line, caller)}")
    return answer


async def hears_music(call: Call, since_s: float, timeout_s: float = 5.0) -> None:
    """Wait for a second of sound that is none of the parties' tones. A tone that has just stopped is not music.

        Raises:
    TimeoutError: there is no such second within `timeout_s`.
    """
    tones = (CALLER_HZ, OPERATOR_HZ, COLLEAGUE_HZ)
    async with asyncio.timeout(timeout_s):
        while True:
            heard = call.heard(max(since_s, call.clock - 1.0))
            quarters = (heard[-RATE // 2 : -RATE // 4], heard[-RATE // 4 :])
            sounds = len(heard) >= 0.9 * RATE and all(level_dbfs(quarter) > QUIET_DBFS for quarter in quarters)
            if sounds and not any(has_tone(heard, hertz) for hertz in tones):
                return
            await asyncio.sleep(0.1)


def given_up(line: Line, seen: int = 0) -> int:
    """Return how many operators' telephones the controller gave up for silence, from byte `seen` of its log on."""
    return line.logged(seen).count("No sound comes from an operator's telephone")


def asterisk_log(line: Line) -> Path:
    return line.home / "asterisk" / "log" / "asterisk.log"


def never_silent(call: Call, since_s: float = 0.0) -> None:
    """Raise AssertionError if somebody has heard nothing for three seconds."""
    silence = longest_silence(call.heard(since_s))
    assert silence.length_s < 3.0, silence


def kinds(story: dict[str, Any]) -> list[str]:
    """Return the events of a call."""
    return [event["kind"] for event in story["events"]]
