"""Who was planned to be on duty when, as the controller kept it. Raises DatabaseError when the database is away."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Shift


@dataclass(frozen=True, slots=True)
class Planned:
    """`cancelled`: since when it counts no more."""

    operator: str
    begins: datetime
    ends: datetime
    cancelled: datetime | None

    @property
    def until(self) -> datetime:
        return self.ends if self.cancelled is None else min(self.ends, self.cancelled)


async def shifts(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[Planned]:
    """Those that overlap a period, cancelled ones too, by operator and beginning."""
    query = (
        select(Shift.operator_id, Shift.begins, Shift.ends, Shift.cancelled)
        .where(Shift.begins < ends, Shift.ends > begins)
        .order_by(Shift.operator_id, Shift.begins)
    )
    async with reading(engine) as connection:
        return [Planned(*row) for row in await connection.execute(query)]


async def planned_s(engine: AsyncEngine, begins: datetime, ends: datetime) -> dict[str, float]:
    """How many seconds of a period each operator was planned; hours that two shifts of his share count once."""
    found: defaultdict[str, float] = defaultdict(float)
    reached: dict[str, datetime] = {}
    for each in await shifts(engine, begins, ends):
        first = max(each.begins, begins, reached.get(each.operator, begins))
        last = min(each.until, ends)
        if first < last:
            found[each.operator] += (last - first).total_seconds()
            reached[each.operator] = last
    return dict(found)
