"""The roster: the shifts of its lines in every week of the year, and the messages about invalid lines."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from site_files import refusal

from db.shifts import StoredShift
from ivr.floor.duty import planned_at
from ivr.floor.shifts import compare
from ivr.site import roster
from ivr.site.roster import Roster, Shift

RABAT = ZoneInfo("Africa/Casablanca")
MADRID = ZoneInfo("Europe/Madrid")
MONDAY = date(2026, 11, 30)
OPERATORS = ("1001", "1002", "1901")
HEAD = ",".join(roster.COLUMNS)


def read(folder: Path, *lines: str, zone: ZoneInfo = RABAT) -> Roster:
    (folder / roster.FILE).write_text("\n".join((HEAD, *lines, "")), encoding="utf-8")
    found = roster.load(folder, OPERATORS, zone)
    assert found is not None
    return found


def day(found: Roster, on: date = MONDAY) -> list[str]:
    return local_times(found, on, on)


def local_times(found: Roster, first: date, last: date) -> list[str]:
    """Return each shift in local time, such as `1001 Mon 08:00 Mon 14:00`."""
    wall = [
        (shift, shift.begins.astimezone(found.zone), shift.ends.astimezone(found.zone))
        for shift in found.shifts(first, last)
    ]
    return [f"{item.operator} {begins:%a %H:%M} {ends:%a %H:%M}" for item, begins, ends in wall]


def test_a_site_without_a_roster_has_none(tmp_path: Path) -> None:
    assert roster.load(tmp_path, OPERATORS, RABAT) is None


def test_a_line_applies_to_operators_days_and_a_time(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "# a comment, and an empty line",
        "",
        "1001 1002,mon-wed fri,08:00,14:00,,,",
        "1901,sat-sun,08:00,20:00,,,duty",
        "1901,2026-12-03,09:00,10:00,,,",
    )
    assert local_times(found, MONDAY, MONDAY + timedelta(days=6)) == [
        f"{identity} {on} 08:00 {on} 14:00" for on in ("Mon", "Tue", "Wed") for identity in ("1001", "1002")
    ] + ["1901 Thu 09:00 Thu 10:00", "1001 Fri 08:00 Fri 14:00", "1002 Fri 08:00 Fri 14:00"] + [
        f"1901 {on} 08:00 {on} 20:00" for on in ("Sat", "Sun")
    ]
    assert day(found, MONDAY + timedelta(days=70)) == ["1001 Mon 08:00 Mon 14:00", "1002 Mon 08:00 Mon 14:00"]


def test_days_may_wrap_around_the_week_and_have_their_full_names(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "1001,saturday-mon wednesday,08:00,09:00,,,").rows
    assert row.days == {5, 6, 0, 2}


def test_a_line_applies_from_its_first_to_its_last_day(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,daily,08:00,14:00,2026-12-01,2026-12-02,")
    assert local_times(found, MONDAY, MONDAY + timedelta(days=4)) == [
        "1001 Tue 08:00 Tue 14:00",
        "1001 Wed 08:00 Wed 14:00",
    ]


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_begins(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,mon,22:00,06:00,,,", "1002,mon,16:00,24:00,,,")
    assert day(found) == ["1002 Mon 16:00 Tue 00:00", "1001 Mon 22:00 Tue 06:00"]
    at_three = datetime(2026, 12, 1, 3, tzinfo=RABAT)
    shifts = found.shifts(MONDAY, MONDAY)
    assert planned_at(shifts, at_three) == ("1001",)
    assert planned_at(shifts, at_three + timedelta(hours=3)) == ()


def test_times_that_touch_or_overlap_on_one_day_are_one_shift(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,mon,08:00,12:00,,,", "1001,mon,12:00,14:00,,,", "1001,mon,13:00,15:00,,,")
    assert day(found) == ["1001 Mon 08:00 Mon 15:00"]


def test_an_absence_removes_a_day_or_some_hours(tmp_path: Path) -> None:
    shifts = ("1001 1002,daily,08:00,14:00,,,", "1901,mon,22:00,06:00,,,")
    whole = read(tmp_path, *shifts, "1001,2026-11-30,,,,,absent")
    assert day(whole) == ["1002 Mon 08:00 Mon 14:00", "1901 Mon 22:00 Tue 06:00"]
    hours = read(tmp_path, *shifts, "1001,mon,10:00,11:00,,,absent", "1901,tue,00:00,05:00,,,absent")
    assert day(hours) == [
        "1001 Mon 08:00 Mon 10:00",
        "1002 Mon 08:00 Mon 14:00",
        "1001 Mon 11:00 Mon 14:00",
        "1901 Mon 22:00 Tue 00:00",
        "1901 Tue 05:00 Tue 06:00",
    ]


def test_a_day_of_absence_keeps_the_night_shift_of_the_day_before(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,daily,22:00,06:00,,,", "1001,2026-11-30,,,,,absent")
    assert local_times(found, MONDAY - timedelta(days=1), MONDAY + timedelta(days=1)) == [
        "1001 Sun 22:00 Mon 06:00",
        "1001 Tue 22:00 Wed 06:00",
    ]


def test_a_shift_keeps_local_time_when_the_clocks_change(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,daily,22:00,06:00,,,", "1002,daily,02:30,03:00,,,", zone=MADRID)
    spring, autumn = date(2026, 3, 28), date(2026, 10, 24)
    assert [shift.ends - shift.begins for shift in found.shifts(spring, spring) if shift.operator == "1001"] == [
        timedelta(hours=7)
    ]
    assert [shift.ends - shift.begins for shift in found.shifts(autumn, autumn) if shift.operator == "1001"] == [
        timedelta(hours=9)
    ]
    # 02:30 does not exist in that night.
    assert day(found, spring + timedelta(days=1)) == ["1001 Sun 22:00 Mon 06:00"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1001,mon,08:00,14:00", "has 4 columns; it must have 7"),
        ("1009,mon,08:00,14:00,,,", "the operator '1009' is not in operators.csv; write an existing id"),
        (",mon,08:00,14:00,,,", "has no operators; write their ids"),
        ("1001,mo,08:00,14:00,,,", "the day 'mo' is not valid; write daily, weekdays such as mon or mon-fri"),
        ("1001,mon-,08:00,14:00,,,", "the day 'mon-' is not valid"),
        ("1001,,08:00,14:00,,,", "has no days; write daily"),
        ("1001,2026-13-01,08:00,14:00,,,", "days is '2026-13-01', which is not a date"),
        (
            "1001,2026-12-01,08:00,14:00,2026-12-01,,",
            "is the single day 2026-12-01; leave valid_from and valid_until empty",
        ),
        ("1001,mon,8:00,14:00,,,", "the time '8:00' is not valid; write it as 08:00"),
        ("1001,mon,24:00,06:00,,,", "the time '24:00' is not valid"),
        ("1001,mon,08:00,08:00,,,", "from and to are both 08:00; for a whole day write 00:00 and 24:00"),
        ("1001,mon,08:00,,,,", "has only one time; write both from and to"),
        ("1001,mon,,,,,", "has no times; write from and to"),
        ("1001,mon,08:00,14:00,1-2-2026,,", "valid_from is '1-2-2026', which is not a date"),
        ("1001,mon,08:00,14:00,,2999-01-01,", "valid_until is 2999-01-01, which is too far away"),
        ("1001,mon,08:00,14:00,2026-12-02,2026-12-01,", "is before valid_from 2026-12-02; swap them"),
        ("1001,mon,08:00,14:00,,,sick", "what is 'sick'; write duty (or nothing) or absent"),
    ],
)
def test_an_invalid_line_is_refused_with_place_and_remedy(row: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / roster.FILE
    path.write_text("\n".join((HEAD, "1001,mon,08:00,14:00,,,", row, "")), encoding="utf-8")
    ((line, what),) = refusal(lambda: roster.load(tmp_path, OPERATORS, RABAT), path)
    assert line == 3
    assert message in what


def test_a_file_that_is_not_a_roster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / roster.FILE
    for content in (b"", b"operator;days\n", b"\xff\xfe\x00", b'operators,days\n"'):
        path.write_bytes(content)
        ((line, what),) = refusal(lambda: roster.load(tmp_path, OPERATORS, RABAT), path)
        assert (line, "E_ROSTER_FILE" in what) == (1, True)


# The table `shift`

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # Rabat is on UTC then


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 30, hour, minute, tzinfo=UTC)


def test_each_planned_shift_is_stored_once(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,mon,08:00,20:00,,,", "1002,mon,08:00,10:00,,,")
    first = compare(found, (), NOON, MONDAY)
    assert {(item.operator, item.begins) for item in first.planned} >= {("1001", at(8)), ("1002", at(8))}
    known = [StoredShift(item.operator, item.begins, item.ends, None) for item in first.planned]
    again = compare(found, known, NOON, MONDAY)
    assert (again.planned, again.cancelled) == ((), ())


def test_past_shifts_stay_and_future_ones_are_changed_or_cancelled(tmp_path: Path) -> None:
    known = [
        StoredShift("1001", at(8), at(11), None),
        StoredShift("1002", at(8), at(14), None),
        StoredShift("1901", at(14), at(20), None),
    ]
    found = read(tmp_path, "1001,2026-11-30,07:00,11:00,,,", "1002,2026-11-30,08:00,16:00,,,")
    changes = compare(found, known, NOON, MONDAY)
    assert changes.planned == (Shift(at(8), at(16), "1002"),)
    assert [item.operator for item in changes.cancelled] == ["1901"]


def test_a_cancelled_shift_can_be_planned_again(tmp_path: Path) -> None:
    found = read(tmp_path, "1001,2026-11-30,14:00,20:00,,,")
    known = [StoredShift("1001", at(14), at(20), NOON)]
    assert compare(found, known, NOON, MONDAY).planned == (Shift(at(14), at(20), "1001"),)
    assert compare(None, known, NOON, MONDAY).cancelled == ()
