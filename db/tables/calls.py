"""Calls, their events, recordings and survey answers, and remembered callers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, false, true
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import Outcome
from db.tables.base import EMPTY_LIST, EMPTY_MAP, Appended, Table, index_where, one_of


class Call(Table):
    __tablename__ = "call"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7, made when the call enters
    node: Mapped[str]
    channel_id: Mapped[str | None]  # Asterisk's
    live: Mapped[bool] = mapped_column(server_default=true())  # false: a test call
    outgoing: Mapped[bool] = mapped_column(server_default=false())  # by us: `caller` was called, `number` is our own
    number: Mapped[str | None]  # dialled
    caller: Mapped[str | None]  # E.164 with +; NULL: withheld, no number, or erased
    caller_raw: Mapped[str | None]  # as the carrier sent it, possibly a word; NULL: withheld, or nothing was sent
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None]
    topic: Mapped[str | None]
    flow_version: Mapped[str | None]
    path: Mapped[list[str]] = mapped_column(server_default=EMPTY_LIST)  # nodes of the flow, in order
    outcome: Mapped[str | None]  # NULL: still in progress
    operator_id: Mapped[str | None]  # the first one who answered
    case_reference: Mapped[str | None] = mapped_column(String(9))
    started: Mapped[datetime]
    line_answered: Mapped[datetime | None]
    queued: Mapped[datetime | None]  # began to wait for an operator
    dequeued: Mapped[datetime | None]  # the wait ended, with or without an operator
    connected: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    hangup_cause: Mapped[int | None]  # Q.850
    ended_by: Mapped[str | None]  # caller, operator, service
    ending: Mapped[str | None]  # how its last operator says it ended: one of the site's endings

    __table_args__ = (
        one_of("outcome", Outcome),
        Index(None, "started"),
        Index(None, "queued"),
        Index(None, "caller", "started"),
        Index(None, "operator_id", "connected"),
        Index(None, "case_reference"),
        index_where("ix_call_going_on", "node", where="ended IS NULL"),
        index_where("ix_call_fallback", "connected", where="outcome = 'fallback'"),
    )


class CallEvent(Appended, Table):
    __tablename__ = "call_event"

    call_id: Mapped[UUID]
    kind: Mapped[str]
    flow_node: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY_MAP)

    __table_args__ = (Index(None, "call_id", "boot", "seq"),)


class Recording(Table):
    """A recorded conversation. There is no row without the caller's consent."""

    __tablename__ = "recording"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    call_id: Mapped[UUID]
    file: Mapped[str]  # relative to HATIF_HOME
    consented: Mapped[datetime]
    consent_key: Mapped[str]  # the key that the caller pressed
    consent_text: Mapped[str]  # catalogue id of the question that they heard
    consent_language: Mapped[str]
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    erased: Mapped[datetime | None]

    __table_args__ = (Index(None, "call_id"), Index(None, "started"))


class ScoreSheet(Table):
    """How a supervisor scores a recorded conversation. Sent again, it replaces their earlier one."""

    __tablename__ = "score_sheet"

    recording_id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(primary_key=True)  # the account of the supervisor
    node: Mapped[str]
    call_id: Mapped[UUID]
    operator_id: Mapped[str]  # whose conversation it was
    recorded: Mapped[datetime]  # when it began
    at: Mapped[datetime]
    scores: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY_MAP)  # 1 to 5, by criterion of the site
    remark: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (Index(None, "recorded"), Index(None, "operator_id", "at"))


class SurveyAnswer(Table):
    __tablename__ = "survey_answer"

    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)  # catalogue id
    node: Mapped[str]
    answer: Mapped[int]  # 1 to 5
    language: Mapped[str | None]
    operator_id: Mapped[str | None]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("answer BETWEEN 1 AND 5", name="answer"),
        Index(None, "at"),
        Index(None, "operator_id", "at"),
    )


class Caller(Table):
    """The memory of a number. Erasing means deleting the row."""

    __tablename__ = "caller"

    number: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str | None]
    last_call_id: Mapped[UUID | None]
    last_called: Mapped[datetime | None]
    pin_failures: Mapped[int] = mapped_column(server_default="0")
    pin_locked_until: Mapped[datetime | None]
