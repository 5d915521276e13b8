"""Around every clock change the opening hours agree with a simulation that reads the wall clock each minute."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples, patient

from ivr.model import clock
from routing.hours import Holiday, Plan, Span, answer, open_for, opens_next

clock.prepare()

CAPITALS = {
    "AT": "Europe/Vienna",
    "BE": "Europe/Brussels",
    "BG": "Europe/Sofia",
    "CH": "Europe/Zurich",
    "CY": "Asia/Nicosia",
    "CZ": "Europe/Prague",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "ES": "Europe/Madrid",
    "FI": "Europe/Helsinki",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "GR": "Europe/Athens",
    "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IT": "Europe/Rome",
    "LU": "Europe/Luxembourg",
    "MT": "Europe/Malta",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PL": "Europe/Warsaw",
    "PT": "Europe/Lisbon",
    "RO": "Europe/Bucharest",
    "SE": "Europe/Stockholm",
    "SK": "Europe/Bratislava",
}
"""The time zone of the capital of each country of the example site."""

CASABLANCA = "Africa/Casablanca"
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """Return the instants of a year at which the clock is put forward or back."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(367)]
    hours = [
        day + timedelta(hours=hour)
        for day, next_day in pairwise(days)
        if _offset(day, zone) != _offset(next_day, zone)
        for hour in range(25)
    ]
    return tuple(hour for before, hour in pairwise(hours) if _offset(before, zone) != _offset(hour, zone))


def _offset(at: datetime, zone: str) -> timedelta | None:
    return at.astimezone(ZoneInfo(zone)).utcoffset()


def clock_changes() -> list[tuple[str, datetime]]:
    """Return the changes of all zones; of zones whose clocks show the same all year, such as Paris and Rome, one."""
    zones: dict[tuple[timedelta | None, ...], str] = {}
    for zone in CAPITALS.values():
        noons = (datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(365))
        zones.setdefault(
            (*(change - EPOCH for change in changes(zone, 2026)), *(_offset(at, zone) for at in noons)), zone
        )
    found = [(zone, change) for zone in zones.values() for change in changes(zone, 2026)]
    return found + [(CASABLANCA, change) for year in (2025, 2026) for change in changes(CASABLANCA, year)]


MOMENTS = clock_changes()


def read_clock(plan: Plan, first: date, last: date) -> Iterator[tuple[datetime, bool]]:
    """Yield each minute of these days, and whether the line is open by the wall clock: a span begins when the clock
    first shows its start or later, and ends when it first shows its end or later, once a day."""
    at = datetime.combine(first, time.min, plan.zone).astimezone(UTC)
    today, furthest = first - timedelta(days=1), time.min
    while True:
        shown = at.astimezone(plan.zone)
        if shown.date() > last:
            return
        if shown.date() != today:
            today, furthest = shown.date(), time.min
        furthest = max(furthest, shown.time())

        def within(spans: Sequence[Span], now: time = furthest) -> bool:
            return any(start <= now < end for start, end in spans)

        is_open = within(plan.week.get(today.weekday(), ()))
        if today in plan.holidays:
            is_open = is_open and within(plan.holiday_hours)
        if plan.language_week is not None:
            is_open = is_open and within(plan.language_week.get(today.weekday(), ()))
        yield at, is_open
        at += MINUTE


def test_the_clock_changes_of_the_sites_countries_and_of_rabat_are_as_known() -> None:
    for zone in CAPITALS.values():
        lengths = []
        for change in changes(zone, 2026):
            day = change.astimezone(ZoneInfo(zone)).date()
            midnights = [
                datetime.combine(local_day, time.min, ZoneInfo(zone)) for local_day in (day, day + timedelta(days=1))
            ]
            lengths.append((midnights[1].timestamp() - midnights[0].timestamp()) / 3600)
        assert lengths == [23, 25], zone
    assert [f"{change:%m-%d}" for change in changes(CASABLANCA, 2025)] == ["02-23", "04-06"]
    assert [f"{change:%m-%d}" for change in changes(CASABLANCA, 2026)] == ["02-15", "03-22", "09-20"]
    assert changes(CASABLANCA, 2027) == ()
    assert [zone for zone, _ in MOMENTS[:6:2]] == ["Europe/Vienna", "Europe/Sofia", "Europe/London"]


