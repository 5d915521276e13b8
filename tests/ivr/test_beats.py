"""Lateness counts in the watcher's running time: neither setting the clock nor suspending makes a process late."""

import asyncio
import os
import signal
from pathlib import Path

from line import Line

from ivr.home.heartbeat import Lateness, beat, boot_time, last_beat
from ivr.softphone.telephone import Telephones


def test_a_heartbeat_that_stays_the_same_becomes_late() -> None:
    lateness = Lateness()
    assert [round(lateness.look(1.0, now), 1) for now in (100, 100.5, 101, 101.5)] == [0, 0.5, 1, 1.5]
    assert lateness.look(2.0, 102) == 0


def test_setting_the_clock_makes_no_process_late_and_hides_none() -> None:
    lateness = Lateness()
    for now, clock in ((0, 1e9), (0.5, 2e9), (1, 5.0), (1.5, 6.0)):
        assert lateness.look(clock, now) == 0  # it beats, whatever the clock
    assert [lateness.look(6.0, now) for now in (2, 2.5)] == [0.5, 1]


def test_a_suspended_watcher_has_not_waited() -> None:
    lateness = Lateness()
    lateness.look(1.0, 0)
    assert lateness.look(1.0, 0.5) == 0.5
    assert lateness.look(1.0, 36_000) == 1.5  # counts as one look, whatever happened in between
    assert lateness.look(2.0, 36_000.5) == 0


def test_beats_are_in_boot_time_and_need_no_disk_space(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ivr.lives"
    assert last_beat(path) is None
    before = boot_time()
    beat(path)
    assert before <= (last_beat(path) or 0) <= boot_time()
    assert path.stat().st_size == 0


async def test_suspending_the_machine_takes_no_caller_from_the_controller(line: Line, telephones: Telephones) -> None:
    controller, guard = line.pid("ivr"), line.pid("guard")
    log = line.home / "log" / "guard.log"
    seen = log.stat().st_size
    call = await line.waiting(telephones, "+33612399101")
    for pid in (guard, controller):
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(6)
    os.kill(guard, signal.SIGCONT)
    await asyncio.sleep(0.6)  # the guard looks before the controller's next heartbeat
    os.kill(controller, signal.SIGCONT)
    await asyncio.sleep(0.6)
    rows = log.read_bytes()[seen:].splitlines()
    assert [row for row in rows if b"Asterisk answers again" not in row] == []  # that one is about the line's start
    assert line.pid("ivr") == controller and line.status()["calls"] == {"waiting": 1}
    await call.hangup()
    assert (await line.story("+33612399101"))["call"]["outcome"] == "abandoned"
