"""Voice messages of callers, moved from Asterisk's folder of recordings into HATIF_HOME.

A recording's name holds the kind of case file that it becomes, its category and its call, so that one left behind by a
killed controller can still be stored (`ivr.controller.orphaned_rows`).
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
"""A shorter recording holds no message: a breath before hanging up."""

_FRAME = 160  # samples: 20 ms
_LOUD = 512  # from the lowest sample of a frame to the highest: -42 dBFS
_VOICE_FRAMES = 10
"""At least this many frames with sound are a voice; fewer are a click or a breath."""

_ROOM_BYTES = 100_000
"""Six seconds of recording."""

_NAME = re.compile(rf"msg-({'|'.join(CaseKind)})-([a-z][a-z0-9_]*)-([0-9a-f-]{{36}})")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message.

    `file` is relative to HATIF_HOME; `cut` says that Asterisk ended before it had written all of it.
    """

    id: UUID
    file: str
    seconds: float
    cut: bool = False


def recording_name(kind: str, category: str, call: str) -> str:
    """Return the name of a recording in Asterisk."""
    return f"msg-{kind}-{category}-{call}"


def parse_name(recording: str) -> tuple[CaseKind, str, str] | None:
    """Return kind, category and call of a message's recording; None for any other name."""
    match = _NAME.fullmatch(recording)
    return (CaseKind(match[1]), match[2], match[3]) if match else None


def recording_names(recordings: Path, call: str) -> list[str]:
    """Return the names of a call's recordings in Asterisk's folder."""
    return sorted(path.stem for path in recordings.glob(f"msg-*-{glob.escape(call)}.{FORMAT}"))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The folders of voice messages: `recordings` is Asterisk's, `home` is HATIF_HOME, where messages are stored.

    `keeps_free`: how many bytes stay free on their disks.
    """

    recordings: Path
    home: Path
    keeps_free: int = 0

    def recording(self, name: str) -> Path:
        """Return the path of a recording in Asterisk's folder."""
        return self.recordings / f"{name}.{FORMAT}"

    def names(self) -> list[str]:
        """Return the names of all recordings in Asterisk's folder."""
        return sorted(path.stem for path in self.recordings.glob(f"*.{FORMAT}"))

    async def has_voice(self, name: str) -> bool:
        """Return whether a recording holds a voice, as far as it can be read; False if there is no such recording."""
        return await asyncio.to_thread(has_voice, self.recording(name))

    async def keep(self, name: str) -> StoredMessage | None:
        """Move a message to where messages are stored; None if there is none, or it holds no voice.

        None as well if that is not possible now: it stays with Asterisk, where it is found again.
        """
        return await asyncio.to_thread(self._keep, name)

    def _keep(self, name: str) -> StoredMessage | None:
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
        except OSError as error:
            log.error("A message could not be stored; it stays with Asterisk", recording=name, error=str(error))
            return None
        except (wave.Error, EOFError) as error:
            aside = self.put_aside(name)
            log.error("A message could not be stored", recording=str(aside or recording), error=str(error))
            return None
        return StoredMessage(identity, file, seconds, cut)

    def move(self, name: str, file: str) -> None:
        """Move a recording from Asterisk's folder to `file` in HATIF_HOME, readable by its owner only."""
        target = self.home / file
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.move(self.recording(name), target)
        target.chmod(0o600)

    def put_aside(self, name: str) -> str | None:
        """Move an unreadable recording out of the next start's way.

        Return its new path in HATIF_HOME; None if that failed.
        """
        file = f"{UNREADABLE}/{name}.{FORMAT}"
        try:
            self.move(name, file)
        except OSError:
            return None
        return file

    def is_full(self) -> bool:
        """Return whether the disk is full: Asterisk then ends a recording as if somebody had ended it."""
        return _free_bytes(self.recordings) < _ROOM_BYTES

    def has_room(self) -> bool:
        """Return whether another recording may begin: enough stays free for everything else."""
        return min(_free_bytes(self.recordings), _free_bytes(self.home)) >= self.keeps_free


def _free_bytes(folder: Path) -> int:
    """Return how much the folder's disk has room for; 0 if it cannot be read."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def has_voice(path: Path) -> bool:
    """Return whether a recording (16 bit, mono) holds more than silence and line noise.

    One that cannot be read may: what is taken for silence is deleted.

    Asterisk's own count of spoken seconds is in whole seconds, and counts some silences as one.
    """
    try:
        samples = array("h", (data := path.read_bytes())[wav.HEADER : len(data) & ~1])
    except FileNotFoundError:
        return False
    except OSError:
        return True
    frames = (samples[at : at + _FRAME] for at in range(0, len(samples), _FRAME))
    loud = (None for frame in frames if max(frame) - min(frame) >= _LOUD)
    return sum(1 for _ in itertools.islice(loud, _VOICE_FRAMES)) == _VOICE_FRAMES
