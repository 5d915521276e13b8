"""The supervisor as a process of its own: killed, started again, without a reader, on a full disk."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from supervised import SLEEP, gone, pid_of, until_sync, up

from ivr.process.supervisor import AlreadyRunning, ProcessSpec, Supervisor, processes

pytest_plugins = ["supervisor_fixtures"]


@pytest.mark.parametrize("loop", [[], ["--uvloop"]], ids=["asyncio", "uvloop"])
def test_a_supervisor_killed_by_kill_9_adopts_its_processes_when_restarted(home: Path, loop: list[str]) -> None:
    words = [*loop, "asterisk", json.dumps(SLEEP), "ivr", json.dumps(SLEEP)]
    with up(home, *words) as first:
        before = processes(home / "run")
        first.kill()
        first.wait()
    assert processes(home / "run")["ivr"].alive
    os.kill(before["asterisk"].pid, signal.SIGKILL)  # while there is no supervisor
    with up(home, *words) as second:
        assert pid_of(home, "ivr") == before["ivr"].pid
        assert pid_of(home, "asterisk") != before["asterisk"].pid
        assert pid_of(home, "supervisor") == second.pid
        os.kill(before["ivr"].pid, signal.SIGKILL)
        until_sync(lambda: pid_of(home, "ivr") != before["ivr"].pid)
        last = processes(home / "run")
        second.send_signal(signal.SIGINT)
        assert second.wait(5) == 0
    assert all(gone(info.pid) for info in last.values())
    assert processes(home / "run") == {}


def test_ctrl_c_again_kills_at_once_but_a_signal_sent_twice_does_not(home: Path) -> None:
    trap = f"trap 'sleep 1.3; touch {home / 'clean'}; exit' TERM; touch {home / 'trapped'}"
    slow = ["sh", "-c", f"{trap}; while :; do sleep 0.05; done"]
    for again_after_s, clean in ((0.2, True), (1.05, False)):
        (home / "clean").unlink(missing_ok=True)
        (home / "trapped").unlink(missing_ok=True)
        with up(home, "ivr", json.dumps(slow)) as first:
            until_sync((home / "trapped").exists)
            first.send_signal(signal.SIGINT)
            time.sleep(again_after_s)
            first.send_signal(signal.SIGINT)
            assert first.wait(5) == 0
        assert (home / "clean").exists() == clean


def test_a_log_that_nobody_reads_any_more_does_not_end_the_supervisor(home: Path) -> None:
    reader, writer = os.pipe()
    with up(home, "ivr", json.dumps(SLEEP), stderr=writer) as first:
        os.close(reader)
        os.close(writer)
        before = pid_of(home, "ivr")
        os.kill(before, signal.SIGKILL)
        until_sync(lambda: pid_of(home, "ivr") != before)
        assert first.poll() is None


def test_an_adopted_process_is_stopped_at_the_end_or_replaced_when_its_arguments_changed(home: Path) -> None:
    with up(home, "asterisk", json.dumps(SLEEP), "ivr", json.dumps(SLEEP)) as first:
        before = processes(home / "run")
        first.kill()
    with up(home, "asterisk", json.dumps(SLEEP), "ivr", json.dumps(["sleep", "601"])):
        assert gone(before["ivr"].pid)
        assert psutil.Process(pid_of(home, "ivr")).cmdline() == ["sleep", "601"]
    assert gone(before["asterisk"].pid)
    assert processes(home / "run") == {}


def test_a_second_supervisor_of_the_same_home_is_refused_with_the_pid_of_the_first(home: Path) -> None:
    with up(home, "ivr", json.dumps(SLEEP)) as first:
        before = processes(home / "run")
        with pytest.raises(AlreadyRunning, match=rf"already runs in {home} with pid {first.pid}; to stop it: kill"):
            asyncio.run(Supervisor([ProcessSpec("ivr", SLEEP)], home / "run", home / "log").run(asyncio.Event()))
        assert processes(home / "run") == before


def test_a_full_disk_neither_hides_nor_duplicates_a_process(home: Path) -> None:
    words = ("asterisk", json.dumps(SLEEP), "ivr", json.dumps(SLEEP))
    with up(home, *words, full=True) as first:
        before = processes(home / "run")
        assert before["supervisor"].pid == first.pid and all(info.alive for info in before.values())
        assert psutil.Process(before["ivr"].pid).ppid() == first.pid
        os.kill(before["ivr"].pid, signal.SIGKILL)  # it was written when there was still space, or not at all
        until_sync(lambda: processes(home / "run").get("ivr", before["ivr"]).pid != before["ivr"].pid)
        with pytest.raises(AlreadyRunning, match=f"with pid {first.pid}"):
            asyncio.run(Supervisor([ProcessSpec("ivr", SLEEP)], home / "run", home / "log").run(asyncio.Event()))
        left = processes(home / "run")
        first.kill()
        first.wait()
    with up(home, *words, full=True) as second:
        after = processes(home / "run")
        assert (after["ivr"].pid, after["asterisk"].pid) == (left["ivr"].pid, left["asterisk"].pid)
        assert psutil.Process(second.pid).children() == []
    assert all(gone(info.pid) for info in after.values())
    assert processes(home / "run") == {}
