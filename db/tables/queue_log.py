"""Events of the queue in the form of Asterisk's `queue_log`, for tools that read that."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Table


class QueueLog(Table):
    """A line of the queue log. The columns from `time` on are those that Asterisk itself writes to a database."""

    __tablename__ = "queue_log"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # in order, from 1 on
    node: Mapped[str]
    at: Mapped[datetime]
    call_id: Mapped[UUID | None]
    time: Mapped[str] = mapped_column(String(26))  # `at`, as in Asterisk: 2026-11-28 09:30:00.000000, UTC
    callid: Mapped[str]  # the unique id of the caller's channel, or NONE
    queuename: Mapped[str]
    agent: Mapped[str]
    event: Mapped[str]
    data1: Mapped[str]
    data2: Mapped[str]
    data3: Mapped[str]
    data4: Mapped[str]
    data5: Mapped[str]

    __table_args__ = (Index(None, "at"), Index(None, "call_id"))


class QueueLogPosition(Table):
    """Up to which record of each journal the queue log has been written, in the transaction that wrote it."""

    __tablename__ = "queue_log_position"

    node: Mapped[str] = mapped_column(primary_key=True)
    boot: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
