"""Overrides of the opening hours, the audit trail, and the deliverer's position in each journal."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import HoursKind
from db.tables.base import EMPTY_MAP, Appended, Table, index_where, one_of


class HoursOverride(Table):
    """An administrator's override of the weekly plan or of the holiday calendar."""

    __tablename__ = "hours_override"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    kind: Mapped[str]
    line: Mapped[str | None]  # NULL: every line
    language: Mapped[str | None]  # NULL: every language
    begins: Mapped[datetime | None]  # of a forced state
    ends: Mapped[datetime | None]  # NULL: until it is cancelled
    day: Mapped[date | None]  # of a holiday, in the site's zone
    name: Mapped[str | None]
    reason: Mapped[str | None]
    by: Mapped[str | None]
    made: Mapped[datetime]
    cancelled: Mapped[datetime | None]

    __table_args__ = (
        one_of("kind", HoursKind),
        CheckConstraint("(day IS NULL) <> (begins IS NULL)", name="day_or_begins"),
        index_where("ix_hours_override_in_force", "made", where="cancelled IS NULL"),
    )


class Audit(Appended, Table):
    """The audit trail of people's acts: supervision, manual changes, erasing."""

    __tablename__ = "audit"

    by: Mapped[str]  # an operator's id, or the name of an account on the machine
    act: Mapped[str]
    about: Mapped[str | None]  # `operator:17`, `case:100000012`
    call_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY_MAP)

    __table_args__ = (Index(None, "at"), Index(None, "call_id"))


class JournalPosition(Table):
    """How far the journal of one boot is delivered. Written only in the same transaction as the rows."""

    __tablename__ = "journal_position"

    node: Mapped[str] = mapped_column(primary_key=True)
    boot: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)  # of the last record in the tables
    file_number: Mapped[int]
    file_offset: Mapped[int] = mapped_column(BigInteger)  # bytes; so that a restart does not read the file again
    at: Mapped[datetime]
