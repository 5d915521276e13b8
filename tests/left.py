"""Common steps of call tests: keys, rows, the beginning of a prompt, and speaking after a tone."""

import asyncio
import wave
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import short_audio
from line import Line
from sqlalchemy import select

from db import read
from db.engine import open_engine, reading
from ivr.softphone.sound import RATE, Match, Samples
from ivr.softphone.telephone import Call

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}


async def rows(line: Line, table: Any, **wanted: object) -> list[Any]:
    """Return the rows of a table with these values, once there are any."""
    async with open_engine(line.database) as engine:
        for _ in range(100):
            async with reading(engine) as connection:
                found = (await connection.execute(select(table).filter_by(**wanted))).all()
            if found:
                return list(found)
            await asyncio.sleep(0.05)
    raise AssertionError(f"there is no {table.__tablename__} with {wanted}")


def samples_of(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def begins(
    call: Call, prompt: Samples, since_s: float = 0.0, timeout_s: float = 12.0, *, for_s: float = 0.0
) -> Match:
    """Wait until the first second of a prompt was heard and it has gone on for `for_s`: then it may be cut short.

    It has gone on for half a second in any case: an earlier key would count as typed ahead.
    """
    match = await call.hears(prompt[:RATE], timeout_s, since_s)
    await asyncio.sleep(max(0.0, match.offset_s + max(for_s, short_audio.SECONDS) - call.clock))
    return match


async def recorded(line: Line, caller: str, times: int = 1) -> None:
    """Wait until the caller's speech is being recorded; `times`: the number of that recording, 2 for the second one."""
    await line.story(
        caller,
        ended=False,
        told=lambda story: [event["kind"] for event in story["events"]].count("recording") >= times,
    )


async def speaks(
    call: Call,
    line: Line,
    language: str,
    caller: str,
    tone_hz: float,
    seconds: float,
    *,
    since_s: float = 0.0,
    times: int = 1,
) -> None:
    """Cut the instructions short, and speak after the tone; `times` as in `recorded`."""
    await begins(call, line.audio(language, "record_how"), since_s)
    await call.press("5")
    await recorded(line, caller, times)
    call.tone(tone_hz)
    await asyncio.sleep(seconds)
    call.silence()


async def newest(line: Line, count: int) -> list[dict[str, Any]]:
    """Return the last calls, as soon as the database has all their ends."""
    async with open_engine(line.database) as engine:
        async with asyncio.timeout(5):
            while True:
                calls = await read.calls(engine, count)
                if all(call.ended is not None for call in calls):
                    return [asdict(call) for call in calls]
                await asyncio.sleep(0.05)
