"""Operators with their states and shifts; offers, pairings and routing decisions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import OfferState, OperatorState, Role, SwapState
from db.tables.base import EMPTY_LIST, EMPTY_MAP, Appended, Table, index_where, one_of


class Operator(Table):
    """The operators of `operators.csv` as last loaded by the controller, so that reports know former names too."""

    __tablename__ = "operator"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    languages: Mapped[dict[str, int]] = mapped_column(server_default=EMPTY_MAP)  # code to level, 1 to 5
    topics: Mapped[list[str]] = mapped_column(server_default=EMPTY_LIST)
    supervisor: Mapped[bool] = mapped_column(server_default=false())
    changed: Mapped[datetime | None]
    removed: Mapped[datetime | None]  # since when they are no longer in the list


class OperatorStateRecord(Appended, Table):
    """The history of operators' states; the last record is the current one."""

    __tablename__ = "operator_state"

    operator_id: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]  # of a pause: from the site's list, or `no_answer`; of away: `telephone`
    call_id: Mapped[UUID | None]
    idle_since: Mapped[datetime | None]
    until: Mapped[datetime | None]  # end of a wrap-up, or of an announced pause
    by: Mapped[str | None]  # an operator's id, or `service`

    __table_args__ = (
        one_of("state", OperatorState),
        Index(None, "operator_id", "node", "boot", "seq"),
        # Everything that a report reads, in its order: a week of a hundred operators is half a million rows.
        Index(None, "operator_id", "at", "boot", "seq", "state", "reason", "call_id"),
        Index(None, "at"),
    )


class Offer(Table):
    """A call offered to an operator."""

    __tablename__ = "offer"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # also the channel id of the leg
    node: Mapped[str]  # the caller's
    epoch: Mapped[int] = mapped_column(BigInteger, server_default="0")
    call_id: Mapped[UUID]
    operator_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=OfferState.RINGING.value)
    reason: Mapped[str | None]  # why it ended in this state
    offered: Mapped[datetime]
    ended: Mapped[datetime | None]  # when it stopped ringing, whatever the outcome

    __table_args__ = (
        one_of("state", OfferState),
        Index(None, "call_id"),
        Index(None, "operator_id", "offered"),
        Index(None, "offered"),
        index_where("ix_offer_ringing", "node", where="ended IS NULL"),
    )


class Pairing(Table):
    """A connected operator and caller. There is at most one open pairing per operator, and one per call as
    `operator`."""

    __tablename__ = "pairing"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    epoch: Mapped[int] = mapped_column(BigInteger, server_default="0")
    call_id: Mapped[UUID]
    operator_id: Mapped[str]
    offer_id: Mapped[UUID | None]
    role: Mapped[str] = mapped_column(server_default=Role.OPERATOR.value)
    began: Mapped[datetime]
    ended: Mapped[datetime | None]
    reason: Mapped[str | None]  # why it ended: `caller`, `operator`, `transfer`, `lost`

    __table_args__ = (
        one_of("role", Role),
        Index(None, "call_id"),
        Index(None, "operator_id", "began"),
        Index(None, "began"),
        index_where("uq_pairing_open_operator", "operator_id", where="ended IS NULL", unique=True),
        index_where("uq_pairing_open_call", "call_id", where="ended IS NULL AND role = 'operator'", unique=True),
    )


class Decision(Appended, Table):
    """A routing decision with its reason."""

    __tablename__ = "decision"

    kind: Mapped[str]
    call_id: Mapped[UUID | None]
    operator_id: Mapped[str | None]
    reason: Mapped[str]
    version: Mapped[str | None]  # of the engine and its parameters
    data: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY_MAP)

    __table_args__ = (Index(None, "call_id", "boot", "seq"), Index(None, "at"))


class Shift(Table):
    """A planned shift. It does not log anybody in or out."""

    __tablename__ = "shift"

    operator_id: Mapped[str] = mapped_column(primary_key=True)
    begins: Mapped[datetime] = mapped_column(primary_key=True)
    ends: Mapped[datetime]
    cancelled: Mapped[datetime | None]

    __table_args__ = (Index(None, "begins"),)


class ShiftSwap(Table):
    """A shift that an operator wants a colleague to take. The desk writes it; the roster is the site's file."""

    __tablename__ = "shift_swap"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    operator_id: Mapped[str]  # who asks
    colleague_id: Mapped[str]
    begins: Mapped[datetime]  # of the shift
    ends: Mapped[datetime]
    state: Mapped[str]
    asked: Mapped[datetime]
    changed: Mapped[datetime]  # when its state last changed
    by: Mapped[str]  # the account that changed it
    reason: Mapped[str | None]

    __table_args__ = (one_of("state", SwapState), Index(None, "operator_id", "begins"), Index(None, "ends"))
