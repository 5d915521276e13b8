"""Case references: nine digits that can be said, heard and typed on a telephone.

One digit for the node (1 to 9, so that nodes need not ask each other), seven that count, and a check digit (ISO 7064
MOD 11,10), which finds every wrong digit and almost every swap of two neighbours.
"""

import fcntl
import logging
import os
import re
from pathlib import Path

from stdnum.iso7064 import mod_11_10

log = logging.getLogger(__name__)

BLOCK = 100  # references a disk write
LOST_FILE_MARGIN = 10 * BLOCK  # without the file: what an undelivered journal may hold above the database's highest
HIGHEST = 9_999_999


def make(node_number: int, counter: int) -> str:
    digits = f"{node_number}{counter:07d}"
    return digits + str(mod_11_10.calc_check_digit(digits))


def valid(reference: str) -> bool:
    """Whether `reference` (nine digits, hyphens and spaces allowed) can be one of ours."""
    digits = plain(reference)
    return re.fullmatch(r"[1-9][0-9]{8}", digits) is not None and bool(mod_11_10.is_valid(digits))


def plain(reference: str) -> str:
    """As it is stored: without hyphens and spaces."""
    return re.sub(r"[\s-]", "", reference)


def format(reference: str) -> str:  # noqa: A001
    """As it is written for people: `123-456-789`."""
    digits = plain(reference)
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def counter(reference: str) -> int:
    return int(reference[1:8])


class ReferenceAllocator:
    """Gives each reference of a node once, whatever is killed or lost.

    `file` holds the end of the last block taken from it. A block is on disk before its first reference is given out, so
    a kill wastes at most the rest of a block. Two processes on the same file take different blocks; one that needs a
    single reference takes a `block` of 1.

    `floor` is the highest counter that the database knows for this node (`read.reference_floor`); it matters when the
    file is new, lost or damaged. Such a start leaves a gap, so a node's first reference counts from 1,001.
    """

    def __init__(self, file: Path, node_number: int, floor: int = 0, block: int = BLOCK) -> None:
        if not 1 <= node_number <= 9:
            raise ValueError(f"node number {node_number}: a case reference has room for 1 to 9")
        self._file = file
        self._node_number = node_number
        self._floor = floor
        self._block = block
        self._next = 1
        self._end = 0

    def next(self) -> str:
        """A new reference. OSError when the disk does not take the block's end; then none was given out."""
        if self._next > self._end:
            self._take_block()
        taken = self._next
        self._next += 1
        return make(self._node_number, taken)

    def _take_block(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._file.with_name(self._file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            start = max(self._read(), self._end, self._floor)
            end = min(start + self._block, HIGHEST)
            if start >= end:
                raise RuntimeError(
                    f"all {HIGHEST} case references of node {self._node_number} are used: give the node another number"
                )
            self._write(end)
        finally:
            os.close(lock)
        self._next, self._end = start + 1, end

    def _read(self) -> int:
        try:
            found = self._file.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            found = ""
        if re.fullmatch(r"[0-9]{1,7}", found):
            return int(found)
        known = max(self._floor, self._end)
        if found or known:
            state = "damaged" if found else "missing"
            log.warning("%s is %s: case references go on %d after %d", self._file, state, LOST_FILE_MARGIN, known)
        return min(known + LOST_FILE_MARGIN, HIGHEST)

    def _write(self, end: int) -> None:
        draft = self._file.with_name(self._file.name + ".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, b"%d\n" % end)
            os.fsync(handle)
        finally:
            os.close(handle)
        draft.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
