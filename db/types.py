"""Column types that behave the same on SQLite and PostgreSQL.

Ids are `uuid` in PostgreSQL and 32 hex digits in SQLite; both sort alike, so UUIDv7 ids sort by creation.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, Date, DateTime, Dialect, Integer, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Accepts any aware datetime and returns it in UTC.

    SQLite loses the time zone, and PostgreSQL silently takes a naive datetime for local time; so naive datetimes are
    refused (ValueError, which SQLAlchemy wraps in a StatementError).
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone: use an aware datetime such as datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Id(TypeDecorator[UUID]):
    """An exact `uuid.UUID`: asyncpg returns its own subclass, which orjson cannot serialise."""

    impl = Uuid
    cache_ok = True

    def process_result_value(self, value: UUID | None, dialect: Dialect) -> UUID | None:
        return value if value is None or type(value) is UUID else UUID(int=value.int)


# None is SQL's NULL, never JSON's null, so that NOT NULL and IS NULL work as expected.
JSONType = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

TYPES: dict[Any, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    str: Text,
    int: Integer,
    bool: Boolean,
    bytes: LargeBinary,
    datetime: UTCDateTime,
    date: Date,
    UUID: Id,
    list[str]: JSONType,
    dict[str, int]: JSONType,
    dict[str, Any]: JSONType,
}
