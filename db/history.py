"""Past calls and shifts, from which a simulation repeats a period.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Outcome, Role
from db.tables import Call, Pairing, Shift

_AT_ONCE = 1000  # rows that are fetched at once


@dataclass(frozen=True, slots=True)
class PastCall:
    """A finished call that waited.

    `wait_s`: until an operator answered, or until the wait ended otherwise. `talk_s`: the caller's conversations with
    operators in total; None: there were none. `language`: None if the caller never chose one.
    """

    queued: datetime
    language: str | None
    wait_s: float
    talk_s: float | None


@dataclass(frozen=True, slots=True)
class PlannedShift:
    operator_id: str
    begins: datetime
    ends: datetime


async def past_calls(engine: AsyncEngine, begins: datetime, ends: datetime, *, tests: bool = False) -> list[PastCall]:
    """Return the calls that began to wait from `begins` up to, not including, `ends`, by that instant. Test calls only
    with `tests`."""
    chosen = (
        select(Call, Pairing.began.label("began"), Pairing.ended.label("parted"))
        .outerjoin(Pairing, (Pairing.call_id == Call.id) & (Pairing.role == Role.OPERATOR))
        .where(Call.queued >= begins, Call.queued < ends, Call.ended.is_not(None))
        # In these the line closed during the wait: neither an operator nor the caller's patience ended it.
        .where(Call.outcome.is_distinct_from(Outcome.CLOSED))
        .order_by(Call.queued, Call.id, Pairing.began)
    )
    if not tests:
        chosen = chosen.where(Call.live)
    found: list[PastCall] = []
    async with reading(engine) as connection:
        rows = await connection.stream(chosen.execution_options(yield_per=_AT_ONCE))
        call: list[Any] = []
        async for row in rows:
            if call and call[0].id != row.id:
                found.extend(_past(call))
                call = []
            call.append(row)
        found.extend(_past(call))
    return found


async def planned_shifts(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[PlannedShift]:
    """Return the shifts that overlap the period from `begins` to `ends` and were not cancelled."""
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(Shift.operator_id, Shift.begins, Shift.ends)
            .where(Shift.begins < ends, Shift.ends > begins, Shift.cancelled.is_(None))
            .order_by(Shift.operator_id, Shift.begins)
        )
        return [PlannedShift(*row) for row in rows]


def _past(rows: list[Any]) -> Iterator[PastCall]:
    """Yield the call of these rows, of which there is one for each conversation."""
    if not rows:
        return
    call = rows[0]
    until = call.connected or call.dequeued or call.ended
    talks = [((row.parted or call.ended) - row.began).total_seconds() for row in rows if row.began is not None]
    if not talks and call.connected is not None:
        talks = [(call.ended - call.connected).total_seconds()]
    # A clock that was set back between two records must not make a duration negative.
    wait = max(0.0, (until - call.queued).total_seconds())
    talk = max(0.0, sum(talks)) if call.connected is not None else None
    yield PastCall(call.queued, call.language, wait, talk)
