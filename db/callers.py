"""The memory of callers' numbers, and its erasure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.enums import CallbackState, GuideOutcome
from db.ids import uuid7
from db.read import NotFoundError
from db.tables import Audit, Callback, Caller, CaseFile, GuideRequest

FORGOTTEN = "the number was forgotten"
"""The reason with which requests of an erased number end."""


@dataclass(frozen=True, slots=True)
class RememberedCaller:
    """The memory of a number. `pin_locked_until`: until then the number may not ask for case files."""

    number: str
    language: str | None
    last_call_id: UUID | None
    last_called: datetime | None
    pin_locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """The result of an erasure.

    `remembered`: whether the number was known; `requests`: the number of cancelled call-back requests;
    `guide_requests`: that of withdrawn requests for a procedure of the guide in writing; `cases`: the number of case
    files that had the applicant's name.
    """

    remembered: bool
    requests: int
    guide_requests: int = 0
    cases: int = 0


async def remembered_language(engine: AsyncEngine, number: str) -> str | None:
    """Return the language of the last call of `number` (E.164 with +); None if the number is not remembered."""
    async with reading(engine) as connection:
        language: str | None = await connection.scalar(select(Caller.language).where(Caller.number == number))
    return language


async def known_numbers(engine: AsyncEngine, numbers: Collection[str]) -> list[str]:
    """Return those of `numbers` that are remembered, have a pending request or an applicant's name."""
    async with reading(engine) as connection:
        remembered = select(Caller.number).where(Caller.number.in_(numbers))
        requested = (
            select(table.number).where(table.number.in_(numbers), table.ended.is_(None))
            for table in (Callback, GuideRequest)
        )
        named = select(CaseFile.caller).where(CaseFile.caller.in_(numbers), CaseFile.applicant.is_not(None))
        return list(await connection.scalars(union(remembered, named, *requested)))


async def caller(engine: AsyncEngine, number: str) -> RememberedCaller:
    """Return everything that is remembered about a number. Raises NotFoundError if nothing is."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(Caller).where(Caller.number == number))).one_or_none()
    if row is None:
        raise NotFoundError(f"{number} is not remembered: see the callers in `hatif calls`")
    return RememberedCaller(row.number, row.language, row.last_call_id, row.last_called, row.pin_locked_until)


class BeingCalledError(Exception):
    """The number is being called back at this moment; nothing was changed. The text names the request and what to
    do."""


async def erase(engine: AsyncEngine, number: str, node: str, by: str, writings: Collection[str] = ()) -> Erasure | None:
    """Delete what is remembered about a number and end its pending requests, all or nothing.

    Its case files stay, without their applicants' names.

    The audit records who did it, without the number. Returns None if there was nothing to erase.

    Args:
        writings: Other spellings under which an older version may have remembered the number.

    Raises:
        BeingCalledError: The number is being called back; nothing was changed.
    """
    now = datetime.now(UTC)
    async with writing(engine) as connection:
        remembered = (
            await connection.execute(delete(Caller).where(Caller.number.in_((number, *writings))))
        ).rowcount > 0
        over = {"state": CallbackState.CANCELLED.value, "ended": now, "reason": FORGOTTEN}
        mine = (Callback.number == number) & Callback.ended.is_(None)
        free = mine & (Callback.state == CallbackState.REQUESTED) & Callback.claimed_node.is_(None)
        requests = (await connection.execute(update(Callback).where(free).values(over))).rowcount
        # If a controller claims a request at the same time, either the claim is visible here or the controller finds
        # the request cancelled.
        left = select(Callback.id, Callback.state, Callback.claimed_node).where(mine).limit(1)
        if (at_work := (await connection.execute(left)).one_or_none()) is not None:
            raise BeingCalledError(
                f"is being called back at this moment ({at_work.state}, by node {at_work.claimed_node}; callback "
                f"request {at_work.id}). Wait until that is over or, if that node is gone for good, end it with "
                f"`hatif callbacks cancel {at_work.id} --node-gone`"
            )
        gone = {"outcome": GuideOutcome.WITHDRAWN.value, "ended": now, "ended_by": by, "reason": FORGOTTEN}
        wanted = (GuideRequest.number == number) & GuideRequest.ended.is_(None)
        guide_requests = (await connection.execute(update(GuideRequest).where(wanted).values(gone))).rowcount
        theirs = CaseFile.caller.in_((number, *writings)) & CaseFile.applicant.is_not(None)
        nameless = update(CaseFile).where(theirs).values(applicant=None, applicant_folded=None)
        cases = (await connection.execute(nameless)).rowcount
        if not remembered and not requests and not guide_requests and not cases:
            return None
        entry = {
            "node": node,
            "boot": uuid7(),
            "seq": 1,
            "at": now,
            "by": by,
            "act": "caller_erased",
            "about": None,
            "data": {"callbacks": requests, "guide_requests": guide_requests, "cases": cases},
        }
        await connection.execute(insert(Audit).values(entry))
    return Erasure(remembered, requests, guide_requests, cases)
