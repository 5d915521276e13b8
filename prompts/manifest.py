"""Which audio belongs to which prompt: what the builder writes and the controller reads while calls are on.

Light on purpose: nothing is imported here but the standard library.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

FILE = "manifest.json"
PREFIX = "hatif"
"""Where Asterisk finds the audio, relative to its folder of sounds."""
FORMATS = ("ulaw", "alaw", "g722")
"""What Asterisk plays as it is: to a carrier of either law, and to wide-band telephones."""
BYTES_S = 8_000
"""Of each format."""
G722_LEAD_S = 0.08
"""Seconds of silence in front of each `.g722` (`g722.py` says why)."""
PAUSE = f"{PREFIX}/pause"
"""A short silence, the same in all languages, that a call can put between groups of digits."""
BEEP = f"{PREFIX}/beep"
"""The tone after which a caller speaks."""
PAUSE_S, BEEP_S = 0.3, 0.25
RECORDING = "recording"
"""The source of audio that a person spoke; any other source is a voice."""

_REMEDY = "run `hatif prompts build`"


class ManifestError(ValueError):
    """A manifest that cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Audio:
    """One prompt in one language."""

    file: str  # as Asterisk names it: hatif/<language>/<id>-<hash>, without an ending
    text: str  # what is heard in it, also where the catalogue has moved on
    source: str  # "recording", "pico", "pyttsx3", "mbrola-nl2"
    seconds: float
    since: datetime | None = None  # when it came into use; older manifests do not say


@dataclass(frozen=True)
class Manifest:
    """All audio of a site, by language and prompt."""

    prompts: Mapping[str, Mapping[str, Audio]]

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.prompts)

    @cached_property
    def ids(self) -> frozenset[str]:
        """All prompts that have audio in some language."""
        return frozenset(prompt for prompts in self.prompts.values() for prompt in prompts)

    @property
    def files(self) -> set[str]:
        """All files that it names."""
        return {audio.file for prompts in self.prompts.values() for audio in prompts.values()}

    def audio(self, language: str, prompt: str) -> Audio | None:
        """Everything about one prompt; None where there is no audio."""
        return self.prompts.get(language, {}).get(prompt)

    def file(self, language: str, prompt: str) -> str | None:
        """What Asterisk is told to play; None where there is no audio."""
        audio = self.audio(language, prompt)
        return audio.file if audio else None

    def text(self, language: str, prompt: str) -> str | None:
        """What is heard in that file."""
        audio = self.audio(language, prompt)
        return audio.text if audio else None

    def seconds(self, language: str, prompt: str) -> float | None:
        """How long it lasts."""
        audio = self.audio(language, prompt)
        return audio.seconds if audio else None


def load(path: Path) -> Manifest:
    """Reads `manifest.json`. ManifestError: it is not there or not one."""
    try:
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}; {_REMEDY}") from None


def load_if_any(path: Path) -> Manifest:
    """As `load`; empty before the first build, and where the file cannot be used."""
    try:
        return load(path)
    except ManifestError:
        return Manifest({})


def parse(text: bytes, path: Path) -> Manifest:
    """The content of `manifest.json`, which is from `path`. ManifestError: it is not one."""
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
    """What `load` reads."""
    content = {
        language: {prompt: asdict(audio) for prompt, audio in prompts.items()}
        for language, prompts in manifest.prompts.items()
    }
    return json.dumps(content, ensure_ascii=False, default=datetime.isoformat, indent=1).encode()


def paths(sounds: Path, file: str) -> tuple[Path, ...]:
    """The files of one prompt, one a format."""
    return tuple(sounds / f"{file.removeprefix(f'{PREFIX}/')}.{ending}" for ending in FORMATS)


def size(path: Path, seconds: float) -> int:
    """Bytes of one of these files, if it is whole."""
    return round((seconds + (G722_LEAD_S if path.suffix == ".g722" else 0)) * BYTES_S)


def prune(sounds: Path, keep: Iterable[str] = (), age: timedelta = timedelta(days=1)) -> list[Path]:
    """Removes audio that neither the manifest nor `keep` (files of versions in use) names, and says which.

    The builder touches what it retires, so that `age` counts from then: a call in progress may still play it.
    """
    removed = []
    with locked(sounds):
        files = load(sounds / FILE).files | set(keep)
        named = {path for file in files for path in paths(sounds, file)}
        oldest = time.time() - age.total_seconds()
        for path in sounds.glob("*/*"):
            if path.is_symlink():
                left_over = path.parent / path.readlink() not in named
            else:
                left_over = path not in named and path.stat().st_mtime < oldest
            if left_over:
                path.unlink()
                removed.append(path)
    return removed


def files_of_versions(versions: Path) -> set[str]:
    """All files that versions in use name (`<version>/manifest.json` of each). ManifestError: one cannot be read."""
    files: set[str] = set()
    for path in versions.glob(f"*/{FILE}"):
        try:
            files |= load(path).files
        except ManifestError:
            remedy = f"no old audio was removed; remove {path.parent} when no call of before is left"
            raise ManifestError(f"{path} cannot be read: {remedy}") from None
    return files


@contextmanager
def locked(sounds: Path) -> Iterator[None]:
    """One builder at a time in a folder of sounds; the second one waits."""
    with (sounds / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
