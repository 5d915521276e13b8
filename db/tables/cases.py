"""Case files with their notes, changes and messages, callback requests, and requests for a procedure of the guide in
writing."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import CallbackKind, CallbackState, CaseKind, CasePriority, CaseState, GuideOutcome, TryOutcome
from db.tables.base import Table, index_where, one_of


class CaseFile(Table):
    __tablename__ = "case_file"

    reference: Mapped[str] = mapped_column(String(9), primary_key=True)
    node: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")  # one more with each change by people
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=CaseState.OPEN.value)
    topic: Mapped[str | None]
    language: Mapped[str | None]
    country: Mapped[str | None] = mapped_column(String(2))
    post: Mapped[str | None]  # the consular post that deals with it
    call_id: Mapped[UUID | None]  # the call that it was opened in
    caller: Mapped[str | None]
    title: Mapped[str | None]
    applicant: Mapped[str | None]  # their name
    applicant_folded: Mapped[str | None]  # the same as it is looked for (`db.names`)
    missing: Mapped[str | None]  # what the applicant still has to bring
    expected: Mapped[date | None]  # when the applicant may expect the result
    owner: Mapped[str | None]  # operator's id
    priority: Mapped[str] = mapped_column(server_default=CasePriority.NORMAL.value)
    follow_up: Mapped[date | None]  # when its owner wants to look at it again
    opened: Mapped[datetime]
    changed: Mapped[datetime | None]  # when its state last changed
    due: Mapped[datetime | None]
    closed: Mapped[datetime | None]
    notify_number: Mapped[str | None]  # called when the state changes
    pin_hash: Mapped[str | None]
    pin_given: Mapped[datetime | None]  # when the applicant got the present PIN
    pin_failures: Mapped[int] = mapped_column(server_default="0")  # by callers from other numbers than `caller`
    pin_locked_until: Mapped[datetime | None]
    pin_own_failures: Mapped[int] = mapped_column(server_default="0")  # by callers whose number is `caller`
    pin_own_locked_until: Mapped[datetime | None]

    __table_args__ = (
        one_of("kind", CaseKind),
        one_of("state", CaseState),
        one_of("priority", CasePriority),
        Index(None, "opened"),
        Index(None, "caller", "opened"),
        Index(None, "call_id"),
        index_where("ix_case_file_due", "due", where="closed IS NULL"),
        index_where("ix_case_file_owner", "owner", where="closed IS NULL"),
    )


class CaseReference(Table):
    """A reserved reference: no other node and no later case uses it. Never deleted.

    Written only by a conditional insert (`db.reservations`), never through a journal.
    """

    __tablename__ = "case_reference"

    reference: Mapped[str] = mapped_column(String(9), primary_key=True)
    node: Mapped[str]  # that allocates it
    reserved: Mapped[datetime]


class CaseNote(Table):
    __tablename__ = "case_note"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    case_reference: Mapped[str] = mapped_column(String(9))
    call_id: Mapped[UUID | None]
    author: Mapped[str]  # operator's id, or `service`
    text: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "case_reference", "at"),)


class CaseChange(Table):
    """A change that somebody made while the database was away, and that met a newer version of its case: it was not
    made, and its author decides what becomes of it. One that met the version that it was based on has no row."""

    __tablename__ = "case_change"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    case_reference: Mapped[str] = mapped_column(String(9))
    version: Mapped[int]  # that it was based on
    columns: Mapped[dict[str, Any]]  # of the case, as they should have become
    author: Mapped[str]
    why: Mapped[str | None]
    at: Mapped[datetime]
    done: Mapped[datetime | None]  # nothing is left to do

    __table_args__ = (
        Index(None, "case_reference"),
        index_where("ix_case_change_to_do", "author", "at", where="done IS NULL"),
    )


class Message(Table):
    """A voice message that a caller left."""

    __tablename__ = "message"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    call_id: Mapped[UUID]
    case_reference: Mapped[str | None] = mapped_column(String(9))
    caller: Mapped[str | None]
    language: Mapped[str | None]
    topic: Mapped[str | None]
    category: Mapped[str | None]  # chosen by key, as in the flow
    file: Mapped[str]  # relative to HATIF_HOME
    duration_ms: Mapped[int | None]
    text: Mapped[str | None]  # transcribed by the recogniser
    text_language: Mapped[str | None]  # in which it was understood
    text_confidence: Mapped[int | None]  # the recogniser's, in percent
    text_tries: Mapped[int | None]  # how often the recogniser failed
    text_why: Mapped[str | None]  # why there is no text
    text_ended: Mapped[datetime | None]  # nothing more is tried
    at: Mapped[datetime]
    heard: Mapped[datetime | None]
    heard_by: Mapped[str | None]
    erased: Mapped[datetime | None]
    taken: Mapped[datetime | None]  # somebody works on it
    taken_by: Mapped[str | None]
    done: Mapped[datetime | None]  # nothing is left to do
    done_by: Mapped[str | None]

    __table_args__ = (
        Index(None, "call_id"),
        Index(None, "case_reference"),
        Index(None, "caller", "at"),
        index_where("ix_message_unheard", "at", where="heard IS NULL"),
        index_where("ix_message_to_do", "at", where="done IS NULL"),
        index_where("ix_message_to_transcribe", "at", where="text_ended IS NULL"),
    )


class Callback(Table):
    """A callback request."""

    __tablename__ = "callback"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=CallbackState.REQUESTED.value)
    call_id: Mapped[UUID | None]  # the call in which it was requested
    case_reference: Mapped[str | None] = mapped_column(String(9))
    number: Mapped[str]
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None]
    topic: Mapped[str | None]
    operator_id: Mapped[str | None]  # the preferred one, or the one who took it over
    priority: Mapped[int] = mapped_column(server_default="0")
    wished: Mapped[datetime]  # when it was made
    waiting_since: Mapped[datetime | None]  # its routing age
    due: Mapped[datetime | None]  # the earliest time to call
    tries: Mapped[int] = mapped_column(server_default="0")
    tried: Mapped[datetime | None]  # the last try
    epoch: Mapped[int] = mapped_column(BigInteger, server_default="0")
    dialled_call_id: Mapped[UUID | None]  # the call that it led to
    reason: Mapped[str | None]
    ended: Mapped[datetime | None]
    claimed_node: Mapped[str | None]  # the node whose controller works on it; no other may move it
    claimed_boot: Mapped[UUID | None]  # one start of that controller
    first_due: Mapped[datetime | None]  # the original `due`, if it was postponed
    asked_by: Mapped[str | None]  # the caller who made it; NULL: withheld, or not made by a caller

    __table_args__ = (
        one_of("kind", CallbackKind),
        one_of("state", CallbackState),
        Index(None, "number", "wished"),
        Index(None, "asked_by"),
        Index(None, "call_id"),
        index_where("ix_callback_pending", "due", where="ended IS NULL"),
    )


class CallbackTry(Table):
    """A try to reach the caller of a callback request. Written before dialling, so that no try is made twice."""

    __tablename__ = "callback_try"

    callback_id: Mapped[UUID] = mapped_column(primary_key=True)
    try_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1 on
    node: Mapped[str]
    number: Mapped[str]
    operator_id: Mapped[str | None]  # the one who waits for the caller; NULL: nobody, the call is about a file's state
    dialled: Mapped[datetime]
    outcome: Mapped[str | None]  # NULL: unknown yet
    ended: Mapped[datetime | None]

    __table_args__ = (
        one_of("outcome", TryOutcome),
        Index(None, "dialled"),
        Index(None, "number", "dialled"),
    )


class GuideRequest(Table):
    """A caller who wants a procedure of the guide in writing. People send it; then the request has ended."""

    __tablename__ = "guide_request"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    call_id: Mapped[UUID]
    procedure: Mapped[str]
    number: Mapped[str]
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None]
    topic: Mapped[str | None]
    requested: Mapped[datetime]
    due: Mapped[datetime]
    outcome: Mapped[str | None]  # NULL: not ended
    reason: Mapped[str | None]  # why it ended so
    ended: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    taken: Mapped[datetime | None]  # somebody works on it
    taken_by: Mapped[str | None]

    __table_args__ = (
        one_of("outcome", GuideOutcome),
        Index(None, "number"),
        Index(None, "call_id"),
        Index(None, "requested"),
        index_where("ix_guide_request_pending", "due", where="ended IS NULL"),
    )
