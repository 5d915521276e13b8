"""Opening hours: weekly plans in the site's time zone, holidays, and an administrator's override.

The `ZoneInfo` is passed in; use the tzdata package rather than the system's data: with an old tzdata, Rabat's time is
one hour wrong since 2026-09-20.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HORIZON = timedelta(days=31)
"""How far ahead a change is searched for: a line may be closed for weeks, and the search must end."""

Span = tuple[time, time]
"""From the first time up to, not including, the second, in whole minutes. `time.max` as an end is midnight."""

Week = Mapping[int, Sequence[Span]]
"""The spans of each weekday (0 is Monday)."""


def parse_spans(texts: Iterable[str]) -> tuple[Span, ...]:
    """Return spans from their texts in `site.toml`, such as 08:00-20:00. Raises ValueError."""
    return tuple(_span(text) for text in texts)


def parse_week(texts: Mapping[str, Iterable[str]]) -> Week:
    """Return a week from the texts of its spans by weekday. Raises ValueError."""
    return {WEEKDAYS.index(day): parse_spans(spans) for day, spans in texts.items()}


def _span(text: str) -> Span:
    first, _, last = text.partition("-")
    return time.fromisoformat(first), time.max if last == "24:00" else time.fromisoformat(last)


def format_end(ends: time | datetime) -> str:
    """Return the end of a span by the clock, as site.toml and the roster have it: 24:00 is midnight."""
    text = f"{ends:%H:%M}"
    return "24:00" if text == "00:00" else text


class Force(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Override:
    """A manual override of the plan; `until` None: until it is changed."""

    force: Force
    why: str = ""
    until: datetime | None = None
    by: str = "administrator"


class Source(StrEnum):
    CALENDAR = "calendar"
    SITE = "site"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday of the calendar, of the site's files, or set at once by the administrator. `counts` False: an ordinary
    day, despite the calendar."""

    name: str
    estimated: bool = False  # its date depends on the sighting of the moon
    source: Source = Source.CALENDAR
    counts: bool = True

    def __str__(self) -> str:
        if self.source is Source.ADMINISTRATOR:
            return f"{self.name}, by the administrator"
        return f"{self.name}, estimated" if self.estimated else self.name


