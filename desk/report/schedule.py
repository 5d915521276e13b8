"""When reports are due by e-mail: pure, with the time as an argument."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from desk.page.texts import N_


class Every(StrEnum):
    """How often a report is sent."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


EVERY_WORDS = {Every.DAY: N_("Day"), Every.WEEK: N_("Week"), Every.MONTH: N_("Month")}


@dataclass(frozen=True, slots=True)
class Due:
    """A report that is due. `first` and `last`: its days, both included."""

    every: Every
    first: date
    last: date


MISSED = timedelta(days=7)
"""How long after an outage a report is still sent; the last one of each kind is sent however late."""


def due(every: Every, at: time, zone: ZoneInfo, now: datetime) -> Iterator[Due]:
    """Yield the reports of a kind that were due until now, the newest first: the last one, and those of `MISSED`."""
    local = now.astimezone(zone)
    # The report of a period is due on the day after it, `at`.
    until = local.date() - timedelta(days=1 if local.time().replace(tzinfo=None) >= at else 2)
    is_first = True
    while True:
        found = _ended_by(every, until)
        if not is_first and local.date() - found.last > MISSED:
            return
        yield found
        is_first, until = False, found.first - timedelta(days=1)


def _ended_by(every: Every, day: date) -> Due:
    """Return the last period that ended on this day or before."""
    match every:
        case Every.DAY:
            return Due(every, day, day)
        case Every.WEEK:
            sunday = day - timedelta(days=(day.weekday() + 1) % 7)
            return Due(every, sunday - timedelta(days=6), sunday)
        case Every.MONTH:
            following = day + timedelta(days=1)
            last = day if following.day == 1 else day.replace(day=1) - timedelta(days=1)
            return Due(every, last.replace(day=1), last)
