"""One pass over the journals: read and check records, write them to the tables, set aside what cannot be written."""

import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db.apply import MovedError, Position, RefusedError, apply, position
from db.records import JournalFile, Line, NotARecordError, Record, files, is_complete, lines, node_of, record_of

log = logging.getLogger(__name__)

ROOM = 256 * 1024  # bytes of a file that are read at once
GROUP = 500  # lines per transaction: well under 50 ms on SQLite
JUMP = 1 << 24  # the largest credible gap between two `seq`; a larger one is damage, and would hide all later records
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class _Item:
    line: Line
    found: Record | str | None  # a string: why there is no record; None: it was delivered before


class Deliverer:
    """Delivers the journals of one folder to one database. Not for concurrent use.

    `node`: the writer of files whose first line is damaged; without it, such files are set aside. `progress` is called
    whenever the database has answered.
    """

    def __init__(
        self, folder: Path, engine: AsyncEngine, node: str | None = None, progress: Callable[[], None] = lambda: None
    ) -> None:
        self.records = 0
        self.rejected = 0
        self._folder = folder
        self._node = node
        self._engine = engine
        self._progress = progress
        self._positions: dict[UUID, Position] = {}
        self._unreadable: set[Path] = set()

    async def deliver(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Make one pass over all files, until nothing is left or `enough()` is true. Raises DatabaseError if the
        database is away."""
        try:
            for file in files(self._folder):
                with contextlib.suppress(FileNotFoundError):  # another deliverer was faster
                    await self._deliver_file(file, enough)
                if enough():
                    return
        except Exception:
            self._positions.clear()
            raise

    async def _deliver_file(self, file: JournalFile, enough: Callable[[], bool]) -> None:
        try:
            node, first = node_of(file)
        except NotARecordError as error:
            if self._node is None:
                self._set_file_aside(file, str(error))
                return
            # The first line is set aside like any other that is not a record, and the rest is delivered.
            node, first = self._node, 0
        complete = is_complete(file.path)  # checked before reading, so that nothing is added afterwards
        while True:
            now = await self._position(node, file.boot)
            if file.number < now.number:
                break
            items = self._items(file, now, first if file.number > now.number else now.offset)
            if not items:
                break
            for bad, run in groupby(items, key=lambda item: isinstance(item.found, str)):
                if bad:
                    self._set_aside(file, list(run))
            try:
                self._positions[file.boot] = await self._place(file, now, items)
            except MovedError:
                self._positions.pop(file.boot, None)
            if enough():
                return
        if complete:
            await self._finish(file, first)

    async def _position(self, node: str, boot: UUID) -> Position:
        known = self._positions.get(boot)
        if known is None:
            known = self._positions[boot] = await position(self._engine, node, boot)
            self._progress()
        return known

    def _items(self, file: JournalFile, now: Position, start: int) -> list[_Item]:
        items: list[_Item] = []
        seq = now.seq
        for line in lines(file.path, start, ROOM):
            found = _check(line, now, seq)
            if isinstance(found, Record):
                seq = found.seq
            items.append(_Item(line, found))
            if len(items) == GROUP:
                break
        return items

    async def _place(self, file: JournalFile, before: Position, items: Sequence[_Item]) -> Position:
        """Write the records among the items to the tables; return the position after them.

        If the tables refuse a group, its halves are tried in order, recursively, down to the record that is at fault.
        """
        records = [item.found for item in items if isinstance(item.found, Record)]
        after = before.at(file.number, items[-1].line.end, max((record.seq for record in records), default=0))
        try:
            await apply(self._engine, records, before, after)
        except RefusedError as error:
            if len(items) == 1:
                self._set_aside(file, [_Item(items[0].line, str(error))])
                await apply(self._engine, [], before, after)
                return after
            half = len(items) // 2
            middle = await self._place(file, before, items[:half])
            return await self._place(file, middle, items[half:])
        self.records += len(records)
        self._progress()
        return after

    def _set_aside(self, file: JournalFile, items: Sequence[_Item]) -> None:
        """Write consecutive undeliverable lines to a file in `rejected/`. Idempotent."""
        document = {
            "file": file.path.name,
            "offset": items[0].line.start,
            "reason": items[0].found,
            "lines": [item.line.text.decode(errors="backslashreplace") for item in items],
        }
        target = self._rejected() / f"{file.path.stem}.{items[0].line.start}-{items[-1].line.end}.json"
        draft = target.with_suffix(".new")
        if target.exists():
            return
        draft.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(target)
        self.rejected += len(items)
        log.error(
            "%s, byte %d: %s: %d lines were set aside in %s",
            file.path, items[0].line.start, items[0].found, len(items), target,
        )  # fmt: skip

    def _set_file_aside(self, file: JournalFile, reason: str) -> None:
        if file.path not in self._unreadable:
            self._unreadable.add(file.path)
            log.error("%s: %s: the file cannot be delivered; it goes to %s", file.path, reason, self._rejected())
        with contextlib.suppress(FileNotFoundError):
            if is_complete(file.path):
                file.path.replace(self._rejected() / file.path.name)
                self.rejected += 1

    def _rejected(self) -> Path:
        folder = self._folder / REJECTED
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    async def _finish(self, file: JournalFile, first: int) -> None:
        """Delete a complete file once the database has all of it. What is left then can only be a torn last line."""
        try:
            size = file.path.stat().st_size
        except FileNotFoundError:
            return
        now = self._positions.get(file.boot)
        if now is None:
            return
        reached = first if file.number > now.number else now.offset if file.number == now.number else size
        if reached < size:
            with file.path.open("rb") as handle:
                handle.seek(reached)
                torn = Line(reached, size, handle.read())
            item = _Item(torn, _check(torn, now, now.seq))  # perhaps only its newline is missing
            if isinstance(item.found, str):
                self._set_aside(file, [_Item(torn, "an incomplete line: its writer was killed while writing")])
            try:
                self._positions[file.boot] = await self._place(file, now, [item])
            except MovedError:
                self._positions.pop(file.boot, None)
                return
        file.path.unlink(missing_ok=True)


def _check(line: Line, now: Position, seq: int) -> Record | str | None:
    """Return the record in `line`; None if it was delivered before (its `seq` is not above `seq`); or an error text."""
    try:
        found = record_of(line.text, now.node, now.boot)
    except NotARecordError as error:
        return str(error)
    if found.seq > seq + JUMP:
        return f"record {found.seq} follows {seq}: it is not from this journal"
    return found if found.seq > seq else None
