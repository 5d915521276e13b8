"""Detects saved files: asked for every new call, and usually answered by a single read.

The kernel reports changes (inotify) at once and in order; while it reports none, no file is examined. It does not
report everything, though: neither what another machine saves on a shared disk, nor that a parent directory was
replaced. So the stamps of the files are examined anyway if the last time was more than a second ago; and for every
question if a path contains a symbolic link, or if the kernel reports nothing at all.
"""

import asyncio
import contextlib
import importlib
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

_TRUSTED_S = 1.0
_ROOM = 1 << 16  # bytes read from the kernel at once; the rest is read at the next question

Stamp = tuple[tuple[int, int], ...]


class SavedFiles:
    """Watches `files`, and everything in `folder`, which need not exist. For one event loop."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        files, folder = [file.absolute() for file in files], folder.absolute()
        self._files, self._folder = [os.fspath(file) for file in files], os.fspath(folder)
        self._above = sorted({os.fspath(path.parent) for path in (*files, folder)})
        self._kernel: Any = None  # None: not set up, or not possible
        self._descriptor = -1
        self._mask = 0
        self._complete = False  # whether the kernel reports everything that is saved here
        self._looked = -math.inf
        self._seen = self._stamp()
        self._found = False

    async def watch(self) -> None:
        """Start to use the kernel's reports. Loading takes a moment, so the first calls are served before."""
        try:
            inotify = await asyncio.to_thread(importlib.import_module, "inotify_simple")
            self._kernel = await asyncio.to_thread(inotify.INotify, nonblocking=True)
            masks, flags = inotify.masks, inotify.flags
            self._mask = masks.MOVE | flags.CREATE | flags.DELETE | flags.MODIFY | flags.ATTRIB
            self._mask |= flags.DELETE_SELF | flags.MOVE_SELF
            self._descriptor = self._kernel.fileno()
        except (ImportError, OSError, AttributeError) as error:
            log.info("The kernel does not report changes; files are examined for each call", error=str(error))
            return
        self._arm()

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel, self._complete = None, False

    def stale(self) -> bool:
        """Return whether something was saved since `note`."""
        reported = self._kernel is not None and self._read_reports()
        if reported or not self._complete or time.monotonic() - self._looked >= _TRUSTED_S:
            if self._kernel is not None and (reported or not self._complete):
                self._arm()  # first, so that anything saved after the look is reported
            self._looked = time.monotonic()
            self._found = self._stamp() != self._seen
        return self._found

    def note(self) -> None:
        """Note that what is saved now has been read."""
        self._seen, self._found = self._stamp(), False

    def _read_reports(self) -> bool:
        try:
            return bool(os.read(self._descriptor, _ROOM))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return True

    def _arm(self) -> None:
        """Watch the files again after each change, since a file may have been replaced.

        Files are also watched directly, in case one is written through another of its names.
        """
        self._looked = -math.inf
        files = self._all_files()
        if any(os.fspath(Path(path).resolve()) != path for path in (*self._above, self._folder, *files)):
            self.close()  # the kernel would not report that a link leads elsewhere
            return
        self._complete = all(self._add(path) for path in self._above)
        if not self._add(self._folder) and Path(self._folder).exists():
            self._complete = False
        for file in files:
            self._add(file)

    def _add(self, path: str) -> bool:
        try:
            self._kernel.add_watch(path, self._mask)
        except OSError:  # it does not exist, or there are too many watches
            return False
        return True

    def _all_files(self) -> list[str]:
        found = list(self._files)
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            found += sorted(entry.path for entry in entries)
        return found

    def _stamp(self) -> Stamp:
        return tuple([_stamp_of(file) for file in self._all_files()])


def _stamp_of(path: str) -> tuple[int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - called about twenty times while a call waits
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
