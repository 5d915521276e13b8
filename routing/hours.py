"""When the line is open.

A weekly plan in the site's time zone, and an administrator's override. The time zone's rules come from the caller of
these functions (`zoneinfo` with the tzdata package in front of the system's): an old tzdata tells Rabat's time one
hour wrong since 2026-09-20.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


_HORIZON_S = 8 * 24 * 3600


class Force(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Override:
    """An administrator's word against the plan; `until` None: until he says otherwise."""

    force: Force
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Spans a weekday (0 Monday), each from its first instant to before its last, in whole minutes. `time.max` as an
    end is midnight."""

    zone: ZoneInfo
    week: Mapping[int, Sequence[tuple[time, time]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """`until`: when the plan changes next (for a forced state: when the override ends); None: not within 8 days."""

    open: bool
    until: datetime | None
    why: str
    forced: bool = False


def _spans(plan: Plan, day: datetime) -> list[tuple[datetime, datetime]]:
    """The day's spans as instants; a span that the clock's change cuts short keeps the instants that exist."""
    spans = []
    for start, end in plan.week.get(day.weekday(), ()):
        first = _instant(datetime.combine(day.date(), start, plan.zone))
        last = datetime.combine(day.date(), end, plan.zone)
        if end == time.max:
            last = datetime.combine(day.date() + timedelta(days=1), time.min, plan.zone)
        last = _instant(last)
        if first.timestamp() < last.timestamp():
            spans.append((first, last))
    return sorted(spans)


def _instant(wall: datetime) -> datetime:
    """The first instant at which a clock on the wall shows this; the clock's change where that leaves this out."""
    shown = wall
    while shown.astimezone(UTC).astimezone(wall.tzinfo) != shown:
        shown -= timedelta(minutes=1)
    return wall if shown == wall else (shown.astimezone(UTC) + timedelta(minutes=1)).astimezone(wall.tzinfo)


def _planned(plan: Plan, at: datetime) -> tuple[bool, datetime | None]:
    """Whether the plan has the line open, and when that changes; spans that touch or overlap are one."""
    here = at.astimezone(plan.zone)
    spans = [span for days in range(-1, 9) for span in _spans(plan, here + timedelta(days=days))]
    closing: datetime | None = None
    for first, last in spans:
        reached = at if closing is None else closing
        if first.timestamp() <= reached.timestamp() < last.timestamp():
            closing = last
    if closing is not None:
        return True, closing if closing.timestamp() - at.timestamp() < _HORIZON_S else None
    return False, next((first for first, _ in spans if first.timestamp() > at.timestamp()), None)


def answer(plan: Plan, at: datetime, override: Override | None = None) -> Answer:
    """Whether the line is open at `at` (aware), until when, and why, in one sentence."""
    forced = override is not None and override.force is not Force.AUTO
    if override is not None and forced and (override.until is None or at < override.until):
        because = f": {override.why}" if override.why else ""
        return Answer(
            override.force is Force.OPEN, override.until, f"forced {override.force.value}{because}", forced=True
        )
    is_open, until = _planned(plan, at)
    local = at.astimezone(plan.zone)
    what = "open" if is_open else "closed"
    change = f", {'closes' if is_open else 'opens'} {until:%A %H:%M}" if until else ""
    return Answer(is_open, until, f"{what} by the weekly plan ({local:%A %H:%M} in {plan.zone.key}{change})")
