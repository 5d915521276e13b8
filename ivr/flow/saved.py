"""Whether anything was saved since it was looked at last: asked for every new call, mostly at the price of one read.

The kernel tells of what is saved (inotify), at once and in order: where it has told of nothing, nothing is looked at.
It does not tell of all: not of what another machine saves on a shared disk, nor of a folder above that is another one
now. So the files' stamps are looked at all the same a second after the last look; and for each question where the way
to them leads over a symbolic link, or the kernel tells of nothing at all.
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
_ROOM = 1 << 16  # bytes of what the kernel tells; what is left is told at the next question

Stamp = tuple[tuple[int, int], ...]


class Saved:
    """`files`, and all that is in the folder `folder`, which need not be there. For one event loop."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        files, folder = [each.absolute() for each in files], folder.absolute()
        self._files, self._folder = [os.fspath(each) for each in files], os.fspath(folder)
        self._above = sorted({os.fspath(each.parent) for each in (*files, folder)})
        self._kernel: Any = None  # None: not asked, or it cannot be
        self._descriptor = -1
        self._mask = 0
        self._all_told = False  # whether it tells of all that is saved here
        self._looked = -math.inf
        self._seen = self._stamp()
        self._found = False

    async def watch(self) -> None:
        """Lets the kernel tell from now on. Not before the first call is served: loading it takes a moment."""
        try:
            inotify = await asyncio.to_thread(importlib.import_module, "inotify_simple")
            self._kernel = await asyncio.to_thread(inotify.INotify, nonblocking=True)
            told, its = inotify.masks, inotify.flags
            self._mask = told.MOVE | its.CREATE | its.DELETE | its.MODIFY | its.ATTRIB | its.DELETE_SELF | its.MOVE_SELF
            self._descriptor = self._kernel.fileno()
        except (ImportError, OSError, AttributeError) as error:
            log.info("The kernel does not tell what is saved; files are looked at for each call", error=str(error))
            return
        self._arm()

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel, self._all_told = None, False

    def stale(self) -> bool:
        """Whether something was saved since `note`."""
        told = self._kernel is not None and self._told()
        if told or not self._all_told or time.monotonic() - self._looked >= _TRUSTED_S:
            if self._kernel is not None and (told or not self._all_told):
                self._arm()  # first: what is saved after the look is told
            self._looked = time.monotonic()
            self._found = self._stamp() != self._seen
        return self._found

    def note(self) -> None:
        """What is saved now has been seen."""
        self._seen, self._found = self._stamp(), False

    def _told(self) -> bool:
        try:
            return bool(os.read(self._descriptor, _ROOM))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return True

    def _arm(self) -> None:
        """Anew after each change: a file may be another one now. Files are told of by themselves as well, for who
        writes into one by another name that it has."""
        self._looked = -math.inf
        files = self._all_files()
        if any(os.fspath(Path(each).resolve()) != each for each in (*self._above, self._folder, *files)):
            self.close()  # of a link that leads elsewhere from now on nothing would be told
            return
        self._all_told = all(self._add(each) for each in self._above)
        if not self._add(self._folder) and Path(self._folder).exists():
            self._all_told = False
        for each in files:
            self._add(each)

    def _add(self, path: str) -> bool:
        try:
            self._kernel.add_watch(path, self._mask)
        except OSError:  # it is not there, or there are too many
            return False
        return True

    def _all_files(self) -> list[str]:
        found = list(self._files)
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            found += sorted(entry.path for entry in entries)
        return found

    def _stamp(self) -> Stamp:
        return tuple([_of(file) for file in self._all_files()])


def _of(path: str) -> tuple[int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - some twenty, while a call waits
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
