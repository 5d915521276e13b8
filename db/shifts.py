"""Planned shifts, as the controller stored them. Functions raise DatabaseError if the database is away."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.report_tables import SHIFT


@dataclass(frozen=True, slots=True)
class StoredShift:
    """A planned shift. `cancelled`: since when it no longer counts."""

    operator: str
    begins: datetime
    ends: datetime
    cancelled: datetime | None

    @property
    def until(self) -> datetime:
        return self.ends if self.cancelled is None else min(self.ends, self.cancelled)


async def shifts(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[StoredShift]:
    """Return the shifts that overlap a period, cancelled ones included, by operator and start."""
    query = (
        select(SHIFT.c.operator_id, SHIFT.c.begins, SHIFT.c.ends, SHIFT.c.cancelled)
        .where(SHIFT.c.begins < ends, SHIFT.c.ends > begins)
        .order_by(SHIFT.c.operator_id, SHIFT.c.begins)
    )
    async with reading(engine) as connection:
        return [StoredShift(*row) for row in await connection.execute(query)]


async def planned_seconds(engine: AsyncEngine, begins: datetime, ends: datetime) -> dict[str, float]:
    """Return the planned seconds of each operator in a period; overlapping shifts of an operator count once."""
    planned: defaultdict[str, float] = defaultdict(float)
    reached: dict[str, datetime] = {}
    for shift in await shifts(engine, begins, ends):
        first = max(shift.begins, begins, reached.get(shift.operator, begins))
        last = min(shift.until, ends)
        if first < last:
            planned[shift.operator] += (last - first).total_seconds()
            reached[shift.operator] = last
    return dict(planned)
