"""When the line is open.

Weekly plans in the site's time zone, holidays, and an administrator's override. The time zone's rules come from the
caller of these functions (`zoneinfo` with the tzdata package in front of the system's): an old tzdata tells Rabat's
time one hour wrong since 2026-09-20.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HORIZON = timedelta(days=31)
"""No change is looked for beyond it: a line may be closed for weeks, and looking must end."""

Span = tuple[time, time]
"""From its first instant to before its last, in whole minutes. `time.max` as an end is midnight."""

Week = Mapping[int, Sequence[Span]]
"""Spans a weekday (0 Monday)."""


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
    by: str = "administrator"


class Source(StrEnum):
    CALENDAR = "calendar"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday by the calendar or the administrator; `counts` False: he has taken the calendar's back."""

    name: str
    estimated: bool = False  # by the moon
    source: Source = Source.CALENDAR
    counts: bool = True

    def __str__(self) -> str:
        if self.source is Source.ADMINISTRATOR:
            return f"{self.name}, by the administrator"
        return f"{self.name}, estimated" if self.estimated else self.name


@dataclass(frozen=True, slots=True)
class Plan:
    """When one language is answered on one line.

    `week` is the site's plan, or the line's own (then `line` is its number). A language with a plan of its own is
    served only while both are open. `holidays` by their date in `zone`: only `holiday_hours` are left of the day.
    """

    zone: ZoneInfo
    week: Week
    line: str = ""
    language: str = ""
    language_week: Week | None = None
    holidays: Mapping[date, Holiday] = field(default_factory=dict)
    holiday_hours: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`until`: when the plan changes next (for a forced state: when the override ends); None: not within 31 days.
    `holiday`: the name of the one that has the line closed for the rest of the day."""

    open: bool
    until: datetime | None
    why: str
    forced: bool = False
    holiday: str | None = None


def answer(plan: Plan, at: datetime, override: Override | None = None) -> Answer:
    """Whether the line is open at `at` (aware), until when, and why, in one sentence."""
    if override is not None and _holds(override, at):
        return Answer(override.force is Force.OPEN, override.until, _why_forced(plan, at, override), forced=True)
    is_open, until = _planned(plan, at)
    today = at.astimezone(plan.zone).date()
    holiday = plan.holidays.get(today)
    over = until is None or until.astimezone(plan.zone).date() > today
    closed_by = holiday.name if holiday is not None and holiday.counts and not is_open and over else None
    return Answer(is_open, until, _why(plan, at, is_open, until), holiday=closed_by)


def opens_next(plan: Plan, at: datetime, override: Override | None = None) -> datetime | None:
    """The first instant from `at` on at which the line is really open; None: not foreseen."""
    return _first(True, plan, at, override)


def closes_next(plan: Plan, at: datetime, override: Override | None = None) -> datetime | None:
    """The first instant from `at` on at which the line is really closed; None: not foreseen."""
    return _first(False, plan, at, override)


def open_for(plan: Plan, first: datetime, last: datetime, enough: timedelta) -> timedelta:
    """How long the plan has the line open from `first` to before `last` (aware); at `enough` nobody looks further."""
    reached, end = first.astimezone(UTC), last.astimezone(UTC)
    found = timedelta(0)
    while reached < end and found < enough:
        is_open, until = _planned(plan, reached)
        change = min(end, until.astimezone(UTC) if until is not None else reached + HORIZON)
        if is_open:
            found += change - reached
        reached = change
    return min(found, enough)


def _first(wanted: bool, plan: Plan, at: datetime, override: Override | None) -> datetime | None:
    reached: datetime | None = at
    while reached is not None:
        found = answer(plan, reached, override)
        if found.open is wanted:
            return reached
        reached = found.until
    return None


def _holds(override: Override, at: datetime) -> bool:
    return override.force is not Force.AUTO and (override.until is None or at < override.until)


def both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What is in a span of each."""
    shared = (
        (max(first, other_first), min(last, other_last)) for first, last in one for other_first, other_last in other
    )
    return [(first, last) for first, last in shared if first < last]


