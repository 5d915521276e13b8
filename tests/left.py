"""What the tests of messages, files and closed lines have in common: keys, rows, and speaking after a tone."""

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
from line import Line
from sqlalchemy import select

from db.engine import async_engine, reading
from ivr.demo.sound import RATE, Samples
from ivr.demo.telephone import Call

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}


async def rows(line: Line, table: Any, **wanted: object) -> list[Any]:
    """The rows of a table with these values, once there are any."""
    engine = async_engine(line.database)
    try:
        for _ in range(100):
            async with reading(engine) as connection:
                found = (await connection.execute(select(table).filter_by(**wanted))).all()
            if found:
                return list(found)
            await asyncio.sleep(0.05)
    finally:
        await engine.dispose()
    raise AssertionError(f"there is no {table.__tablename__} with {wanted}")


def samples_of(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def begins(
    call: Call, line: Line, language: str, prompt: str, *, since_s: float = 0.0, timeout_s: float = 12
) -> float:
    """Until the first second of a prompt has been heard; when it began, by the call's clock."""
    return (await call.hears(line.audio(language, prompt)[:RATE], timeout_s, since_s)).offset_s


async def speaks(call: Call, line: Line, language: str, tone_hz: float, seconds: float) -> None:
    """Hears how it works, cuts that short, and speaks after the tone."""
    await begins(call, line, language, "record_how")
    await call.press("5")
    await asyncio.sleep(0.6)  # the tone
    call.tone(tone_hz)
    await asyncio.sleep(seconds)
    call.silence()
