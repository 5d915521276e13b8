"""The line is open by the wall clock of the site's town, whatever that clock does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from ivr.model import clock
from routing.hours import Force, Holiday, Override, Plan, Source, answer, closes_next, opens_next

clock.prepare()  # the tzdata package's rules, as the controller has them

RABAT, PARIS, UTC_ZONE = ZoneInfo("Africa/Casablanca"), ZoneInfo("Europe/Paris"), ZoneInfo("Etc/UTC")
DAY_OF_23_HOURS, DAY_OF_25_HOURS = date(2027, 3, 28), date(2026, 10, 25)  # in Paris
MIDNIGHT = time.max


def plan(zone: ZoneInfo, *spans: tuple[time, time], days: range = range(7)) -> Plan:
    return Plan(zone, dict.fromkeys(days, spans))


def span(text: str) -> tuple[time, time]:
    first, last = text.split("-")
    return time.fromisoformat(first), MIDNIGHT if last == "24:00" else time.fromisoformat(last)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_minutes(plan: Plan, day: date) -> list[datetime]:
    """Return the minutes of the day, as elapsed time, at which the line is open."""
    start = datetime.combine(day, time.min, plan.zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, plan.zone).astimezone(UTC)
    minutes = (start + timedelta(minutes=n) for n in range(int((end - start).total_seconds()) // 60))
    return [minute for minute in minutes if answer(plan, minute).open]


# The weekly plan


def test_a_span_includes_its_start_and_excludes_its_end() -> None:
    week = plan(UTC_ZONE, span("08:00-20:00"))
    for at, is_open, until in (
        ("2026-11-25T07:59:59.999999", False, "2026-11-25T08:00"),
        ("2026-11-25T08:00", True, "2026-11-25T20:00"),
        ("2026-11-25T19:59:59.999999", True, "2026-11-25T20:00"),
        ("2026-11-25T20:00", False, "2026-11-26T08:00"),
    ):
        found = answer(week, utc(at))
        assert (found.open, found.until) == (is_open, utc(until)), at


def test_each_weekday_has_its_own_spans_and_may_have_none() -> None:
    week = Plan(UTC_ZONE, {2: [span("13:00-17:00"), span("08:00-12:00")], 4: [span("09:00-10:00")]})
    assert answer(week, utc("2026-11-25T09:00")).until == utc("2026-11-25T12:00")
    assert answer(week, utc("2026-11-25T12:30")).until == utc("2026-11-25T13:00")
    assert answer(week, utc("2026-11-25T17:00")).until == utc("2026-11-27T09:00")  # Wednesday to Friday
    assert answer(week, utc("2026-11-27T10:00")).until == utc("2026-12-02T08:00")  # Friday to Wednesday


def test_spans_that_meet_at_midnight_are_one() -> None:
    week = Plan(UTC_ZONE, {1: [span("20:00-24:00")], 2: [span("00:00-06:00")]})
    for at in ("2026-11-24T20:00", "2026-11-24T23:59:59.999999", "2026-11-25T00:00", "2026-11-25T05:59"):
        found = answer(week, utc(at))
        assert (found.open, found.until) == (True, utc("2026-11-25T06:00")), at
    assert not answer(week, utc("2026-11-25T06:00")).open
    assert not answer(week, utc("2026-11-25T20:00")).open


@pytest.mark.parametrize(
    "spans",
    ["08:00-20:00 09:00-10:00", "09:00-10:00 08:00-20:00", "08:00-12:00 10:00-20:00", "08:00-12:00 12:00-20:00"],
)
def test_spans_that_overlap_or_touch_are_one(spans: str) -> None:
    week = plan(UTC_ZONE, *(span(text) for text in spans.split()))
    for hour in range(8, 20):
        found = answer(week, datetime(2026, 11, 25, hour, 30, tzinfo=UTC))
        assert (found.open, found.until) == (True, utc("2026-11-25T20:00")), hour


def test_a_line_that_is_always_open_has_no_closing_time() -> None:
    found = answer(plan(RABAT, span("00:00-24:00")), utc("2026-11-25T12:00"))
    assert (found.open, found.until) == (True, None)
    assert "closes" not in found.why


def test_a_line_without_hours_never_opens() -> None:
    found = answer(Plan(RABAT, {}), utc("2026-11-25T12:00"))
    assert (found.open, found.until) == (False, None)
    assert "opens" not in found.why


def test_a_line_open_one_day_a_week_gives_its_next_opening_a_week_ahead() -> None:
    week = plan(UTC_ZONE, span("08:00-09:00"), days=range(2, 3))
    assert answer(week, utc("2026-11-25T09:00")).until == utc("2026-12-02T08:00")


def test_the_sentence_gives_the_reason() -> None:
    found = answer(plan(RABAT, span("08:00-20:00")), utc("2026-11-25T12:05"))
    assert found.why == "open by the weekly plan (Wednesday 12:05 in Africa/Casablanca, closes Wednesday 20:00)"
    found = answer(plan(RABAT, span("08:00-20:00")), utc("2026-11-25T22:00"))
    assert found.why == "closed by the weekly plan (Wednesday 22:00 in Africa/Casablanca, opens Thursday 08:00)"


def test_the_time_zone_in_which_an_instant_is_given_does_not_matter() -> None:
    week = plan(RABAT, span("08:00-20:00"))
    at = utc("2026-11-25T19:30")
    assert answer(week, at) == answer(week, at.astimezone(PARIS)) == answer(week, at.astimezone(ZoneInfo("Asia/Tokyo")))


# An administrator's override


def test_an_override_takes_precedence_over_the_plan_until_its_end() -> None:
    week, until = plan(UTC_ZONE, span("08:00-20:00")), utc("2026-11-25T14:00")
    closed = Override(Force.CLOSED, "fire drill", until)
    found = answer(week, utc("2026-11-25T13:59:59"), closed)
    expected = "forced closed by administrator until Wednesday 14:00: fire drill"
    assert (found.open, found.until, found.why, found.forced) == (False, until, expected, True)
    assert answer(week, until, closed) == answer(week, until)
    opened = Override(Force.OPEN, until=utc("2026-12-26T02:00"), by="ghali")
    found = answer(week, utc("2026-11-25T23:00"), opened)
    expected = "forced open by ghali until Saturday 2026-12-26 02:00"
    assert (found.open, found.until, found.why) == (True, utc("2026-12-26T02:00"), expected)


def test_an_override_without_an_end_applies_until_it_is_cancelled() -> None:
    week, at = plan(UTC_ZONE, span("08:00-20:00")), utc("2036-01-01T12:00")
    assert (answer(week, at, Override(Force.CLOSED)).open, answer(week, at, Override(Force.CLOSED)).until) == (
        False,
        None,
    )
    assert answer(week, at, Override(Force.AUTO, "as usual")) == answer(week, at)


def test_after_a_forced_closing_the_next_opening_is_the_first_of_the_plan_from_its_end_on() -> None:
    week, at = plan(UTC_ZONE, span("08:00-20:00")), utc("2026-11-25T12:00")
    for until, opens in (
        ("2026-11-25T14:00", "2026-11-25T14:00"),  # into the hours: at its end
        ("2026-11-25T20:00", "2026-11-26T08:00"),
        ("2026-11-26T03:00", "2026-11-26T08:00"),
        ("2027-03-01T09:30", "2027-03-01T09:30"),
    ):
        assert opens_next(week, at, Override(Force.CLOSED, until=utc(until))) == utc(opens), until
    assert opens_next(week, at, Override(Force.CLOSED)) is None
    assert opens_next(week, at) == at


def test_after_a_forced_opening_the_next_closing_is_the_first_of_the_plan_from_its_end_on() -> None:
    week, at = plan(UTC_ZONE, span("08:00-20:00")), utc("2026-11-25T19:00")
    for until, closes in (
        ("2026-11-25T19:30", "2026-11-25T20:00"),
        ("2026-11-25T23:00", "2026-11-25T23:00"),
        ("2026-11-26T09:00", "2026-11-26T20:00"),
    ):
        assert closes_next(week, at, Override(Force.OPEN, until=utc(until))) == utc(closes), until
    assert closes_next(week, at, Override(Force.OPEN)) is None
    assert closes_next(week, utc("2026-11-25T21:00")) == utc("2026-11-25T21:00")


# Plans of lines and languages


def test_a_language_with_its_own_plan_is_served_only_while_the_line_is_open_too() -> None:
    line = {day: [span("08:00-12:00"), span("14:00-18:00")] for day in range(5)}
    both = Plan(UTC_ZONE, line, language="nl", language_week={day: [span("10:00-15:00")] for day in range(7)})
    for at, is_open, until in (
        ("2026-11-25T09:00", False, "2026-11-25T10:00"),
        ("2026-11-25T10:00", True, "2026-11-25T12:00"),
        ("2026-11-25T13:00", False, "2026-11-25T14:00"),
        ("2026-11-25T14:30", True, "2026-11-25T15:00"),
        ("2026-11-27T16:00", False, "2026-11-30T10:00"),  # the line is closed at the weekend
    ):
        found = answer(both, utc(at))
        assert (found.open, found.until) == (is_open, utc(until)), at


def test_the_sentence_names_the_plan_that_decides() -> None:
    week = {day: [span("08:00-20:00")] for day in range(7)}
    nine = {day: [span("09:00-10:00")] for day in range(7)}
    line = Plan(UTC_ZONE, week, line="+33800212000")
    assert answer(line, utc("2026-11-25T12:00")).why.startswith("open by the weekly plan of line +33800212000 (")
    nl = Plan(UTC_ZONE, week, language="nl", language_week=nine)
    for at, expected in (
        ("2026-11-25T09:30", "open by the weekly plan and the plan of language nl (Wednesday 09:30"),
        ("2026-11-25T12:00", "closed by the weekly plan of language nl (Wednesday 12:00"),
        ("2026-11-25T21:00", "closed by the weekly plan (Wednesday 21:00"),
    ):
        assert answer(nl, utc(at)).why.startswith(expected), at


# Holidays

EID = {date(2027, 3, 10): Holiday("Eid al-Fitr", estimated=True), date(2027, 3, 11): Holiday("Eid al-Fitr")}


def test_a_line_is_closed_all_day_on_a_holiday_and_names_it() -> None:
    week = Plan(RABAT, {day: [span("08:00-20:00")] for day in range(7)}, holidays=EID)
    eve = answer(week, utc("2027-03-09T19:59"))
    assert (eve.open, eve.until, eve.holiday) == (True, utc("2027-03-09T20:00"), None)
    night = answer(week, utc("2027-03-09T20:00"))
    assert (night.until, night.holiday) == (utc("2027-03-12T08:00"), None), "the day before is not a holiday"
    for at in ("2027-03-10T00:00", "2027-03-10T12:00", "2027-03-11T23:59:59"):
        found = answer(week, utc(at))
        assert (found.open, found.until, found.holiday) == (False, utc("2027-03-12T08:00"), "Eid al-Fitr"), at
    assert answer(week, utc("2027-03-12T00:00")).holiday is None


def test_the_sentence_says_whether_a_holiday_is_estimated_or_the_administrators() -> None:
    days = {
        date(2027, 3, 10): Holiday("Eid al-Fitr", estimated=True),
        date(2027, 3, 11): Holiday("moved", source=Source.ADMINISTRATOR),
        date(2027, 3, 12): Holiday("taken", source=Source.ADMINISTRATOR, counts=False),
        date(2027, 3, 13): Holiday("Youth Day"),
    }
    week = Plan(UTC_ZONE, {day: [span("08:00-20:00")] for day in range(7)}, holidays=days)
    here = "{} 12:00 in Etc/UTC"
    for day, expected in (
        (10, f"closed on a holiday: Eid al-Fitr, estimated ({here.format('Wednesday')}, opens Friday 08:00)"),
        (11, f"closed on a holiday: moved, by the administrator ({here.format('Thursday')}, opens Friday 08:00)"),
        (
            12,
            f"open by the weekly plan ({here.format('Friday')}, closes Friday 20:00); "
            "the administrator cancelled this day's holiday (taken)",
        ),
        (13, f"closed on a holiday: Youth Day ({here.format('Saturday')}, opens Sunday 08:00)"),
    ):
        assert answer(week, datetime(2027, 3, day, 12, tzinfo=UTC)).why == expected
    assert answer(week, utc("2027-03-12T12:00")).holiday is None


def test_on_a_holiday_the_plan_applies_within_the_holiday_hours_only() -> None:
    week = Plan(
        UTC_ZONE,
        {2: [span("08:00-20:00")], 3: [span("12:00-20:00")]},
        holidays={**EID, date(2027, 3, 14): Holiday("on a Sunday")},
        holiday_hours=[span("10:00-14:00")],
    )
    for at, is_open, until, holiday in (
        ("2027-03-10T09:00", False, "2027-03-10T10:00", None),  # it opens today, so the day is not closed
        ("2027-03-10T10:00", True, "2027-03-10T14:00", None),
        ("2027-03-10T14:00", False, "2027-03-11T12:00", "Eid al-Fitr"),
        ("2027-03-11T12:30", True, "2027-03-11T14:00", None),
        ("2027-03-14T11:00", False, "2027-03-17T08:00", "on a Sunday"),  # a day without hours
    ):
        found = answer(week, utc(at))
        assert (found.open, found.until, found.holiday) == (is_open, utc(until), holiday), at
    assert "in the hours of a holiday: Eid al-Fitr" in answer(week, utc("2027-03-10T11:00")).why


def test_a_holiday_is_a_day_in_the_sites_time_zone() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    week = Plan(tokyo, {day: [span("00:00-24:00")] for day in range(7)}, holidays={date(2027, 3, 10): Holiday("one")})
    assert answer(week, utc("2027-03-09T14:59")).open
    assert not answer(week, utc("2027-03-09T15:00")).open
    assert not answer(week, utc("2027-03-10T14:59")).open
    assert answer(week, utc("2027-03-10T15:00")).open


def test_a_line_closed_by_holidays_gives_a_next_opening_within_31_days_only() -> None:
    first = date(2027, 3, 1)
    for days, opens in ((7, utc("2027-03-08T08:00")), (30, utc("2027-03-31T08:00")), (31, None)):
        closed = {first + timedelta(days=day): Holiday("long") for day in range(days)}
        week = Plan(UTC_ZONE, {day: [span("08:00-20:00")] for day in range(7)}, holidays=closed)
        found = answer(week, utc("2027-03-01T07:00"))
        assert (found.open, found.until) == (False, opens), days
    week = Plan(UTC_ZONE, week.week, holidays={first + timedelta(days=day): Holiday("long") for day in range(30)})
    assert answer(week, utc("2027-03-01T12:00")).why.endswith("opens Wednesday 2027-03-31 08:00)")


# Clocks that change


def test_rabat_follows_utc_since_it_gave_up_summer_time() -> None:
    week = plan(RABAT, span("08:00-20:00"))
    assert answer(week, utc("2026-09-18T07:00")).open, "one hour ahead of UTC until 2026-09-20"
    for at, is_open in (
        ("2026-09-21T07:59", False),
        ("2026-09-21T08:00", True),
        ("2026-11-25T19:59", True),
        ("2026-11-25T20:00", False),
        ("2027-02-10T07:59", False),  # formerly a different time in Ramadan, and another in summer
        ("2027-02-10T08:00", True),
        ("2027-07-01T07:59", False),
        ("2027-07-01T08:00", True),
    ):
        assert answer(week, utc(at)).open == is_open, at


@pytest.mark.parametrize(("day", "hours"), [(DAY_OF_23_HOURS, 23), (DAY_OF_25_HOURS, 25), (date(2026, 11, 25), 24)])
def test_a_whole_day_has_as_many_hours_as_pass_on_it(day: date, hours: int) -> None:
    week = Plan(PARIS, {day.weekday(): [span("00:00-24:00")]})
    assert len(open_minutes(week, day)) == 60 * hours
    noon = datetime.combine(day, time(12), PARIS)
    closing = datetime.combine(day + timedelta(days=1), time.min, PARIS)
    assert answer(week, noon).until == closing
    assert not answer(week, closing).open
    assert not answer(week, datetime.combine(day, time.min, PARIS) - timedelta(microseconds=1)).open


@pytest.mark.parametrize("day", [DAY_OF_23_HOURS, DAY_OF_25_HOURS])
def test_office_hours_follow_the_wall_clock_on_the_day_of_a_clock_change(day: date) -> None:
    minutes = open_minutes(plan(PARIS, span("08:00-20:00")), day)
    assert len(minutes) == 12 * 60
    assert minutes[0].astimezone(PARIS).time() == time(8)
    before = answer(plan(PARIS, span("08:00-20:00")), datetime.combine(day, time(1), PARIS))
    assert before.until == datetime.combine(day, time(8), PARIS)


@pytest.mark.parametrize(
    ("text", "first", "count"),
    [
        ("02:30-04:00", "03:00", 60),  # opens at the change, the first instant that exists
        ("01:00-02:30", "01:00", 60),  # closes at the change
        ("01:30-03:30", "01:30", 60),  # an hour shorter
        ("02:00-03:00", "", 0),
        ("02:15-02:45", "", 0),
    ],
)
def test_a_span_keeps_the_instants_that_exist_when_an_hour_is_left_out(text: str, first: str, count: int) -> None:
    week = Plan(PARIS, {6: [span(text)]})
    minutes = open_minutes(week, DAY_OF_23_HOURS)
    assert len(minutes) == count
    if count:
        assert f"{minutes[0].astimezone(PARIS):%H:%M}" == first
        closing = answer(week, minutes[0]).until
        assert closing is not None and closing.timestamp() == minutes[0].timestamp() + 60 * count
    else:
        evening = datetime(2027, 3, 27, 20, tzinfo=PARIS)
        assert answer(week, evening).until == datetime.combine(date(2027, 4, 4), span(text)[0], PARIS)


def test_an_hour_that_occurs_twice_counts_twice_within_a_span() -> None:
    week = Plan(PARIS, {6: [span("01:00-04:00")]})
    assert len(open_minutes(week, DAY_OF_25_HOURS)) == 4 * 60


def test_a_day_without_midnight_begins_at_its_first_instant() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24: from 24:00 to 01:00
    week = Plan(cairo, {4: [span("00:00-24:00")]})
    first = datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert answer(week, first).open and not answer(week, first - timedelta(seconds=1)).open
    assert f"{first.astimezone(cairo):%a %H:%M}" == "Fri 01:00"


weeks = st.dictionaries(
    st.integers(0, 6),
    st.lists(
        st.tuples(st.times(), st.times()).map(
            lambda two: tuple(sorted(at.replace(second=0, microsecond=0) for at in two))
        ),
        max_size=4,
    ),
)
zones = st.sampled_from(
    ["Europe/Paris", "Africa/Casablanca", "Europe/Dublin", "Atlantic/Azores", "Australia/Lord_Howe"]
)
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: utc("2026-01-01") + timedelta(minutes=minutes))


@patient
@given(weeks, zones, moments | st.just(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)))
def test_the_state_changes_at_the_given_instant_and_not_before(
    week: dict[int, list[tuple[time, time]]], zone: str, at: datetime
) -> None:
    hours = Plan(ZoneInfo(zone), week)
    now = answer(hours, at)
    if now.until is None:
        return
    assert now.until.timestamp() > at.timestamp()
    until = now.until.astimezone(UTC)
    assert answer(hours, until).open is not now.open
    for share in (0.25, 0.5, 0.75, 1):
        between = max(at, at + (until - at) * share - timedelta(microseconds=1))
        assert answer(hours, between).open is now.open
