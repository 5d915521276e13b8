"""The base classes of all tables."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.types import TYPES

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}

EMPTY_LIST = text("'[]'")
EMPTY_MAP = text("'{}'")


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = TYPES


class Appended:
    """A mixin for append-only tables, whose key is that of the journal record."""

    node: Mapped[str] = mapped_column(primary_key=True, sort_order=-4)
    boot: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-3)  # one start of its writer, UUIDv7
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-2)
    at: Mapped[datetime] = mapped_column(sort_order=-1)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({quoted})", name=column)


def index_where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
