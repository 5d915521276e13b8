"""A day of the line in figures: in all, and by half hours of the site's clock. docs/figures.md defines each figure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine

from db.enums import Outcome
from db.report import MenuCalls, WaitedCalls, menu_calls, waited_calls
from routing.figures import Figures, Tally

HALF_HOURS = 48
WEEK = timedelta(days=7)

ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""Outcomes of waits without an operator that do not count as abandoned, as in reports."""

_QUARTER = timedelta(minutes=15)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """The calls that began to wait in half an hour, or arrived if they never waited; `wait_s`: of those answered."""

    calls: int = 0
    wait_s: float | None = None
    service_level: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day, or its beginning. `calls`: all incoming ones; the others are of those that waited for an operator."""

    calls: int
    answered: int
    abandoned: int
    abandonment: float | None
    service_level: float | None
    wait_s: float | None
    half_hours: Sequence[HalfHour]
    """`HALF_HOURS` of them by the clock; an hour that the clock repeats counts twice."""


@dataclass(slots=True)
class _Count:
    calls: int = 0
    tally: Tally = field(default_factory=Tally)

    def add(self, some: WaitedCalls) -> None:
        waits = [wait / 1e6 for wait in some.waited_us if wait is not None]
        self.calls += len(some.ids)
        if some.answered:
            self.tally.waits.extend(waits)
        elif some.outcome is not None and some.outcome not in ELSEWHERE:
            self.tally.abandoned_waits.extend(waits)

    def figures(self) -> Figures:
        return self.tally.figures()


async def read_day(engine: AsyncEngine, begins: datetime, ends: datetime, zone: ZoneInfo) -> Day:
    """Return the figures of a period within one day. Raises DatabaseError."""
    waited = await waited_calls(engine, begins, ends, quarters=True)
    menus = await menu_calls(engine, begins, ends, quarters=True)
    return count_day(waited, menus, zone)


def count_day(waited: Iterable[WaitedCalls], menus: Iterable[MenuCalls], zone: ZoneInfo) -> Day:
    """Return the figures of calls that are grouped by quarters of an hour."""
    halves, total = [_Count() for _ in range(HALF_HOURS)], _Count()
    for some in waited:
        for count in (halves[_half_hour(some.group.quarter, zone)], total):
            count.add(some)
    for menu in menus:
        if not menu.outgoing:
            for count in (halves[_half_hour(menu.group.quarter, zone)], total):
                count.calls += menu.number
    found = total.figures()
    return Day(
        calls=total.calls,
        answered=found.answered,
        abandoned=found.abandoned,
        abandonment=found.abandoned / found.offered if found.offered else None,
        service_level=found.service_level_offered,
        wait_s=found.average_speed_of_answer_s,
        half_hours=tuple(
            HalfHour(count.calls, figures.average_speed_of_answer_s, figures.service_level_offered)
            for count in halves
            for figures in (count.figures(),)
        ),
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a day."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def week_before(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the same time of the clock on the same weekday before."""
    return (at.astimezone(zone) - WEEK).astimezone(UTC)


def _half_hour(quarter: int | None, zone: ZoneInfo) -> int:
    at = (_1970 + (quarter or 0) * _QUARTER).astimezone(zone)
    return at.hour * 2 + at.minute // 30
