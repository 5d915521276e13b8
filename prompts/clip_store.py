"""Finished clips of slow voices, named by the hash of what they say and how, in a folder that all checkouts share."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from prompts import files, manifest
from prompts.audio import Sound

UNUSED = timedelta(days=90)
"""A clip is removed when no build has used it for this time."""
SCRATCH = ".import-"
"""The beginning of the names of folders with clips that are not checked yet."""
_NOTED_S = 7 * 24 * 3600
"""A use is noted once in so many seconds."""
_ABANDONED_S = 24 * 3600
"""An import that is so old was killed."""


class ClipStore:
    """A folder of clips; several processes may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def seconds(self, clip: str) -> float | None:
        """Return the duration of a clip in seconds; None if it is not here, or truncated."""
        return files.seconds_of(self.folder, _name(clip))

    def paths(self, clip: str) -> tuple[Path, ...]:
        """Return the files of a clip, one per format."""
        return manifest.paths(self.folder, _name(clip))

    def add(self, clip: str, sound: Sound) -> float:
        """Keep a clip and return its duration in seconds.

        Raises:
            OSError: It cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        return files.write_sound(self.folder, _name(clip), sound)

    def place(self, clip: str, sounds: Path, file: str) -> float | None:
        """Put a clip into a folder of sounds, without a copy on the same file system; return its duration in seconds.

        Returns:
            None if the clip is not here, or truncated.

        Raises:
            OSError: It cannot be written.
        """
        seconds = self.seconds(clip)
        if seconds is None:
            return None
        for source, target in zip(self.paths(clip), manifest.paths(sounds, file), strict=True):
            target.parent.mkdir(exist_ok=True)
            _place(source, target)
        return seconds

    def note_use(self, clip: str) -> None:
        """Note that a clip is still used, so that `prune` keeps it."""
        now = time.time()
        with suppress(OSError):
            for path in self.paths(clip):
                if now - path.stat().st_mtime > _NOTED_S:
                    os.utime(path, (now, now))

    def prune(self, unused: timedelta = UNUSED) -> int:
        """Remove clips that were not used for `unused`; return how many files. Clean up after killed imports."""
        oldest, removed = time.time() - unused.total_seconds(), 0
        for path in self.folder.glob("??/*"):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
        for folder in self.folder.glob(f"{SCRATCH}*"):
            if folder.stat().st_mtime < time.time() - _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
        return removed

    @contextmanager
    def builder_lock(self, waiting: Callable[[], object]) -> Iterator[None]:
        """Be the only process of this user that makes clips; `waiting` is called if another one is at work."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _name(clip: str) -> str:
    return f"{clip[:2]}/{clip}"


def _place(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)  # renaming a link to the same file does nothing