@dataclass(frozen=True, slots=True)
class Plan:
    """The opening hours of one language on one line.

    `week` is the site's plan, or the line's own (then `line` is its number). A language with its own plan is served
    only while both are open. `holidays`: by date in `zone`; on these days the plan applies within `holiday_hours` only.
    `days`: the hours of single days, instead of those of the week and of a holiday.
    """

    zone: ZoneInfo
    week: Week
    line: str = ""
    language: str = ""
    language_week: Week | None = None
    holidays: Mapping[date, Holiday] = field(default_factory=dict)
    holiday_hours: Sequence[Span] = ()
    days: Mapping[date, Sequence[Span]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the line is open, until when, and why.

    `until`: the next change by the plan, or the end of an override; None: none within 31 days. `holiday`: the name of
    the holiday that keeps the line closed for the rest of the day.
    """

    open: bool
    until: datetime | None
    why: str
    forced: bool = False
    holiday: str | None = None


def answer(plan: Plan, at: datetime, override: Override | None = None) -> Answer:
    """Return whether the line is open at `at` (timezone-aware), until when, and why."""
    if override is not None and _applies(override, at):
        return Answer(override.force is Force.OPEN, override.until, _explain_override(plan, at, override), forced=True)
    is_open, until = _planned(plan, at)
    today = at.astimezone(plan.zone).date()
    holiday = plan.holidays.get(today) if today not in plan.days else None
    over = until is None or until.astimezone(plan.zone).date() > today
    closed_by = holiday.name if holiday is not None and holiday.counts and not is_open and over else None
    return Answer(is_open, until, _explain(plan, at, is_open, until), holiday=closed_by)


def opens_next(plan: Plan, at: datetime, override: Override | None = None) -> datetime | None:
    """Return the first instant from `at` on at which the line is open, override included; None if unknown."""
    return _first(True, plan, at, override)


def closes_next(plan: Plan, at: datetime, override: Override | None = None) -> datetime | None:
    """Return the first instant from `at` on at which the line is closed, override included; None if unknown."""
    return _first(False, plan, at, override)


def open_for(plan: Plan, first: datetime, last: datetime, enough: timedelta) -> timedelta:
    """Return how long the plan keeps the line open between `first` and `last` (timezone-aware). Stops at `enough`."""
    reached, end = first.astimezone(UTC), last.astimezone(UTC)
    total = timedelta(0)
    while reached < end and total < enough:
        is_open, until = _planned(plan, reached)
        change = min(end, until.astimezone(UTC) if until is not None else reached + HORIZON)
        if is_open:
            total += change - reached
        reached = change
    return min(total, enough)


def _first(wanted: bool, plan: Plan, at: datetime, override: Override | None) -> datetime | None:
    reached: datetime | None = at
    while reached is not None:
        state = answer(plan, reached, override)
        if state.open is wanted:
            return reached
        reached = state.until
    return None


def _applies(override: Override, at: datetime) -> bool:
    return override.force is not Force.AUTO and (override.until is None or at < override.until)


def both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the intersection of two lists of spans."""
    shared = (
        (max(first, other_first), min(last, other_last)) for first, last in one for other_first, other_last in other
    )
    return [(first, last) for first, last in shared if first < last]


def spans_of(plan: Plan, day: date) -> list[tuple[datetime, datetime]]:
    """Return the day's spans as instants. A span cut short by a clock change keeps the instants that exist."""
    on_wall = plan.days.get(day, plan.week.get(day.weekday(), ()))
    holiday = plan.holidays.get(day)
    if holiday is not None and holiday.counts and day not in plan.days:
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
    """Return the first instant at which wall clocks show this time; for a time that a clock change skips, the instant
    of the change."""
    existing = wall
    while existing.astimezone(UTC).astimezone(wall.tzinfo) != existing:
        existing -= timedelta(minutes=1)
    return wall if existing == wall else (existing.astimezone(UTC) + timedelta(minutes=1)).astimezone(wall.tzinfo)


def _ahead(plan: Plan, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the spans of the day of `at` and of the days up to the horizon, by their start."""
    today = at.astimezone(plan.zone).date()
    for days in range(HORIZON.days + 2):
        yield from spans_of(plan, today + timedelta(days=days))


def _planned(plan: Plan, at: datetime) -> tuple[bool, datetime | None]:
    """Return whether the plan has the line open, and when that changes. Spans that touch or overlap count as one."""
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


def _explain_override(plan: Plan, at: datetime, override: Override) -> str:
    end = f" until {_format(override.until, at, plan.zone)}" if override.until is not None else ""
    because = f": {override.why}" if override.why else ""
    return f"forced {override.force.value} by {override.by}{end}{because}"


def _explain(plan: Plan, at: datetime, is_open: bool, until: datetime | None) -> str:
    local = at.astimezone(plan.zone)
    change = f", {'closes' if is_open else 'opens'} {_format(until, at, plan.zone)}" if until else ""
    local_time = f"({local:%A %H:%M} in {plan.zone.key}{change})"
    state = "open" if is_open else "closed"
    if local.date() in plan.days:
        return f"{state} by the hours of this day alone {local_time}"
    holiday = plan.holidays.get(local.date())
    if holiday is not None and holiday.counts:
        return f"{state} {'in the hours of' if is_open else 'on'} a holiday: {holiday} {local_time}"
    lifted = ""
    if holiday is not None:
        by = "site.toml cancels" if holiday.source is Source.SITE else "the administrator cancelled"
        lifted = f"; {by} this day's holiday ({holiday.name})"
    return f"{state} by {_name_plan(plan, at, is_open)} {local_time}{lifted}"


def _name_plan(plan: Plan, at: datetime, is_open: bool) -> str:
    weekly = f"the weekly plan{f' of line {plan.line}' if plan.line else ''}"
    if plan.language_week is None:
        return weekly
    if is_open:
        return f"{weekly} and the plan of language {plan.language}"
    line_is_open, _ = _planned(replace(plan, language_week=None), at)
    return f"the weekly plan of language {plan.language}" if line_is_open else weekly


def _format(instant: datetime, at: datetime, zone: ZoneInfo) -> str:
    """Return the weekday and time, with the date if the weekday alone would be ambiguous."""
    local = instant.astimezone(zone)
    near = abs(local.date() - at.astimezone(zone).date()) <= timedelta(days=7)
    return f"{local:%A %H:%M}" if near else f"{local:%A %Y-%m-%d %H:%M}"
