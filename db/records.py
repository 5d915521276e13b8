"""Reading journal files: their writer, their lines, and the records in them.

Journal files are untrusted input: after a full disk, a power cut or an edit they may contain anything.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, String
from sqlalchemy import Table as SQLTable

from db.journal import FORMAT
from db.tables import UNJOURNALLED, Appended, Table
from db.tables.base import EMPTY_LIST
from db.types import Id, UTCDateTime

_FORMER_EVENT_KINDS = {
    "wish_refused": "request_refused",
    "told_wished": "case_call_requested",
    "told_refused": "case_call_refused",
}
"""Kinds of call events: the former one and today's. Migration 0006 renames the stored ones."""


def _with_names_of_today(table_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a journal record with today's names."""
    if table_name != "call_event":
        return row
    kind, data = row.get("kind"), row.get("data")
    if isinstance(kind, str) and kind in _FORMER_EVENT_KINDS:
        row = {**row, "kind": _FORMER_EVENT_KINDS[kind]}
    if isinstance(kind, str) and kind.startswith("callback") and isinstance(data, dict) and "wish" in data:
        row = {**row, "data": {"request" if name == "wish" else name: value for name, value in data.items()}}
    return row


NAME = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\.([0-9]{6,9})\.jsonl")
LONGEST = 4 * 2**20  # bytes of a line; a longer one cannot be a record
RECORD_START = b'{"seq":'


class NotARecordError(ValueError):
    """A line is not a valid record; the text says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A validated record. `key`: the primary key of its row; `columns`: all its values, key included."""

    seq: int
    table: SQLTable
    key: tuple[Any, ...]
    columns: dict[str, Any]
    node_given: bool  # whether the row names its node; otherwise it is the writer's


@dataclass(frozen=True, slots=True)
class Line:
    """The bytes of a file from `start` to `end`; `end` is after the newline, which `text` does not include."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True, slots=True, order=True)
class JournalFile:
    """A file of the journal. Files sort by boot, which is by time, then by number."""

    boot: UUID
    number: int
    path: Path


def files(folder: Path) -> list[JournalFile]:
    """Return the journal's files, oldest first; an empty list if the folder does not exist yet."""
    try:
        with os.scandir(folder) as entries:
            matches = [found for entry in entries if (found := NAME.fullmatch(entry.name))]
    except FileNotFoundError:
        return []
    return sorted(JournalFile(UUID(found[1]), int(found[2]), folder / found[0]) for found in matches)


def node_of(file: JournalFile) -> tuple[str, int]:
    """Return the node that wrote `file`, and the offset of its first record. Raises NotARecordError if the first line
    is not a valid header."""
    with file.path.open("rb") as handle:
        first = handle.readline(LONGEST)
    try:
        header = orjson.loads(first)
        node, boot = header["node"], header["boot"]
        if header["journal"] == FORMAT and boot == str(file.boot) and isinstance(node, str) and node:
            return node, len(first)
    except (ValueError, KeyError, TypeError):
        pass
    raise NotARecordError(
        f'the first line is not {{"journal":{FORMAT},"node":…,"boot":"{file.boot}",…}} but {first[:80]!r}'
    )


def is_complete(path: Path) -> bool:
    """Return whether nothing will be added: the writer is gone or writes another file."""
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def lines(path: Path, start: int, room: int) -> Iterator[Line]:
    """Yield whole lines from `start` on, about `room` bytes. An overlong line is yielded in pieces, without newline."""
    with path.open("rb") as handle:
        handle.seek(start)
        chunk = handle.read(room)
        if b"\n" not in chunk and len(chunk) == room:
            chunk += handle.read(LONGEST - room)
            if b"\n" not in chunk and len(chunk) == LONGEST:
                yield Line(start, start + len(chunk), chunk)
                return
    for text in chunk.split(b"\n")[:-1]:
        end = start + len(text) + 1
        yield Line(start, end, text)
        start = end


def record_of(text: bytes, node: str, boot: UUID) -> Record:
    """Return the record in a line written by `boot` of `node`. Raises NotARecordError if no table could take it."""
    raw = _parse(text)
    seq, at, table_name, row = raw.get("seq"), raw.get("at"), raw.get("table"), raw.get("row")
    if type(seq) is not int or seq < 1 or not isinstance(row, dict):
        raise NotARecordError(f"`seq` must be a positive integer and `row` an object, in {text[:80]!r}")
    shape = SHAPES.get(table_name) if isinstance(table_name, str) else None
    if shape is None:
        raise NotARecordError(f"record {seq}: there is no table {table_name!r}")
    row = _with_names_of_today(shape.table.name, row)
    if shape.appended:
        row = {"at": at, **row, "node": node, "boot": str(boot), "seq": seq}
    node_given = row.get("node") is not None
    if shape.has_node and not node_given:
        row = {**row, "node": node}
    columns = {}
    for name, value in row.items():
        convert = shape.columns.get(name)
        if convert is None:
            raise NotARecordError(f"record {seq}: table {table_name!r} has no column {name!r}")
        try:
            columns[name] = None if value is None else convert(value)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise NotARecordError(f"record {seq}: invalid {table_name}.{name} {repr(value)[:80]}: {error}") from None
    key = tuple(columns.get(name) for name in shape.key)
    if None in key:
        raise NotARecordError(f"record {seq}: {table_name} needs its key ({', '.join(shape.key)})")
    return Record(seq, shape.table, key, columns, node_given or shape.appended)


def _parse(text: bytes) -> dict[str, Any]:
    if b"\\u0000" in text:  # PostgreSQL cannot store it
        text = text.replace(b"\\u0000", b"\\ufffd")
    for candidate in (text, text[text.rfind(RECORD_START) :]):  # or a whole record after the fragment of a torn one
        try:
            found = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict):
            return found
    raise NotARecordError(f"no record in {text[:80]!r}")


