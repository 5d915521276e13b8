"""Instants as whole numbers, and many values as one text, within a query; the same in both databases."""

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


class quarter_hours(GenericFunction[int]):  # noqa: N801
    """The whole quarters of an hour since 1970 of an instant."""

    type = BigInteger()
    inherit_cache = True
    name = "hatif_quarter_hours"


def _at(element: GenericFunction[int], compiler: Any, **named: Any) -> str:
    (column,) = element.clauses
    found: ColumnElement[Any] = column
    return str(compiler.process(found, **named))


# SQLite has the text 2026-11-25 10:30:00.000000, and would round it to a millisecond: it is given whole seconds only.


@compiles(micros, "sqlite")
def _micros_sqlite(element: micros, compiler: Any, **named: Any) -> str:
    at = _at(element, compiler, **named)
    return f"(strftime('%s', substr({at}, 1, 19)) * 1000000 + substr({at}, 21))"


@compiles(micros, "postgresql")
def _micros_postgresql(element: micros, compiler: Any, **named: Any) -> str:
    return f"CAST(extract(epoch FROM {_at(element, compiler, **named)}) * 1000000 AS bigint)"


@compiles(quarter_hours, "sqlite")
def _quarters_sqlite(element: quarter_hours, compiler: Any, **named: Any) -> str:
    return f"(CAST(strftime('%s', substr({_at(element, compiler, **named)}, 1, 19)) AS INTEGER) / 900)"


@compiles(quarter_hours, "postgresql")
def _quarters_postgresql(element: quarter_hours, compiler: Any, **named: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {_at(element, compiler, **named)}) / 900) AS bigint)"