OFFICE = {day: [(time(8), time(20))] for day in range(7)}
NIGHT = {day: [(time(0), time(2, 30)), (time(2, 45), time(3)), (time(22), time.max)] for day in range(7)}


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        pytest.param(zone, change, id=f"{zone}-{change:%Y-%m-%d}", marks=[pytest.mark.long] if at % 3 else [])
        for at, (zone, change) in enumerate(MOMENTS)
    ],
)
def test_each_minute_of_a_day_with_a_clock_change_follows_the_wall_clock(zone: str, change: datetime) -> None:
    day = change.astimezone(ZoneInfo(zone)).date()
    for week in (OFFICE, NIGHT):
        plan = Plan(ZoneInfo(zone), week)
        seen = list(read_clock(plan, day, day))
        assert len(seen) in (23 * 60, 25 * 60)
        assert any(is_open for _, is_open in seen)
        wrong = [at for at, is_open in seen if answer(plan, at).open is not is_open]
        assert wrong == []


minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
spans = st.tuples(minutes, minutes | st.just(time.max)).filter(lambda two: two[0] < two[1])
weeks = st.dictionaries(st.integers(0, 6), st.lists(spans, max_size=3))
near_the_change = st.tuples(
    st.integers(0, 5).map(lambda hour: time(hour)) | minutes, st.sampled_from([30, 60, 90, 600])
).map(lambda two: (two[0], time(min(23, two[0].hour + two[1] // 60), two[0].minute)))


@settings(patient, max_examples=examples(60))
@given(
    st.sampled_from(MOMENTS),
    weeks
    | st.lists(near_the_change.filter(lambda two: two[0] < two[1]), min_size=1).map(
        lambda spans_of_day: dict.fromkeys(range(7), spans_of_day)
    ),
    st.none() | weeks,
    st.sets(st.integers(-1, 2)),
    st.lists(spans, max_size=1),
    st.integers(0, 3 * 24 * 60),
)
def test_state_next_change_and_next_opening_follow_the_wall_clock(
    moment: tuple[str, datetime],
    week: Mapping[int, Sequence[Span]],
    language: Mapping[int, Sequence[Span]] | None,
    holidays: set[int],
    holiday_hours: Sequence[Span],
    minute: int,
) -> None:
    zone, change = moment
    day = change.astimezone(ZoneInfo(zone)).date()
    plan = Plan(
        ZoneInfo(zone),
        week,
        language="nl" if language is not None else "",
        language_week=language,
        holidays={day + timedelta(days=offset): Holiday("a day") for offset in holidays},
        holiday_hours=holiday_hours,
    )
    seen = list(read_clock(plan, day - timedelta(days=1), day + timedelta(days=3)))
    at, is_open = seen[minute]
    found = answer(plan, at)
    assert found.open is is_open
    flips = (other for other, then in seen[minute:] if then is not is_open)
    if (until := next(flips, None)) is not None:
        # Compared as timestamps: to Python a time in a repeated hour never equals a time of another zone (PEP 495).
        assert found.until is not None and found.until.timestamp() == until.timestamp()
    else:
        assert found.until is None or found.until > seen[-1][0]
    opening = opens_next(plan, at)
    opened = next((other for other, then in seen[minute:] if then), None)
    if opened is not None:
        assert opening is not None and opening.timestamp() == opened.timestamp()
    if opening is not None:
        assert answer(plan, opening).open
        assert opening.timestamp() == at.timestamp() or not answer(plan, opening.astimezone(UTC) - MINUTE).open
    passed = sum((MINUTE for _, then in seen[minute:-1] if then), timedelta(0))
    assert open_for(plan, at, seen[-1][0], timedelta(days=9)) == passed
    assert open_for(plan, at, seen[-1][0], timedelta(hours=7)) == min(passed, timedelta(hours=7))


def test_callers_in_other_time_zones_are_answered_by_the_sites_clock() -> None:
    plan = Plan(ZoneInfo(CASABLANCA), OFFICE)
    for country, zone in CAPITALS.items():
        for day in (date(2027, 1, 15), date(2027, 3, 28), date(2027, 7, 1), date(2027, 10, 31)):
            for hour, is_open in ((7, False), (8, True), (19, True), (20, False)):
                there = datetime.combine(day, time(hour), UTC).astimezone(ZoneInfo(zone))
                assert answer(plan, there).open is is_open, (country, there)
