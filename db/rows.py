"""Dataclasses from rows, by the names of their fields."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from wire.errors import UserError

T = TypeVar("T")


class NotFoundError(UserError, LookupError):
    """There is no match, or more than one; the text says which."""


def from_row(kind: type[T], row: Any) -> T:
    """Return a dataclass from the columns with the names of its fields."""
    return kind(**{name: getattr(row, name) for name in kind.__dataclass_fields__})  # type: ignore[attr-defined]


async def all_rows(connection: AsyncConnection, kind: type[T], table: type, where: Any, *order: Any) -> list[T]:
    found: Sequence[Any] = (await connection.execute(select(table).where(where).order_by(*order))).all()
    return [from_row(kind, row) for row in found]
