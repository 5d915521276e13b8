"""What is remembered about numbers, and forgetting it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.enums import CallbackState
from db.ids import uuid7
from db.read import NotFoundError
from db.tables import Audit, Callback, Caller

FORGOTTEN = "the number was forgotten"
"""Why its wishes are cancelled."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """`pin_locked_until`: since when and how long a number may not ask for files is kept here as well."""

    number: str
    language: str | None
    last_call_id: UUID | None
    last_called: datetime | None
    pin_locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Erased:
    """`remembered`: whether the number was; `wishes`: so many wishes to be called back were cancelled."""

    remembered: bool
    wishes: int


async def remembered_language(engine: AsyncEngine, number: str) -> str | None:
    """The language of the last call of `number` (E.164 with +); None for a number that is not remembered."""
    async with reading(engine) as connection:
        language: str | None = await connection.scalar(select(Caller.language).where(Caller.number == number))
    return language


async def known(engine: AsyncEngine, numbers: Collection[str]) -> list[str]:
    """Return those of `numbers` that are remembered or that somebody is to call back."""
    async with reading(engine) as connection:
        remembered = select(Caller.number).where(Caller.number.in_(numbers))
        wished = select(Callback.number).where(Callback.number.in_(numbers), Callback.ended.is_(None))
        return list(await connection.scalars(union(remembered, wished)))


async def caller(engine: AsyncEngine, number: str) -> Remembered:
    """All that is remembered of a number. NotFoundError for one that is not."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(Caller).where(Caller.number == number))).one_or_none()
    if row is None:
        raise NotFoundError(f"{number} is not remembered: see the callers in `hatif calls`")
    return Remembered(row.number, row.language, row.last_call_id, row.last_called, row.pin_locked_until)


class BeingCalledError(Exception):
    """Somebody is being called at this moment who is to be forgotten; nothing was changed. The sentence says which wish
    it is, and what to do."""


async def erase(engine: AsyncEngine, number: str, node: str, by: str, writings: Collection[str] = ()) -> Erased | None:
    """Deletes what is remembered of a number and cancels its wishes to be called back: all of it, or nothing and
    BeingCalledError. None where there was nothing. The audit says who did it, without the number.

    `writings`: under which an older version may have remembered it; nothing looks there any more.
    """
    now = datetime.now(UTC)
    async with writing(engine) as connection:
        remembered = (
            await connection.execute(delete(Caller).where(Caller.number.in_((number, *writings))))
        ).rowcount > 0
        over = {"state": CallbackState.CANCELLED.value, "ended": now, "reason": FORGOTTEN}
        mine = (Callback.number == number) & Callback.ended.is_(None)
        free = mine & (Callback.state == CallbackState.WISHED) & Callback.claimed_node.is_(None)
        wishes = (await connection.execute(update(Callback).where(free).values(over))).rowcount
        # A controller that has claimed one in this instant is seen here, or finds that it is cancelled.
        left = select(Callback.id, Callback.state, Callback.claimed_node).where(mine).limit(1)
        if (at_work := (await connection.execute(left)).one_or_none()) is not None:
            raise BeingCalledError(
                f"is being called back at this moment ({at_work.state}, by the node {at_work.claimed_node}; wish "
                f"{at_work.id}). Wait until that is over, or, if that node is gone for good, end it with "
                f"`hatif callbacks cancel {at_work.id} --node-gone`"
            )
        if not remembered and not wishes:
            return None
        entry = {
            "node": node,
            "boot": uuid7(),
            "seq": 1,
            "at": now,
            "by": by,
            "act": "caller_erased",
            "about": None,
            "data": {"callbacks": wishes},
        }
        await connection.execute(insert(Audit).values(entry))
    return Erased(remembered, wishes)
