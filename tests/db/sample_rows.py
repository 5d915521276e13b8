"""Rows for every table and every type of column."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, insert
from sqlalchemy import Table as SQLTable

from db.copying import tables
from db.engine import open_engine, writing
from db.types import Id, UTCDateTime

KINDS: dict[Any, type] = {UTCDateTime: datetime, Id: UUID}
AT = datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC)
UNUSUAL = "Zoë, \"quoted\", 'أهلا', 😀, a\nline, \\u0000"


async def fill(url: str, each: int = 3) -> int:
    """Insert rows into all tables; return how many."""
    total = 0
    async with open_engine(url) as engine, writing(engine) as connection:
        for table in tables():
            rows = [_row(table, number) for number in range(each)]
            await connection.execute(insert(table), rows)
            total += len(rows)
    return total


def _row(table: SQLTable, number: int) -> dict[str, Any]:
    row = {column.name: _value(table, column, number) for column in table.columns}
    if table.name == "hours_override":
        row["day"] = AT.date() if row["begins"] is None else None
    if table.name == "pairing":
        row["ended"] = AT if number else None
    return row


def _value(table: SQLTable, column: "Column[Any]", number: int) -> Any:
    for constraint in table.constraints:
        rule = str(constraint.sqltext) if isinstance(constraint, CheckConstraint) else ""
        if found := re.match(rf"{column.name} IN \('(\w+)'", rule):
            return found[1]
    length = getattr(column.type, "length", None)
    kind = KINDS.get(type(column.type)) or column.type.python_type
    if column.nullable and number == 1:
        return None
    if kind is str:
        return f"{number:02}"[:2] if length == 2 else f"10000{number:04}" if length else f"{UNUSUAL} {number}"
    if kind is UUID:
        return UUID(int=1000 + number)
    if kind is datetime:
        return AT + timedelta(days=number)
    if kind is date:
        return AT.date() + timedelta(days=number)
    if kind is bool:
        return bool(number % 2)
    if kind is int:
        return 1 + number
    return {"b": [1, 2.5, None, UNUSUAL], "a": {"deep": True}} if "data" in column.name or number else {}
