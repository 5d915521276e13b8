"""The manifest: which audio belongs to which prompt. The builder writes it; the controller reads it during calls.

Only the standard library is imported here, to keep the import fast.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from wire.errors import UserError

FILE = "manifest.json"
LEFT = "left"
"""The file that tells how many prompts the last build left for later; there is none if it left none."""
PREFIX = "hatif"
"""The folder of the audio, relative to Asterisk's folder of sounds."""
FORMATS = ("ulaw", "alaw", "g722")
"""Formats that Asterisk plays without transcoding: to a carrier of either law, and to wide-band telephones."""
BYTES_S = 8_000
"""Bytes per second of each format."""
G722_LEAD_S = 0.08
"""Seconds of silence at the beginning of each `.g722` (see `g722.py`)."""
KEPT_S = 0.03
"""Seconds of silence that every clip has before and after its speech."""
PAUSE, PAUSE_S = f"{PREFIX}/pause", 0.25 - 2 * KEPT_S
"""The pause between two clips of a sentence, in all languages: 0.25 s from the end of one's speech to the next."""
SHORT_PAUSE, SHORT_PAUSE_S = f"{PREFIX}/short_pause", 0.1 - 2 * KEPT_S
"""The pause between an option and its key: 0.1 s from the end of one's speech to the other's."""
LONG_PAUSE, LONG_PAUSE_S = f"{PREFIX}/long_pause", 0.8 - 2 * KEPT_S
"""The pause after a group of digits that the caller writes down: 0.8 s from speech to speech."""
BEEP, BEEP_S = f"{PREFIX}/beep", 0.25
"""The tone after which a caller speaks, and its seconds."""
RECORDING = "recording"
"""The source of audio that a person recorded; any other source is a voice."""

_REMEDY = "run `hatif prompts build`"


class ManifestError(UserError, ValueError):
    """A manifest that cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Audio:
    """One prompt in one language."""

    file: str  # Asterisk's name for it: hatif/<language>/<id>-<hash>, without extension
    text: str  # the spoken text, even if the catalogue has changed since
    source: str  # "recording", "pico", "pyttsx3", "kokoro"
    seconds: float
    since: datetime | None = None  # when it came into use; None in older manifests


_NAMES = tuple(field.name for field in fields(Audio))


@dataclass(frozen=True)
class Manifest:
    """All audio of a site, by language and prompt."""

    prompts: Mapping[str, Mapping[str, Audio]]

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.prompts)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all prompts that have audio in some language."""
        return frozenset(prompt for prompts in self.prompts.values() for prompt in prompts)

    @property
    def files(self) -> set[str]:
        """All files named in it."""
        return {audio.file for prompts in self.prompts.values() for audio in prompts.values()}

    def audio(self, language: str, prompt: str) -> Audio | None:
        """Return the audio of one prompt; None if there is none."""
        return self.prompts.get(language, {}).get(prompt)

    def file(self, language: str, prompt: str) -> str | None:
        """Return the file that Asterisk plays; None if there is no audio."""
        audio = self.audio(language, prompt)
        return audio.file if audio else None

    def text(self, language: str, prompt: str) -> str | None:
        """Return the text spoken in the audio; None if there is no audio."""
        audio = self.audio(language, prompt)
        return audio.text if audio else None

    def seconds(self, language: str, prompt: str) -> float | None:
        """Return the duration in seconds; None if there is no audio."""
        audio = self.audio(language, prompt)
        return audio.seconds if audio else None


def load(path: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        ManifestError: The file is missing or not a manifest.
    """
    try:
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}; {_REMEDY}") from None


def load_if_any(path: Path) -> Manifest:
    """Read `manifest.json`; return an empty manifest before the first build or if the file cannot be used."""
    try:
        return load(path)
    except ManifestError:
        return Manifest({})


def is_left(sounds: Path) -> bool:
    """Return whether the last build of this folder left prompts for later."""
    return (sounds / LEFT).exists()


def parse(text: bytes, path: Path) -> Manifest:
    """Parse the content of `manifest.json`; `path` is for error messages.

    Raises:
        ManifestError: The content is not a manifest.
    """
    try:
        content = json.loads(text)
        prompts = {
            language: {
                prompt: Audio(
                    str(a["file"]), str(a["text"]), str(a["source"]), float(a["seconds"]), _time(a.get("since"))
                )
                for prompt, a in audio.items()
            }
            for language, audio in content.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"{path}: not a list of prompts ({type(error).__name__}: {error}); {_REMEDY}") from None
    return Manifest(prompts)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def dump(manifest: Manifest) -> bytes:
    """Return the manifest as the JSON that `load` reads."""
    content = {
        # Not `asdict`, which copies each value of thousands of clips: a tenth of a build that makes one.
        language: {prompt: {name: getattr(audio, name) for name in _NAMES} for prompt, audio in prompts.items()}
        for language, prompts in manifest.prompts.items()
    }
    return json.dumps(content, ensure_ascii=False, default=datetime.isoformat, indent=1).encode()


def paths(sounds: Path, file: str) -> tuple[Path, ...]:
    """Return the files of one prompt, one per format."""
    return tuple(sounds / f"{file.removeprefix(f'{PREFIX}/')}.{ending}" for ending in FORMATS)


def size(path: Path, seconds: float) -> int:
    """Return the size in bytes that a file must have to be complete."""
    return size_of(path.suffix[1:], seconds)


def size_of(ending: str, seconds: float) -> int:
    """Return the size in bytes of a complete file of one format."""
    return round((seconds + (G722_LEAD_S if ending == "g722" else 0)) * BYTES_S)


def prune(sounds: Path, keep: Iterable[str] = (), age: timedelta = timedelta(days=1)) -> list[Path]:
    """Remove audio that neither the manifest nor `keep` (files of versions in use) names; return the removed paths.

    The builder touches files that it retires, so `age` counts from then: a call in progress may still play them.
    """
    removed = []
    with locked(sounds):
        files = load(sounds / FILE).files | set(keep)
        # Text, since a path for each of tens of thousands of names takes most of a second.
        named = {f"{file.removeprefix(f'{PREFIX}/')}.{ending}" for file in files for ending in FORMATS}
        oldest = time.time() - age.total_seconds()
        for folder in [found for found in os.scandir(sounds) if found.is_dir()]:
            for entry in os.scandir(folder):
                if entry.is_symlink():
                    unused = f"{folder.name}/{os.readlink(entry)}" not in named  # noqa: PTH115
                else:
                    unused = f"{folder.name}/{entry.name}" not in named and entry.stat().st_mtime < oldest
                if unused:
                    path = sounds / folder.name / entry.name
                    path.unlink()
                    removed.append(path)
    return removed


def files_of_versions(versions: Path) -> set[str]:
    """Return all files named by versions in use (`<version>/manifest.json` of each).

    Raises:
        ManifestError: A version's manifest cannot be read.
    """
    files: set[str] = set()
    for path in versions.glob(f"*/{FILE}"):
        try:
            files |= load(path).files
        except ManifestError:
            remedy = f"no old audio was removed; remove {path.parent} when no earlier call is in progress"
            raise ManifestError(f"{path} cannot be read: {remedy}") from None
    return files


@contextmanager
def locked(sounds: Path) -> Iterator[None]:
    """Hold the lock of a folder of sounds: one builder at a time, a second one waits."""
    with (sounds / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
