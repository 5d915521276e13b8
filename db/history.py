"""Past calls and shifts, from which a simulation repeats a period.

Each function takes an engine (`db.engine.async_engine`) and raises DatabaseError if the database is away.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Text, case, cast, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Outcome, Role
from db.instants import BETWEEN, elapsed, joined, micros
from db.tables import Call, Pairing, Shift

_1970 = datetime(1970, 1, 1, tzinfo=UTC)


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
    until = func.coalesce(Call.connected, Call.dequeued, Call.ended)
    talked = case(
        (Pairing.began.is_not(None), elapsed(Pairing.began, func.coalesce(Pairing.ended, Call.ended))),
        else_=elapsed(Call.connected, Call.ended),
    )
    answered = Call.connected.is_not(None).label("answered")
    columns = (cast(Call.id, Text), micros(Call.queued), elapsed(Call.queued, until), talked)
    chosen = (
        select(Call.language, answered, *map(joined, columns))
        .outerjoin(Pairing, (Pairing.call_id == Call.id) & (Pairing.role == literal_column(f"'{Role.OPERATOR}'")))
        .where(Call.queued >= begins, Call.queued < ends, Call.ended.is_not(None))
        # In these the line closed during the wait: neither an operator nor the caller's patience ended it.
        .where(Call.outcome.is_distinct_from(Outcome.CLOSED), true() if tests else Call.live)
        .group_by(Call.language, answered)
    )
    async with reading(engine) as connection:
        rows = (await connection.execute(chosen)).all()
    found: dict[str, PastCall] = {}
    for language, talked_with_somebody, *texts in rows:
        for identity, queued, wait, talk in zip(*(text.split(BETWEEN) for text in texts), strict=True):
            # A clock that was set back between two records must not make a duration negative.
            talks = int(talk or 0) / 1e6 if talked_with_somebody else None
            before = found.get(identity)
            if before is not None and before.talk_s is not None and talks is not None:
                talks += before.talk_s  # another conversation of the same call
            found[identity] = PastCall(_instant(int(queued)), language, max(0.0, int(wait) / 1e6), talks)
    negative = {identity: replace(call, talk_s=0.0) for identity, call in found.items() if (call.talk_s or 0) < 0}
    return sorted((found | negative).values(), key=lambda call: call.queued)


async def talking_operators(engine: AsyncEngine, begins: datetime, ends: datetime) -> set[str]:
    """Return the operators who began conversations in the period, including those of test calls."""
    talked = select(Pairing.operator_id).where(Pairing.began >= begins, Pairing.began < ends).distinct()
    async with reading(engine) as connection:
        return {*await connection.scalars(talked)}


async def planned_shifts(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[PlannedShift]:
    """Return the shifts that overlap the period from `begins` to `ends` and were not cancelled."""
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(Shift.operator_id, Shift.begins, Shift.ends)
            .where(Shift.begins < ends, Shift.ends > begins, Shift.cancelled.is_(None))
            .order_by(Shift.operator_id, Shift.begins)
        )
        return [PlannedShift(*row) for row in rows]


def _instant(micros_since_1970: int) -> datetime:
    return _1970 + timedelta(microseconds=micros_since_1970)
