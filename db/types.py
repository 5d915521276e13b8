"""Column types that mean the same in SQLite and in PostgreSQL.

Ids are `uuid` in PostgreSQL and 32 hex digits in SQLite; both sort alike, so a UUIDv7 keeps the order of its making.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, Date, DateTime, Dialect, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Takes any aware datetime, gives it back in UTC.

    SQLite forgets the zone and PostgreSQL takes a naive datetime silently for local time; a naive one is refused here
    (ValueError, which SQLAlchemy wraps in a StatementError).
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone: give an aware datetime, as datetime.now(UTC) makes")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Id(TypeDecorator[UUID]):
    """A `uuid.UUID`, and nothing else: asyncpg gives a subclass of its own, which orjson does not write."""

    impl = Uuid
    cache_ok = True

    def process_result_value(self, value: UUID | None, dialect: Dialect) -> UUID | None:
        return value if value is None or type(value) is UUID else UUID(int=value.int)


# None is SQL's NULL, never JSON's: NOT NULL and IS NULL then mean what they say.
JSONType = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

TYPES: dict[Any, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    str: Text,
    int: Integer,
    bool: Boolean,
    datetime: UTCDateTime,
    date: Date,
    UUID: Id,
    list[str]: JSONType,
    dict[str, int]: JSONType,
    dict[str, Any]: JSONType,
}
