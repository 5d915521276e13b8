"""Many rows at once, as columns: the database returns each column as one text, and numpy reads it.

Making a row's values costs more than the database's work on it, and so does computing with instants in the database. A
query of columns has a `Columns.of` for each that it asks for, and returns a single row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, Text, cast, func
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from db.instants import BETWEEN

Whole = NDArray[np.int64]

NONE = -(2**63)
"""In an array of instants or numbers: NULL."""

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH = 26
_NEVER = "0000-00-00 00:00:00.000000"


class Kind(StrEnum):
    """The kind of a column's values."""

    INSTANT = "instant"
    NUMBER = "number"  # a whole number, or a truth as 0 or 1
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts that recur: of row i it is `names[codes[i]]`. None: NULL, or an empty text."""

    codes: Whole
    names: Sequence[str | None]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Coded":
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        codes = np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
        return cls(codes, [text or None for text in places])

    def where(self, chosen: Any) -> "Coded":
        return Coded(self.codes[chosen], self.names)

    def are(self, names: Iterable[str | None]) -> NDArray[np.bool_]:
        """Return which rows have one of the names."""
        wanted = {*names}
        return np.array([name in wanted for name in self.names], np.bool_)[self.codes]


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows of a query: arrays of instants (microseconds since 1970) and numbers, and lists of texts."""

    arrays: Mapping[str, Whole]
    texts: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(next(iter((*self.arrays.values(), *self.texts.values()))))


class instant_text(GenericFunction[str]):  # noqa: N801 - a function in SQL
    """An instant as a text that `read_instants` reads."""

    type = Text()
    inherit_cache = True
    name = "hatif_instant_text"


@compiles(instant_text, "sqlite")
def _instant_sqlite(element: instant_text, compiler: Any, **named: Any) -> str:
    (at,) = element.clauses
    return f"coalesce({compiler.process(at, **named)}, '{_NEVER}')"  # it is stored as text


@compiles(instant_text, "postgresql")
def _instant_postgresql(element: instant_text, compiler: Any, **named: Any) -> str:
    (at,) = element.clauses
    # See `db.instants`.
    return (
        f"CAST(coalesce(CAST(date_part('epoch', {compiler.process(at, **named)}) * 1000000 AS bigint), {NONE}) AS text)"
    )


async def read_columns(
    connection: AsyncConnection, columns: Mapping[str, tuple[Kind, Any]], among: Select[Any]
) -> Columns:
    """Return the columns of the rows `among` which a query selects; what it selects itself does not matter."""
    query = among.with_only_columns(
        *(func.aggregate_strings(_as_text(*column), BETWEEN).label(name) for name, column in columns.items())
    )
    row = (await connection.execute(query)).one()
    arrays: dict[str, Whole] = {}
    texts: dict[str, Sequence[str]] = {}
    for (name, (kind, _)), text in zip(columns.items(), row, strict=True):
        parts = [] if text is None else text.split(BETWEEN)
        if kind is Kind.TEXT:
            texts[name] = parts
        else:
            arrays[name] = read_instants(parts) if kind is Kind.INSTANT else _read_numbers(parts)
    return Columns(arrays, texts)


def _as_text(kind: Kind, column: Any) -> Any:
    match kind:
        case Kind.INSTANT:
            return instant_text(column)
        case Kind.NUMBER | Kind.TEXT:
            return func.coalesce(cast(column, Text), "")


def micros_of(at: datetime) -> int:
    """Return the microseconds since 1970 of an instant, exactly."""
    return (at - _1970) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return _1970 + timedelta(microseconds=micros)


def read_instants(parts: Sequence[str]) -> Whole:
    """Return instants as microseconds since 1970; `NONE` for NULL."""
    if not parts:
        return np.zeros(0, np.int64)
    if len(parts[0]) == _LENGTH and parts[0][4] == "-":
        return _read_dates("".join(parts))
    return np.fromiter(map(int, parts), np.int64, len(parts))


def _read_dates(text: str) -> Whole:
    """Return the instants in a text of dates such as 2026-11-25 10:30:00.000000, without anything between them."""
    places = np.frombuffer(text.encode(), np.uint8).reshape(-1, _LENGTH).T
    digits = [np.subtract(column, ord("0"), dtype=np.int32) for column in places]

    def number(begin: int, end: int) -> NDArray[np.int32]:
        found = digits[begin].copy()
        for place in range(begin + 1, end):
            found *= 10
            found += digits[place]
        return found

    # Days since 1970 of the Gregorian calendar, whose year begins in March here, so that a leap day is its last.
    month = number(5, 7)
    year = number(0, 4) - (month <= 2)
    day = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + number(8, 10) - 1
    days = 365 * year + year // 4 - year // 100 + year // 400 + day - 719_468
    of_day = number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19)
    seconds = days.astype(np.int64) * 86400 + of_day
    return np.where(month == 0, NONE, seconds * 1_000_000 + number(20, 26))


_NUMBERS = {"": NONE, "true": 1, "false": 0}


def _read_numbers(parts: Sequence[str]) -> Whole:
    known = {text: _NUMBERS[text] if text in _NUMBERS else int(text) for text in {*parts}}
    return np.fromiter(map(known.__getitem__, parts), np.int64, len(parts))