def spans_of(plan: Plan, day: date) -> list[tuple[datetime, datetime]]:
    """The day's spans as instants; a span that the clock's change cuts short keeps the instants that exist."""
    on_wall = plan.week.get(day.weekday(), ())
    holiday = plan.holidays.get(day)
    if holiday is not None and holiday.counts:
        on_wall = both(on_wall, plan.holiday_hours)
    if plan.language_week is not None:
        on_wall = both(on_wall, plan.language_week.get(day.weekday(), ()))
    spans = []
    for start, end in sorted(on_wall):
        first = at_wall(datetime.combine(day, start, plan.zone))
        midnight = datetime.combine(day + timedelta(days=1), time.min, plan.zone)
        last = at_wall(midnight if end == time.max else datetime.combine(day, end, plan.zone))
        if first.timestamp() < last.timestamp():
            spans.append((first, last))
    return spans


def at_wall(wall: datetime) -> datetime:
    """The first instant at which a clock on the wall shows this; the clock's change where that leaves this out."""
    shown = wall
    while shown.astimezone(UTC).astimezone(wall.tzinfo) != shown:
        shown -= timedelta(minutes=1)
    return wall if shown == wall else (shown.astimezone(UTC) + timedelta(minutes=1)).astimezone(wall.tzinfo)


def _ahead(plan: Plan, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The spans of the day of `at` and of those until the horizon, in the order of their beginnings."""
    today = at.astimezone(plan.zone).date()
    for days in range(HORIZON.days + 2):
        yield from spans_of(plan, today + timedelta(days=days))


def _planned(plan: Plan, at: datetime) -> tuple[bool, datetime | None]:
    """Whether the plan has the line open, and when that changes; spans that touch or overlap are one."""
    now, closing = at.timestamp(), None
    for first, last in _ahead(plan, at):
        if closing is not None and first.timestamp() > closing.timestamp():
            break
        if closing is None and first.timestamp() > now:
            return False, first if first.timestamp() - now <= HORIZON.total_seconds() else None
        if last.timestamp() > (now if closing is None else closing.timestamp()):
            closing = last
    if closing is None:
        return False, None
    return True, closing if closing.timestamp() - now <= HORIZON.total_seconds() else None


def _why_forced(plan: Plan, at: datetime, override: Override) -> str:
    end = f" until {_told(override.until, at, plan.zone)}" if override.until is not None else ""
    because = f": {override.why}" if override.why else ""
    return f"forced {override.force.value} by {override.by}{end}{because}"


def _why(plan: Plan, at: datetime, is_open: bool, until: datetime | None) -> str:
    local = at.astimezone(plan.zone)
    change = f", {'closes' if is_open else 'opens'} {_told(until, at, plan.zone)}" if until else ""
    here = f"({local:%A %H:%M} in {plan.zone.key}{change})"
    what = "open" if is_open else "closed"
    holiday = plan.holidays.get(local.date())
    if holiday is not None and holiday.counts:
        return f"{what} {'in the hours of' if is_open else 'on'} a holiday: {holiday} {here}"
    taken_back = f"; the holiday of this day ({holiday.name}) was taken back by the administrator" if holiday else ""
    return f"{what} by {_whose(plan, at, is_open)} {here}{taken_back}"


def _whose(plan: Plan, at: datetime, is_open: bool) -> str:
    weekly = f"the weekly plan{f' of line {plan.line}' if plan.line else ''}"
    if plan.language_week is None:
        return weekly
    if is_open:
        return f"{weekly} and that of language {plan.language}"
    line_is_open, _ = _planned(replace(plan, language_week=None), at)
    return f"the weekly plan of language {plan.language}" if line_is_open else weekly


def _told(instant: datetime, at: datetime, zone: ZoneInfo) -> str:
    """The weekday and time, with the date where the weekday would mislead."""
    local = instant.astimezone(zone)
    near = abs(local.date() - at.astimezone(zone).date()) <= timedelta(days=7)
    return f"{local:%A %H:%M}" if near else f"{local:%A %Y-%m-%d %H:%M}"
