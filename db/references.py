"""Case references: nine digits that can be spoken, understood and typed on a telephone.

One digit for the node (1 to 9, so that nodes need no coordination), seven random digits, and a check digit (ISO 7064
MOD 11,10), which detects every single wrong digit and almost every swap of adjacent digits.

A reference is reserved by a conditional insert (`db.reservations`) before anybody hears it. Calls take theirs from a
stock of reserved references on disk (`ReferenceAllocator`), so that they neither wait for the database nor fail without
it.
"""

import contextlib
import errno
import fcntl
import logging
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stdnum.iso7064 import mod_11_10

log = logging.getLogger(__name__)

TAKEN = 20  # references per disk write; a kill wastes at most half as many again
HIGHEST = 9_999_999

_NINE = re.compile("[1-9][0-9]{8}")
_COUNTED = re.compile("[0-9]{1,7}")


def make_reference(node_number: int, serial: int) -> str:
    digits = f"{node_number}{serial:07d}"
    return digits + str(mod_11_10.calc_check_digit(digits))


def is_valid(reference: str) -> bool:
    """Return whether `reference` (hyphens and spaces allowed) has nine digits with a correct check digit."""
    return _is_right(normalize(reference))


def _is_right(digits: str) -> bool:
    return _NINE.fullmatch(digits) is not None and bool(mod_11_10.is_valid(digits))


def normalize(reference: str) -> str:
    """Return the reference as it is stored, without hyphens and spaces."""
    return re.sub(r"[\s-]", "", reference)


def format_reference(reference: str) -> str:
    """Return the reference as it is written for people: `123-456-789`."""
    digits = normalize(reference)
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def draw_reference(node_number: int, above: int = 0) -> str:
    """Return a random reference of the node whose serial number is greater than `above`."""
    return make_reference(node_number, above + 1 + secrets.randbelow(HIGHEST - above))


@dataclass(slots=True)
class _Stock:
    """The content of the file. `above`: serial numbers up to this one are not drawn, because they may be in use."""

    references: list[str] = field(default_factory=list)
    above: int = 0


class ReferenceAllocator:
    """Allocates the reserved references of a node, each at most once, whatever is killed or lost.

    `file` holds the references that are reserved and not allocated, one per line. `next` moves a few of them from the
    file into memory before it returns the first, and again once half are left: so some remain for a disk that becomes
    full, and on a full disk they are crossed out in the file. Two processes on the same file take different ones. A
    line of at most seven digits comes from an earlier release, which counted: references up to that number may be in
    use.

    An empty stock does not stop a call: `next` then draws an unreserved reference and logs it. If another case already
    has it, the deliverer refuses the new case and sets it aside (`db.case_openings`); nothing is overwritten.
    """

    def __init__(self, file: Path, node_number: int, taken: int = TAKEN) -> None:
        if not 1 <= node_number <= 9:
            raise ValueError(f"the node number in case references must be 1 to 9, not {node_number}")
        self.node_number = node_number
        self.file = file
        self._taken = taken
        self._mine: list[str] = []
        self._unreserved = False
        self._valid: set[str] = set()  # lines that were checked: the file has two thousand, and is read often

    def next(self) -> str:
        """Return a new reference. Raises OSError if the file cannot be read or written; then none was allocated."""
        reference = self.next_in_stock()
        if reference is None:
            with self._locked() as stock:
                return self._draw(stock)
        self._unreserved = False
        return reference

    def next_in_stock(self) -> str | None:
        """Return a new reference that is reserved, None if there is none. Raises OSError, as `next` does."""
        if len(self._mine) <= self._taken // 2:
            try:
                self._take()
            except OSError:
                if not self._mine:  # a disk that is full meanwhile has given some in time
                    raise
        return self._mine.pop(0) if self._mine else None

    def _take(self) -> None:
        """Move references from the file into memory. Raises OSError; then none was moved."""
        with self._locked() as stock:
            if stock.references:
                taken = stock.references[: self._taken]
                try:
                    self._write(_Stock(stock.references[self._taken :], stock.above))
                except OSError as error:
                    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                        raise
                    self._blank(taken)
                self._mine += taken

    def stock(self) -> list[str]:
        """Return the references in the file. Raises OSError."""
        with self._locked() as stock:
            return stock.references

    def candidates(self, number: int) -> set[str]:
        """Draw about `number` random references to reserve. Raises OSError."""
        with self._locked() as stock:
            return {draw_reference(self.node_number, stock.above) for _ in range(number)}

    def drop(self, used: Collection[str]) -> None:
        """Remove references that cases already have, as after restoring an old file. Raises OSError."""
        with self._locked() as stock:
            log.error("%s contained %d case references that are in use; they were removed", self.file, len(used))
            remaining = [reference for reference in stock.references if reference not in used]
            self._write(_Stock(remaining, stock.above))

    def add(self, references: Iterable[str]) -> None:
        """Add reserved references to the file. Raises OSError."""
        with self._locked() as stock:
            self._write(_Stock([*stock.references, *references], stock.above))

    def _draw(self, stock: _Stock) -> str:
        drawn = draw_reference(self.node_number, stock.above)
        (log.debug if self._unreserved else log.error)(
            "%s has no reserved case references left and the database is away: %s was drawn without a reservation; if "
            "another case has it, the journal sets this case aside",
            self.file, format_reference(drawn),
        )  # fmt: skip
        self._unreserved = True
        return drawn

    @contextlib.contextmanager
    def _locked(self) -> Iterator[_Stock]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.file.with_name(self.file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(lock)

    def _read(self) -> _Stock:
        try:
            lines = self.file.read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return _Stock()
        found, damaged, node = _Stock(), 0, str(self.node_number)
        for line in dict.fromkeys(lines):
            if _COUNTED.fullmatch(line):
                found.above = max(found.above, min(int(line), HIGHEST - 1))
            elif line in self._valid or (line.startswith(node) and _is_right(line)):
                found.references.append(line)
            else:
                damaged += 1
        self._valid = {*found.references}
        if damaged:
            log.warning("%s: %d lines are not case references of this node; they were removed", self.file, damaged)
            self._write(found)
        return found

    def _blank(self, taken: Collection[str]) -> None:
        """Overwrite these lines with spaces, where they are: a full disk has room for that. Raises OSError."""
        text = self.file.read_bytes()
        for reference in taken:
            text = re.sub(rb"(?m)^%s$" % reference.encode(), b" " * len(reference), text)
        handle = os.open(self.file, os.O_WRONLY)
        try:
            os.pwrite(handle, text, 0)
            os.fsync(handle)
        finally:
            os.close(handle)

    def _write(self, stock: _Stock) -> None:
        counted = [str(stock.above)] if stock.above else []
        draft = self.file.with_name(self.file.name + ".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(handle, "w", encoding="ascii", closefd=False) as text:
                text.writelines(f"{line}\n" for line in [*counted, *stock.references])
            os.fsync(handle)
        finally:
            os.close(handle)
        draft.replace(self.file)
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
