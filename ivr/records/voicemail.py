"""Messages that callers left by voice: from Asterisk's folder of recordings into HATIF_HOME.

A recording is named after the kind of file that it becomes, its category and its call, so that one which was left
behind by a controller that died can still be kept (`ivr.controller.orphaned_rows`).
"""

import asyncio
import glob
import itertools
import os
import re
import shutil
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from db.enums import CaseKind
from db.ids import uuid7
from ivr.audio import wav

log = structlog.get_logger()

FORMAT = "wav"
FOLDER = "messages"
UNREADABLE = "unreadable"
SHORTEST_S = 1.0
"""Less than this holds no message: a breath before hanging up."""

_FRAME = 160  # samples: 20 ms
_LOUD = 512  # from the lowest sample of a frame to the highest: -42 dBFS
_VOICE_FRAMES = 10
"""So many frames with sound make a voice; fewer are a click or a breath."""

_ROOM_BYTES = 100_000
"""Six seconds of recording."""

_NAME = re.compile(rf"msg-({'|'.join(CaseKind)})-([a-z][a-z0-9_]*)-([0-9a-f-]{{36}})")


@dataclass(frozen=True, slots=True)
class Left:
    """A message that is kept: `file` relative to HATIF_HOME; `cut`: Asterisk ended before it had written all of it."""

    id: UUID
    file: str
    seconds: float
    cut: bool = False


def name(kind: str, category: str, call: str) -> str:
    """What Asterisk calls the recording."""
    return f"msg-{kind}-{category}-{call}"


def named(recording: str) -> tuple[CaseKind, str, str] | None:
    """Kind, category and call of a recording of ours; None for any other."""
    match = _NAME.fullmatch(recording)
    return (CaseKind(match[1]), match[2], match[3]) if match else None


def names_of(recordings: Path, call: str) -> list[str]:
    """The names of the recordings of a call in Asterisk's folder."""
    return sorted(path.stem for path in recordings.glob(f"msg-*-{glob.escape(call)}.{FORMAT}"))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`recordings`: where Asterisk puts what it records; `home`: HATIF_HOME, where that is kept."""

    recordings: Path
    home: Path

    def recording(self, name: str) -> Path:
        return self.recordings / f"{name}.{FORMAT}"

    def names(self) -> list[str]:
        """Of all recordings that lie with Asterisk."""
        return sorted(path.stem for path in self.recordings.glob(f"*.{FORMAT}"))

    async def has_voice(self, name: str) -> bool:
        """Whether anything is heard in a recording; not in one that is not there."""
        return await asyncio.to_thread(has_voice, self.recording(name))

    async def keep(self, name: str) -> Left | None:
        """Moves a message to where messages are kept. None if there is none, or nothing is heard in it."""
        return await asyncio.to_thread(self._keep, name)

    def _keep(self, name: str) -> Left | None:
        recording = self.recording(name)
        try:
            if recording.stat().st_size <= wav.HEADER:
                recording.unlink()
                return None
            cut = wav.repair(recording)
            seconds = wav.duration_s(recording)
            if seconds < SHORTEST_S or not has_voice(recording):
                recording.unlink(missing_ok=True)
                return None
            identity = uuid7()
            file = f"{FOLDER}/{identity}.{FORMAT}"
            self.move(name, file)
        except FileNotFoundError:
            return None
        except (OSError, wave.Error, EOFError) as error:
            kept = self.put_aside(name)
            log.error("A message could not be kept", recording=str(kept or recording), error=str(error))
            return None
        return Left(identity, file, seconds, cut)

    def move(self, name: str, file: str) -> None:
        """From Asterisk's folder to `file` in HATIF_HOME, which only its owner may read."""
        kept = self.home / file
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.move(self.recording(name), kept)
        kept.chmod(0o600)

    def put_aside(self, name: str) -> str | None:
        """Keep what is not a recording out of the next start's way; return its place in HATIF_HOME. None: not done."""
        file = f"{UNREADABLE}/{name}.{FORMAT}"
        try:
            self.move(name, file)
        except OSError:
            return None
        return file

    def is_full(self) -> bool:
        """Whether the disk has no room for more: Asterisk ends a recording then as if somebody had ended it."""
        try:
            disk = os.statvfs(self.recordings)
        except OSError:
            return True
        return disk.f_bavail * disk.f_frsize < _ROOM_BYTES


def has_voice(path: Path) -> bool:
    """Whether a recording (16 bit, mono) has more in it than silence and the noise of a line.

    Asterisk's own count of seconds spoken is in whole ones and calls some silences one.
    """
    try:
        samples = array("h", (data := path.read_bytes())[wav.HEADER : len(data) & ~1])
    except OSError:
        return False
    frames = (samples[at : at + _FRAME] for at in range(0, len(samples), _FRAME))
    loud = (None for frame in frames if max(frame) - min(frame) >= _LOUD)
    return sum(1 for _ in itertools.islice(loud, _VOICE_FRAMES)) == _VOICE_FRAMES
