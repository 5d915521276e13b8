"""A day of the line in figures: in all, and by half hours of the site's clock. docs/figures.md defines each figure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine

from db.arrays import NONE
from db.enums import Outcome
from db.report import MenuCalls, WaitedCalls, menu_calls, waited_calls
from routing.figures import Figures, Tally

HALF_HOURS = 48
WEEK = timedelta(days=7)

ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""Outcomes of waits without an operator that do not count as abandoned, as in reports."""


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

    def add(self, wait_us: int, outcome: str | None, *, answered: bool) -> None:
        self.calls += 1
        if wait_us == NONE:
            return
        if answered:
            self.tally.add_answered(wait_us / 1e6)
        elif outcome is not None and outcome not in ELSEWHERE:
            self.tally.add_abandoned(wait_us / 1e6)

    def figures(self) -> Figures:
        return self.tally.figures()


async def read_day(engine: AsyncEngine, begins: datetime, ends: datetime, zone: ZoneInfo) -> Day:
    """Return the figures of a period within one day. Raises DatabaseError."""
    return count_day(await waited_calls(engine, begins, ends), await menu_calls(engine, begins, ends), zone)


def count_day(waited: WaitedCalls, menus: MenuCalls, zone: ZoneInfo) -> Day:
    """Return the figures of calls."""
    halves, total = [_Count() for _ in range(HALF_HOURS)], _Count()
    outcomes = waited.outcomes
    calls = (waited.at_us, waited.waited_us, waited.answered, outcomes.codes)
    for at, wait, answered, outcome in zip(*(some.tolist() for some in calls), strict=True):
        for count in (halves[_half_hour(at, zone)], total):
            count.add(wait, outcomes.names[outcome], answered=answered)
    incoming = ~menus.outgoing
    for at, number in zip(menus.at_us[incoming].tolist(), menus.numbers[incoming].tolist(), strict=True):
        halves[_half_hour(at, zone)].calls += number
        total.calls += number
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


def _half_hour(at_us: int, zone: ZoneInfo) -> int:
    at = datetime.fromtimestamp(at_us // 1_000_000, zone)
    return at.hour * 2 + at.minute // 30
