"""Swaps of shifts: an operator asks a colleague to take a shift, the colleague agrees, a supervisor releases it.

The roster itself is the site's file; a released swap is two lines in it. Each step is in the audit. Functions take an
engine and raise DatabaseError if the database is away. A step that is not possible any more returns False.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import entry
from db.engine import reading, writing
from db.enums import SwapState
from db.ids import uuid7
from db.tables import Audit, ShiftSwap

OPEN = (SwapState.ASKED, SwapState.AGREED)
"""States that are followed by others."""


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap. `by`: the account that brought it into its state, at `changed`; `reason`: why it was refused."""

    id: UUID
    operator: str
    colleague: str
    begins: datetime
    ends: datetime
    state: str
    asked: datetime
    changed: datetime
    by: str
    reason: str | None


async def ask(
    engine: AsyncEngine, operator: str, colleague: str, begins: datetime, ends: datetime, by: str, now: datetime
) -> bool:
    """Ask a colleague to take a shift; False if the same shift is being swapped already."""
    open_one = select(ShiftSwap.id).where(
        ShiftSwap.operator_id == operator, ShiftSwap.begins == begins, ShiftSwap.state.in_([*OPEN])
    )
    swap = uuid7()
    row = {
        "id": swap, "operator_id": operator, "colleague_id": colleague, "begins": begins, "ends": ends,
        "state": SwapState.ASKED.value, "asked": now, "changed": now, "by": by,
    }  # fmt: skip
    async with writing(engine) as connection:
        if (await connection.execute(open_one)).first() is not None:
            return False
        await connection.execute(insert(ShiftSwap), row)
        await _note(connection, swap, SwapState.ASKED, by, now, None)
        return True


async def move(
    engine: AsyncEngine,
    swap: UUID,
    before: SwapState,
    after: SwapState,
    by: str,
    now: datetime,
    *,
    operator: str | None = None,
    colleague: str | None = None,
    reason: str | None = None,
    noted: bool = True,
) -> bool:
    """Move a swap from one state to the next; False if it is not in that state, or of others than these.

    `noted`: in the audit as well, with the same transaction; otherwise `note` does that once all is done.
    """
    change = update(ShiftSwap).where(ShiftSwap.id == swap, ShiftSwap.state == before.value)
    if operator is not None:
        change = change.where(ShiftSwap.operator_id == operator)
    if colleague is not None:
        change = change.where(ShiftSwap.colleague_id == colleague)
    async with writing(engine) as connection:
        found = await connection.execute(change.values(state=after.value, by=by, changed=now, reason=reason))
        if found.rowcount == 1 and noted:
            await _note(connection, swap, after, by, now, reason)
        return found.rowcount == 1


async def note(engine: AsyncEngine, swap: UUID, state: SwapState, by: str, now: datetime) -> None:
    """Write into the audit that somebody has brought a swap into a state."""
    async with writing(engine) as connection:
        await _note(connection, swap, state, by, now, None)


async def _note(
    connection: AsyncConnection, swap: UUID, state: SwapState, by: str, now: datetime, reason: str | None
) -> None:
    found = (await connection.execute(select(ShiftSwap).where(ShiftSwap.id == swap))).one()
    shift = {"colleague": found.colleague_id, "begins": found.begins.isoformat(), "ends": found.ends.isoformat()}
    about = f"operator:{found.operator_id}"
    await connection.execute(entry(now, by, f"shift_swap_{state.value}", about, **shift).values(reason=reason))


async def find(engine: AsyncEngine, swap: UUID) -> Swap | None:
    """Return one swap."""
    found = await _select(engine, ShiftSwap.id == swap)
    return found[0] if found else None


async def of_operator(engine: AsyncEngine, operator: str, since: datetime) -> list[Swap]:
    """Return the swaps that an operator asked for or was asked for, of shifts that end after an instant."""
    own = or_(ShiftSwap.operator_id == operator, ShiftSwap.colleague_id == operator)
    return await _select(engine, own, ShiftSwap.ends > since)


async def in_states(engine: AsyncEngine, states: Collection[SwapState], since: datetime) -> list[Swap]:
    """Return the swaps in these states, of shifts that end after an instant."""
    return await _select(engine, ShiftSwap.state.in_([state.value for state in states]), ShiftSwap.ends > since)


async def unfinished(engine: AsyncEngine, since: datetime) -> list[Swap]:
    """Return the released swaps, of shifts that end after an instant, whose release is not in the audit: it was begun,
    and the roster may not have it yet."""
    released = Audit.act == f"shift_swap_{SwapState.RELEASED.value}", Audit.at == ShiftSwap.changed
    is_noted = exists().where(*released, Audit.about == literal("operator:") + ShiftSwap.operator_id)
    return await _select(engine, ShiftSwap.state == SwapState.RELEASED.value, ShiftSwap.ends > since, ~is_noted)


async def _select(engine: AsyncEngine, *conditions: Any) -> list[Swap]:
    columns = (ShiftSwap.id, ShiftSwap.operator_id, ShiftSwap.colleague_id, ShiftSwap.begins, ShiftSwap.ends)
    more = (ShiftSwap.state, ShiftSwap.asked, ShiftSwap.changed, ShiftSwap.by, ShiftSwap.reason)
    query = select(*columns, *more).where(*conditions).order_by(ShiftSwap.begins, ShiftSwap.id)
    async with reading(engine) as connection:
        return [Swap(*tuple(row)) for row in await connection.execute(query)]
