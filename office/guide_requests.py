"""Requests for a procedure of the guide in writing, taken by one person each, and ended. People send it by hand."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, true, update

from db import guide_requests
from db.audit import entry
from db.enums import GuideOutcome
from db.guide_request_data import GuideRequest
from db.tables import GuideRequest as Row
from ivr.model.text import one_line
from office import taking
from office.context import Office
from office.people import Actor, Permission, require
from office.reading import Reading, put_list_on_record
from office.taking import NOBODYS, TakenError

LONGEST_WHY = 300
"""Characters."""


async def latest(office: Office, actor: Actor, reading: Reading, last: int = 0) -> list[GuideRequest]:
    """Return the requests that have not ended, the first due first, and the `last` that have.

    Raises NotAllowedError, DatabaseError, NotOnRecordError.
    """
    require(actor, Permission.TAKE_CALLS)
    listed = await guide_requests.latest(office.engine, last)
    await put_list_on_record(office, actor, "guide_requests", len(listed), reading, last=last)
    return listed


async def find(office: Office, actor: Actor, beginning: str) -> GuideRequest:
    """Return the request whose id begins so. Raises NotAllowedError, NotFoundError, DatabaseError."""
    require(actor, Permission.TAKE_CALLS)
    return await guide_requests.find(office.engine, beginning)


async def take(office: Office, actor: Actor, identity: UUID) -> GuideRequest:
    """Take a request to work on it; return it as it is now. Idempotent.

    Raises NotAllowedError, NotFoundError, TakenError if somebody else has it or it has ended, DatabaseError.
    """
    columns = taking.taken_by(actor, Row, office.now())
    return await _give(office, actor, identity, taking.may_take(actor, Row), "guide_request_taken", columns)


async def release(office: Office, actor: Actor, identity: UUID) -> GuideRequest:
    """Let others take a request again: one of their own, or anybody's for whoever supervises. Raises as `take` does."""
    may_give_back = taking.may_give_back(actor, Row)
    return await _give(office, actor, identity, may_give_back, "guide_request_released", NOBODYS)


async def end(
    office: Office, actor: Actor, identity: UUID, outcome: GuideOutcome = GuideOutcome.SENT, why: str = ""
) -> GuideRequest:
    """End a request: somebody has sent the procedure, or it cannot be sent, or the caller no longer wants it.

    Raises as `take` does.
    """
    require(actor, Permission.TAKE_CALLS)
    now, reason = office.now(), one_line(why, LONGEST_WHY) or None

    def audited(row: Any) -> Insert:
        data = {"number": row.number, "procedure": row.procedure, "outcome": outcome.value}
        return entry(now, actor.id, "guide_request_ended", f"guide_request:{identity}", **data).values(reason=reason)

    columns = {"outcome": outcome.value, "reason": reason, "ended": now, "ended_by": actor.id}
    ended = await _changed(office, identity, true(), audited, columns)
    if ended is None:
        await guide_requests.find(office.engine, str(identity))
        raise TakenError("That request has ended already; `hatif waiting --last 20` shows how.")
    return ended


async def _give(
    office: Office, actor: Actor, identity: UUID, where: ColumnElement[bool], act: str, columns: Mapping[str, Any]
) -> GuideRequest:
    require(actor, Permission.TAKE_CALLS)
    audited = entry(office.now(), actor.id, act, f"guide_request:{identity}")
    given = await _changed(office, identity, where, lambda _: audited, columns)
    if given is None:
        request = await guide_requests.find(office.engine, str(identity))
        who = request.ended_by or request.taken_by or "Nobody"
        raise TakenError(f"{who} has {'ended' if request.ended else 'taken'} that request.")
    return given


async def _changed(
    office: Office,
    identity: UUID,
    where: ColumnElement[bool],
    audited: Callable[[Any], Insert],
    columns: Mapping[str, Any],
) -> GuideRequest | None:
    is_open = Row.ended.is_(None) & where
    wanted = update(Row).where(Row.id == identity, is_open).values(columns).returning(*guide_requests.COLUMNS)
    row = await taking.change(office, wanted, audited)
    return GuideRequest(*row) if row is not None else None
