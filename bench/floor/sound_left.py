"""Callers' recorded speech after everybody has hung up: every message and recording is kept, whole, in the database."""

import asyncio
import wave
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.floor.line import Line
from db.engine import open_engine, reading
from db.tables import CallEvent, Message, Recording

SHORTEST_S = 1.0
"""A message of a caller who spoke for three seconds is longer, even if something was killed meanwhile."""


async def find_remains(line: Line) -> dict[str, Any]:
    """Return by kind what is lost or left, and how many messages and recordings are kept."""
    async with open_engine(line.database) as engine, reading(engine) as connection:
        messages = (await connection.execute(select(Message.id, Message.call_id, Message.file))).all()
        recordings = (await connection.execute(select(Recording.id, Recording.file, Recording.ended))).all()
        started = select(CallEvent.call_id).where(CallEvent.kind == "recording").distinct()
        spoke = set((await connection.execute(started)).scalars())
    kept = {str(call) for _, call, _ in messages}
    files = [file for _, _, file in messages] + [file for _, file, _ in recordings]
    lengths = await asyncio.to_thread(lambda: {file: read_seconds(line.home / file) for file in files})
    spool = line.home / "asterisk" / "spool" / "recording"
    return {
        "messages": len(messages),
        "recordings": len(recordings),
        "left": {
            "messages that were begun and are not kept": sorted(str(item) for item in spoke if str(item) not in kept),
            "messages that cannot be heard": [file for _, _, file in messages if (lengths[file] or 0.0) < SHORTEST_S],
            "recordings that cannot be heard": [file for _, file, _ in recordings if lengths[file] is None],
            "open recordings": [str(identity) for identity, _, ended in recordings if ended is None],
            "recordings that still lie with Asterisk": sorted(path.name for path in spool.glob("*.wav")),
        },
    }


def read_seconds(path: Path) -> float | None:
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error):
        return None