def _as(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"must be of type {kind.__name__}")
        return value

    return convert


def _integer(bits: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> int:
        if type(value) is not int or not -(1 << bits) <= value < 1 << bits:
            raise TypeError(f"must be an integer of {bits + 1} bits")
        return value

    return convert


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("an instant must have a time zone")
    return at.astimezone(UTC)


def _text(length: int | None) -> Callable[[Any], Any]:
    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError("must be a string")
        if length is not None and len(value) > length:
            raise ValueError(f"must have at most {length} characters")
        return value

    return convert


def _converter(column: Column[Any]) -> Callable[[Any], Any]:
    """Return a function that converts a JSON value to the column's type. Strict, because SQLite would accept text in a
    numeric column and PostgreSQL would not."""
    match column.type:
        case UTCDateTime():
            return _instant
        case Date():
            return date.fromisoformat
        case Id():
            return UUID
        case Boolean():
            return _as(bool)
        case BigInteger():
            return _integer(63)
        case Integer():
            return _integer(31)
        case JSON():
            return _as(list) if getattr(column.server_default, "arg", None) is EMPTY_LIST else _as(dict)
        case String():
            return _text(column.type.length)
    raise AssertionError(column)


@dataclass(frozen=True, slots=True)
class TableShape:
    """The facts about a table that the deliverer needs."""

    table: SQLTable
    key: tuple[str, ...]
    columns: dict[str, Callable[[Any], Any]]
    required: frozenset[str]  # the columns that a new row must have
    appended: bool
    has_node: bool


def _shapes() -> Iterator[tuple[str, TableShape]]:
    for mapper in Table.registry.mappers:
        table = mapper.local_table
        if not isinstance(table, SQLTable) or table.name in UNJOURNALLED:
            continue
        yield (
            table.name,
            TableShape(
                table,
                tuple(column.name for column in table.primary_key),
                {column.name: _converter(column) for column in table.columns},
                frozenset(c.name for c in table.columns if not c.nullable and c.server_default is None),
                issubclass(mapper.class_, Appended),
                "node" in table.columns,
            ),
        )


SHAPES = dict(_shapes())
