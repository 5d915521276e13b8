"""Messages that callers have left."""

import math
import struct
import wave
from pathlib import Path
from uuid import UUID

from carrier import put
from line import Line

from db.ids import uuid7
from db.tables import Message
from ivr.model import clock


def record(path: Path, seconds: float = 3.0) -> None:
    """Write a message as Asterisk records one."""
    samples = (round(9000 * math.sin(2 * math.pi * 440 * at / 8000)) for at in range(round(8000 * seconds)))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


async def leave(line: Line, caller: str) -> UUID:
    """Have a message of a caller there; return its id."""
    identity = uuid7()
    record(line.home / f"messages/{identity}.wav")
    given = {"id": identity, "node": line.settings.node, "call_id": uuid7(), "file": f"messages/{identity}.wav"}
    about = {"caller": caller, "language": "fr", "topic": "documents", "duration_ms": 3000, "at": clock.now()}
    await put(line, Message, **given, **about)
    return identity
