"""`hatif roster`, the roster in `hatif check` and `hatif report`, and how a running controller loads it."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import small_site
from line import Line
from shell import Shell
from small_site import SmallSite
from test_check import check, codes

from db import shifts
from db.engine import async_engine
from ivr.model import clock
from ivr.site import roster
from ivr.softphone.telephone import Telephones

HEAD = ",".join(roster.COLUMNS)
Write = Callable[..., None]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallSite:
    site = small_site.make(tmp_path / "home")
    monkeypatch.setenv("HATIF_SITE", str(site.folder))
    return site


@pytest.fixture
def write(small: SmallSite) -> Write:
    """Write the roster of the small site, which is open on Mondays from 08:00 to 20:00, in Arabic and English."""

    def written(*lines: str) -> None:
        (small.folder / roster.FILE).write_text("\n".join((HEAD, *lines, "")), encoding="utf-8")

    return written


# hatif check


def test_a_site_without_a_roster_gets_no_warning_about_it(small: SmallSite) -> None:
    (small.folder / roster.FILE).unlink()
    assert [str(finding) for finding in check(small)] == []


def test_open_hours_without_a_language_or_a_supervisor_are_one_warning_each(small: SmallSite, write: Write) -> None:
    write("1002,mon,08:00,20:00,,,", "1901,mon,08:00,16:00,,,", "1901,mon,17:00,18:00,,,", "1001,mon,12:00,18:00,,,")
    arabic, supervisor = check(small)
    assert (arabic.code, arabic.file) == ("W_ROSTER_LANGUAGE", str(small.folder / roster.FILE))
    assert arabic.found.startswith("no operator who speaks ar is planned in 4 open hours of the next 14 days (Monday ")
    assert arabic.found.count("18:00-20:00") == 2
    assert arabic.remedy == "plan one who does, such as 1001"
    assert (supervisor.code, supervisor.found.count("16:00-17:00")) == ("W_ROSTER_SUPERVISOR", 2)
    assert "6 open hours" in supervisor.found
    assert supervisor.remedy == "plan one, such as 1901"


def test_a_holiday_needs_no_operators(small: SmallSite, write: Write) -> None:
    small.edit("site.toml", 'monday = ["08:00-20:00"]', 'thursday = ["08:00-20:00"]')
    write("1001 1901,thu,08:00,20:00,,,", "1001 1901,2026-07-30,,,,,absent")
    with clock.override(lambda: datetime(2026, 7, 25, 12, tzinfo=UTC)):
        gap = check(small)
        assert codes(gap) == ["W_ROSTER_LANGUAGE", "W_ROSTER_LANGUAGE", "W_ROSTER_SUPERVISOR"]
        assert "(Thursday 2026-07-30 08:00-20:00)" in gap[0].found
        small.edit("site.toml", "[hours.week]", 'holidays = "MA"\n\n[hours.week]')  # Throne Day
        assert codes(check(small)) == []


def test_an_unreadable_roster_is_one_error(small: SmallSite, write: Write) -> None:
    write("1001,mon,08:00,20:00,,,sick", "1009,mon,08:00,20:00,,,")
    assert [(finding.code, finding.line) for finding in check(small)] == [("E_ROSTER_ROW", 2), ("E_ROSTER_ROW", 3)]


# hatif roster


@pytest.fixture
def shell(small: SmallSite) -> Shell:
    return Shell(small.folder.parent)


def test_the_day_is_shown_by_the_hour_and_gaps_are_marked(shell: Shell, write: Write) -> None:
    write("1002,mon,08:00,20:00,,,", "1901,mon,09:30,16:00,,,", "1901,sun,22:00,02:00,,,")
    answer = shell.run("roster", "2026-11-30")
    assert answer.returncode == 0, answer.stderr
    lines = [" ".join(line.split()) for line in answer.stdout.splitlines()]
    assert lines[0] == "On duty, Monday 2026-11-30 (Africa/Casablanca)"
    assert lines[2] == f"1901 Lamia Saffron ar en 22:00-02:00 {'█' * 4}{' ' * 0} {'·' * 24}"
    assert lines[3] == f"1002 Zoe Laurel en 08:00-20:00 {'█' * 24}"
    assert lines[4] == f"1901 Lamia Saffron ar en 09:30-16:00 ···{'█' * 13}········"
    assert f"ar 1111 !!!{'1' * 13}!!!!!!!!" in lines
    assert f"en 1111 111{'2' * 13}11111111" in lines
    assert "Nobody who speaks ar is planned 08:00-09:30, 16:00-20:00." in lines
    assert "No supervisor is planned 08:00-09:30, 16:00-20:00." in lines
    document = json.loads(shell.run("roster", "2026-11-30", "--json").stdout)
    assert [(shift["operator"], shift["from"], shift["to"], shift["state"]) for shift in document["shifts"]] == [
        ("1901", "2026-11-29T22:00:00+00:00", "2026-11-30T02:00:00+00:00", None),
        ("1002", "2026-11-30T08:00:00+00:00", "2026-11-30T20:00:00+00:00", None),
        ("1901", "2026-11-30T09:30:00+00:00", "2026-11-30T16:00:00+00:00", None),
    ]
    gap = [
        {"from": "2026-11-30T08:00:00+00:00", "to": "2026-11-30T09:30:00+00:00"},
        {"from": "2026-11-30T16:00:00+00:00", "to": "2026-11-30T20:00:00+00:00"},
    ]
    assert document["uncovered"] == {"ar": gap, "supervisors": gap}


def test_a_day_without_shifts_and_an_invalid_date(shell: Shell, small: SmallSite, write: Write) -> None:
    (small.folder / roster.FILE).unlink()
    no_roster = shell.run("roster")
    assert (no_roster.returncode, "There is no roster:" in no_roster.stderr) == (1, True)
    write()
    assert "On duty, Tuesday 2026-12-01 (Africa/Casablanca): none" in shell.run("roster", "2026-12-01").stdout
    for wrong in ("tomorrow", "2026-02-30", "9999-01-01"):
        answer = shell.run("roster", wrong)
        assert (answer.returncode, answer.stdout, len(answer.stderr.splitlines())) == (1, "", 1)


# hatif report


def test_a_report_by_operator_has_the_planned_hours(shell: Shell) -> None:
    shell.make_database()
    for row in (
        ("1001", "2026-11-25 08:00:00", "2026-11-25 14:00:00", None),
        ("1001", "2026-11-25 13:00:00", "2026-11-25 16:00:00", "2026-11-25 15:00:00"),
        ("1001", "2026-11-25 20:00:00", "2026-11-26 04:00:00", None),
        ("1002", "2026-11-25 08:00:00", "2026-11-25 14:00:00", "2026-11-24 10:00:00"),
    ):
        shell.database("INSERT INTO shift (operator_id, begins, ends, cancelled) VALUES (?, ?, ?, ?)", *row)
    day = ("report", "--by", "operator", "--from", "2026-11-25", "--to", "2026-11-25")
    (row,) = json.loads(shell.run(*day, "--json").stdout)["rows"]
    assert (row["operator"], row["planned_s"], row["logged_in_s"]) == ("1001", 11 * 3600, None)
    output = shell.run(*day).stdout
    assert "planned" in output
    assert "11:00" in output


# hatif simulate


def test_a_simulated_day_has_the_planned_operators(shell: Shell, write: Write) -> None:
    asked = ("simulate", "--calls-per-hour", "6", "--patience", "30", "--json")

    def answered(day: str) -> int:
        answer = shell.run(*asked, "--planned", day)
        assert answer.returncode == 0, answer.stderr
        return int(json.loads(answer.stdout)["all"]["answered"])

    write("1001 1002 1901,2026-11-30,08:00,20:00,,,", "1001,2026-12-07,14:00,20:00,,,")
    whole, half, nobody = (answered(day) for day in ("2026-11-30", "2026-12-07", "2026-12-14"))
    assert whole > half > nobody == 0
    for wrong, message in (
        (("--planned", "soon"), "'soon' is not a day"),
        (("--planned", "2026-11-30", "--operators", "9"), "leave out --roster, --from-history, --operators"),
    ):
        refused = shell.run(*asked, *wrong)
        assert (refused.returncode, message in refused.stderr) == (1, True)
    (Path(os.environ["HATIF_SITE"]) / roster.FILE).unlink()
    assert "does not exist" in shell.run(*asked, "--planned", "2026-11-30").stderr


# A running controller


async def planned(line: Line) -> list[shifts.StoredShift]:
    engine = async_engine(line.database)
    now = datetime.now(UTC)
    try:
        return await shifts.shifts(engine, now + timedelta(days=2), now + timedelta(days=3))
    finally:
        await engine.dispose()


async def test_a_reload_loads_the_roster_which_logs_nobody_out_and_makes_planned_operators_ring_first(
    line: Line, telephones: Telephones
) -> None:
    async def until(true: Callable[[list[shifts.StoredShift]], Any], what: str) -> None:
        rows: list[shifts.StoredShift] = []
        for _ in range(100):
            if true(rows := await planned(line)):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{what}: {rows}")

    planned_one = line.speaks("fr")
    there = await line.phone(telephones, line.speaks("fr", but=(planned_one,)))  # not planned
    (line.site / roster.FILE).write_text(f"{HEAD}\n{planned_one},daily,00:00,24:00,,,\n", encoding="utf-8")
    line.control("POST", "/flow/reload")
    await until(lambda rows: {row.operator for row in rows if row.cancelled is None} == {planned_one}, "one is planned")
    assert line.operator_state(there.user) == "ready"
    # Before and after a restart; the unplanned operator has been idle longer.
    on_duty = await line.phone(telephones, planned_one)
    for caller, restarted in (("+33612100051", False), ("+33612100052", True)):
        if restarted:
            await line.restart()
        await line.until(
            lambda: not line.control("GET", f"/operators/{there.user}")["planned"], 5, "routing knows of it"
        )
        assert line.control("GET", f"/operators/{planned_one}")["planned"]
        on_duty.will_ring()
        there.will_ring()
        call = await line.waiting(telephones, caller)
        await on_duty.next_call(5)
        await call.hangup()
        await line.until_state(planned_one, "ready")
    assert not there.calls
    (line.site / roster.FILE).unlink()
    line.control("POST", "/flow/reload")
    await until(lambda rows: rows and all(row.cancelled for row in rows), "all are cancelled")
    await line.until(
        lambda: line.control("GET", f"/operators/{there.user}")["planned"], 5, "nobody is planned, so all are"
    )
    assert line.operator_state(there.user) == "ready"
