"""The journal: the controller's records on their way to the database, first in memory, then in a file.

A journal is a folder of files, `<boot>.<number>.jsonl`, one series for each start of a writing process (a *boot*). The
first line names the writer; each other line is a record:

    {"journal":1,"node":"rabat-1","boot":"0199…","number":1}
    {"seq":1,"at":"2026-11-25T12:00:00.000000Z","table":"call","row":{"id":"0199…","started":"…"}}

The writer holds a lock on its newest file while it is alive. A file without a lock is complete: nothing is added to it.
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from db.ids import uuid7

log = logging.getLogger(__name__)

GROUP_S = 0.04  # how long a record waits for others to be written together
GROUP = 4096  # records per write: after a full disk, the backlog must not block the event loop
AGAIN_S = 0.5  # until the next attempt after a failed write
ROTATE_BYTES = 64 * 2**20
ROTATE_S = 24 * 3600.0  # a file that is delivered is deleted once it is complete, so no record stays for much longer
BOUND = 100_000  # records kept in memory while the disk cannot be written
FORMAT = 1
WAKE = "wake"  # the pipe on which the deliverer waits


@cache
def journal_columns() -> Mapping[str, frozenset[str]]:
    """Return the columns of the tables that records may be about."""
    from db.tables import UNJOURNALLED, Table  # takes most of the start of a command that only opens a case

    tables = Table.metadata.tables.items()
    return {name: frozenset(table.columns.keys()) for name, table in tables if name not in UNJOURNALLED}


class Journal:
    """Takes records within a few microseconds, whatever the disk does. For one asyncio loop; not thread-safe.

    `node` is Asterisk's `systemname`. No file is opened before the first record. `checked`: records are compared with
    the tables; False if they are made by functions whose tests do that.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        *,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_s: float = ROTATE_S,
        bound: int = BOUND,
        checked: bool = True,
    ) -> None:
        self.node = node
        self.boot = uuid7()
        self.dropped = 0  # records lost since the start because the disk could not be written for too long
        self._dropped_reported = 0
        self._folder = folder
        self._rotate_bytes, self._rotate_s = rotate_bytes, rotate_s
        self._bound = bound
        self._columns = journal_columns() if checked else None
        self._seq = 0
        self._pending: deque[bytes] = deque()
        self._written_of_first = 0  # bytes of the first pending line that are in the file already
        self._timer: asyncio.TimerHandle | None = None
        self._file = -1
        self._number = 0
        self._size = 0
        self._opened = 0.0  # on the monotonic clock
        self._failing = False
        self._pipe = -1

    @property
    def seq(self) -> int:
        """The number of the last record that was taken."""
        return self._seq

    @property
    def file(self) -> Path:
        """The newest file; it may have been delivered and deleted."""
        return self._folder / f"{self.boot}.{self._number:06d}.jsonl"

    @property
    def waiting(self) -> int:
        """The number of records in memory that are not in the file yet."""
        return len(self._pending)

    def put(self, table: str, /, **columns: Any) -> None:
        """Record that the row of `table` with this primary key has these values; the row may be new or exist.

        Other columns stay as they are. `call_event`, `decision`, `operator_state` and `audit` are append-only; their
        key (node, boot, seq) and `at` (now, unless given) are added here, and `node` in every table.

        Raises:
            ValueError: The table or a column does not exist, or a datetime has no time zone.
            TypeError: A value cannot be written as JSON.
        """
        if self._columns is not None:
            known = self._columns.get(table)
            if known is None or not known.issuperset(columns):
                raise ValueError(_describe_unknown(table, columns))
        for value in columns.values():
            if type(value) is datetime and value.tzinfo is None:
                raise ValueError(f"{table}: {value!r} has no time zone: use an aware datetime")
        if len(self._pending) >= self._bound:
            self._drop()
            return
        self._seq += 1
        self._pending.append(_line({"seq": self._seq, "at": datetime.now(UTC), "table": table, "row": columns}))
        if self._timer is None:
            self._schedule()

    def flush(self) -> None:
        """Write all pending records now. They survive `kill -9` afterwards; delivered ones survive a power cut too."""
        self._cancel_timer()
        while self._pending and self._write_group():
            pass
        self._schedule()

    def close(self) -> None:
        """Write the pending records and close the file."""
        self.flush()
        self._cancel_timer()
        if self._pending:
            log.error("node %s: lost %d journal records: %s is not writable", self.node, self.waiting, self._folder)
        if self._file >= 0:
            self._close_file()
            self._wake()  # the file is complete: once it is delivered, it can be deleted
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _schedule(self) -> None:
        if self._timer is not None or not self._pending:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a command without a loop writes by flush() or close()
            return
        self._timer = loop.call_later(AGAIN_S if self._failing else GROUP_S, self._tick)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self._write_group()
        self._schedule()

    def _write_group(self) -> bool:
        """Write the oldest pending records; return False if that fails."""
        try:
            self._write()
        except OSError as error:
            self._fail(error)
            return False
        if self._failing:
            self._resume()
        self._wake()
        return True

    def _write(self) -> None:
        if self._file < 0 or os.fstat(self._file).st_nlink == 0:  # not open, or deleted meanwhile
            self._open()
        lines = len(self._pending)
        group = b"".join(self._pending if lines <= GROUP else islice(self._pending, GROUP))
        written = os.write(self._file, group[self._written_of_first :] if self._written_of_first else group)
        self._size += written
        written += self._written_of_first
        if written == len(group):
            if lines <= GROUP:
                self._pending.clear()
            else:
                for _ in range(GROUP):
                    self._pending.popleft()
            self._written_of_first = 0
        else:  # a partial write: go on exactly there
            while written >= len(self._pending[0]):
                written -= len(self._pending.popleft())
            self._written_of_first = written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._size >= self._rotate_bytes or time.monotonic() - self._opened >= self._rotate_s:
            self._close_file()

    def _open(self) -> None:
        """Open a new file of this boot. It gets its name only after it is locked and has its first line."""
        self._close_file()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{self.boot}.{self._number + 1:06d}.jsonl"
        draft = self._folder / (name + ".new")
        first = orjson.dumps(
            {"journal": FORMAT, "node": self.node, "boot": self.boot, "number": self._number + 1},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            if os.geteuid() == 0 and (owner := self._folder.stat()).st_uid != 0:
                os.fchown(file, owner.st_uid, owner.st_gid)  # the deliverer could not read what root has written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.write(file, first) < len(first):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            draft.rename(self._folder / name)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._number += 1
        self._size, self._opened = len(first), time.monotonic()
        self._written_of_first = 0  # the fragment in the former file is not a record: write the whole line

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _fail(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            log.error(
                "node %s: the journal %s cannot be written (%s); up to %d records are kept in memory: free some space, "
                "or correct its permissions", self.node, self._folder, error.strerror, self._bound,
            )  # fmt: skip
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN):
            with contextlib.suppress(OSError):
                self._close_file()

    def _resume(self) -> None:
        self._failing = False
        log.warning("node %s: the journal %s is written again; records lost: %d", self.node, self._folder, self.dropped)
        if self.dropped > self._dropped_reported:
            lost, self._dropped_reported = self.dropped - self._dropped_reported, self.dropped
            self.put("audit", by="service", act="records_lost", about=f"journal:{self.boot}", data={"records": lost})

    def _drop(self) -> None:
        self.dropped += 1
        if self.dropped == 1 or self.dropped % 10_000 == 0:
            log.error("node %s: journal records lost so far: %d", self.node, self.dropped)

    def _wake(self) -> None:
        """Wake the deliverer, if there is one. A full pipe has woken it already."""
        try:
            if self._pipe < 0:
                self._pipe = os.open(self._folder / WAKE, os.O_WRONLY | os.O_NONBLOCK)
            os.write(self._pipe, b".")
        except BlockingIOError:
            pass
        except OSError:  # ENOENT, ENXIO, EPIPE: there is no reader
            if self._pipe >= 0:
                os.close(self._pipe)
                self._pipe = -1


def _describe_unknown(table: str, columns: dict[str, Any]) -> str:
    known = journal_columns()
    if table not in known:
        return f"there is no table {table!r}: use one of {', '.join(sorted(known))}"
    wrong = sorted(columns.keys() - known[table])
    return f"table {table!r} has no column {', '.join(map(repr, wrong))}: use {', '.join(sorted(known[table]))}"


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except TypeError:
        # Asterisk's strings may contain bytes that are not UTF-8 (lone surrogates here): they are replaced rather than
        # losing the record.
        try:
            return orjson.dumps(_clean(record), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
        except TypeError as error:
            raise TypeError(f"{record['table']}: {error}") from None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
