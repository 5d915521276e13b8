"""Instants as whole numbers, and many values as one text, within a query; the same in both databases."""

import sqlite3
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

BETWEEN = "\x1f"
"""Separates the values of a joined text."""


def joined(values: Any) -> Any:
    """Return an aggregate: the values as one text; nothing for NULL."""
    return func.aggregate_strings(func.coalesce(cast(values, Text), ""), BETWEEN)


class micros(GenericFunction[int]):  # noqa: N801 - a function in SQL
    """The microseconds since 1970 of an instant."""

    type = BigInteger()
    inherit_cache = True
    name = "hatif_micros"


class elapsed(GenericFunction[int]):  # noqa: N801
    """The microseconds from its first instant to its second."""

    type = BigInteger()
    inherit_cache = True
    name = "hatif_elapsed"


def _at(element: GenericFunction[int], compiler: Any, **named: Any) -> list[str]:
    columns: list[ColumnElement[Any]] = [*element.clauses]
    return [str(compiler.process(column, **named)) for column in columns]


# SQLite has the text 2026-11-25 10:30:00.000000, and would round it to a millisecond: it is given whole seconds only.
# `unixepoch` takes half the time of `strftime`; SQLite has it since 3.38.
_EPOCH = "unixepoch({})" if sqlite3.sqlite_version_info >= (3, 38) else "CAST(strftime('%s', {}) AS INTEGER)"


def _seconds_sqlite(at: str) -> str:
    return _EPOCH.format(f"substr({at}, 1, 19)")


def _micros_of_sqlite(at: str) -> str:
    return f"({_seconds_sqlite(at)} * 1000000 + substr({at}, 21))"


@compiles(micros, "sqlite")
def _micros_sqlite(element: micros, compiler: Any, **named: Any) -> str:
    return _micros_of_sqlite(*_at(element, compiler, **named))


@compiles(elapsed, "sqlite")
def _elapsed_sqlite(element: elapsed, compiler: Any, **named: Any) -> str:
    since, until = _at(element, compiler, **named)
    return f"({_micros_of_sqlite(until)} - {_micros_of_sqlite(since)})"


# PostgreSQL: `date_part` computes in floating point, unlike `extract`, in half the time. Until the year 2100 its error
# is under a quarter of a microsecond, so that the nearest whole microsecond is the exact one.


@compiles(micros, "postgresql")
def _micros_postgresql(element: micros, compiler: Any, **named: Any) -> str:
    (at,) = _at(element, compiler, **named)
    return f"CAST(date_part('epoch', {at}) * 1000000 AS bigint)"


@compiles(elapsed, "postgresql")
def _elapsed_postgresql(element: elapsed, compiler: Any, **named: Any) -> str:
    since, until = _at(element, compiler, **named)
    return f"CAST(date_part('epoch', {until} - {since}) * 1000000 AS bigint)"
