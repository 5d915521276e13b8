"""The supervisor with real processes: `sleep`, `sh` and small Python programs."""

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from supervised import SLEEP, gone, pid_of, running, sh, until

from ivr.home import log_files
from ivr.process import process
from ivr.process.supervisor import ProcessSpec, StartError, Supervisor, processes, restart_delay_s

pytest_plugins = ["supervisor_fixtures"]


async def test_a_process_killed_by_kill_9_is_back_at_once(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    async with running(home, ProcessSpec("ivr", SLEEP)):
        with capture_logs() as lines:
            before = processes(home / "run")["ivr"]
            os.kill(before.pid, signal.SIGKILL)
            await until(lambda: pid_of(home, "ivr") != before.pid)
        after = processes(home / "run")["ivr"]
        assert after.alive
        assert after.started >= before.started
        assert not [line for line in lines if line["event"] == "process fails repeatedly"]  # after which it pauses
        [line] = [line for line in lines if line["event"] == "process restarted"]
        assert (line["process"], line["pid"], line["reason"]) == ("ivr", after.pid, "was killed by SIGKILL")
        record_property("from a kill -9 until the supervisor has started the process again, ms", line["gap_ms"])
    assert gone(after.pid)
    assert processes(home / "run") == {}


def test_pauses_grow_with_each_failure_to_at_most_five_seconds() -> None:
    assert [restart_delay_s(n) for n in range(1, 9)] == [0, 0.25, 0.5, 1, 2, 4, 5, 5]
    assert restart_delay_s(10_000) == 5


async def test_a_process_that_keeps_failing_is_restarted_once_at_once_then_with_growing_pauses(home: Path) -> None:
    starts = home / "starts"
    script = f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n'); raise SystemExit('no licence')"
    with capture_logs() as lines:
        async with running(home, ProcessSpec("ivr", (sys.executable, "-S", "-c", script))):
            await until(lambda: starts.exists() and len(starts.read_text().split()) == 4)
    times = [float(word) for word in starts.read_text().split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[1] >= 0.25
    assert gaps[2] >= 0.5
    failing = [line for line in lines if line["event"] == "process fails repeatedly"]
    assert [(line["failures"], line["next_start_in_s"]) for line in failing[:2]] == [(2, 0.25), (3, 0.5)]
    assert failing[0]["reason"] == "ended with exit status 1"


async def test_a_process_whose_work_is_done_rests_until_there_is_more_and_one_that_fails_is_restarted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.process.supervisor.AGAIN_S", 0.05)
    script = f"echo >> {home / 'starts'}; test $(wc -l < {home / 'starts'}) -ge 3"
    spec = ProcessSpec("voices", sh(script), again=(home / "more").exists)

    def starts() -> int:
        return (home / "starts").read_text().count("\n") if (home / "starts").exists() else 0

    with capture_logs() as lines:
        async with running(home, ProcessSpec("ivr", SLEEP), spec):
            await until(lambda: any(line["event"] == "process has done its work" for line in lines))
            await asyncio.sleep(0.3)
            assert starts() == 3
            assert list(processes(home / "run")) == ["ivr", "supervisor"]
            (home / "more").touch()
            await until(lambda: starts() > 3)
            (home / "more").unlink()


async def test_a_process_starts_when_the_one_before_it_is_ready_and_stops_before_it(home: Path) -> None:
    order = home / "order"

    def record_pid(name: str) -> tuple[str, ...]:
        note = f"echo {name} stopped >> {order}; exit 0"
        return sh(
            f"trap '{note}' TERM; echo {name} started >> {order}; sleep 0.2; touch {home / name}; sleep 600 & wait"
        )

    def answers(name: str) -> Callable[[], object]:
        return (home / name).exists

    def spec(name: str) -> ProcessSpec:
        async def ready() -> bool:
            return bool(answers(name)())

        return ProcessSpec(name, record_pid(name), ready=ready)

    async with running(home, spec("asterisk"), spec("ivr"), spec("guard")):
        assert order.read_text().splitlines() == ["asterisk started", "ivr started", "guard started"]
    assert order.read_text().splitlines()[3:] == ["guard stopped", "ivr stopped", "asterisk stopped"]


async def test_processes_without_dependencies_start_side_by_side(home: Path) -> None:
    async def late() -> bool:
        return (home / "go").exists()

    async with asyncio.TaskGroup() as group:
        stop = asyncio.Event()
        specs = [ProcessSpec("asterisk", SLEEP, ready=late), ProcessSpec("journal", SLEEP, depends_on=())]
        supervisor = Supervisor(specs, home / "run", home / "log")
        group.create_task(supervisor.run(stop))
        await until(lambda: "journal" in processes(home / "run"))
        assert not supervisor.ready.is_set()
        (home / "go").touch()
        async with asyncio.timeout(5):
            await supervisor.ready.wait()
        stop.set()


async def test_a_process_that_ignores_the_stop_signal_is_killed_with_all_that_it_started(home: Path) -> None:
    script = f"trap '' TERM; sleep 600 & echo $! > {home / 'grandchild'}; while :; do sleep 1; done"
    with capture_logs() as lines:
        async with running(home, ProcessSpec("ivr", sh(script), stop_timeout_s=0.3)):
            await until(lambda: (home / "grandchild").exists() and (home / "grandchild").read_text().endswith("\n"))
            grandchild, pid = int((home / "grandchild").read_text()), pid_of(home, "ivr")
            assert os.getsid(pid) == pid != os.getsid(0)  # the terminal's Ctrl-C does not reach it
    [line] = [line for line in lines if line["event"] == "process had to be killed"]
    assert (line["pid"], line["after_s"]) == (pid, 0.3)
    assert gone(pid)
    await until(lambda: gone(grandchild))


async def test_a_program_that_cannot_be_started_is_named(home: Path) -> None:
    supervisor = Supervisor([ProcessSpec("asterisk", ("/no/such/asterisk",))], home / "run", home / "log")
    with pytest.raises(StartError, match="asterisk cannot be started: No such file or directory: /no/such/asterisk"):
        await supervisor.run(asyncio.Event())
    assert processes(home / "run") == {}


async def never() -> bool:
    raise ConnectionRefusedError("nobody at 5038")


async def test_a_process_that_ends_before_it_is_ready_is_reported_with_its_last_lines_and_the_others_stop(
    home: Path,
) -> None:
    script = "echo old; echo '\033[31mport 5060 is taken\033[0m'; exit 3"
    specs = [ProcessSpec("journal", SLEEP), ProcessSpec("asterisk", sh(script), ready=never)]
    (home / "log").mkdir()
    (home / "log/asterisk.log").write_text("of yesterday\n")
    with pytest.raises(StartError) as caught:
        await Supervisor(specs, home / "run", home / "log").run(asyncio.Event())
    assert str(caught.value) == (
        f"asterisk ended with exit status 3 before it was ready; the last lines of {home}/log/asterisk.log:\n"
        "  old\n  port 5060 is taken"
    )
    assert processes(home / "run") == {}


async def test_a_process_that_is_not_ready_in_time_is_stopped_and_reported_with_its_probes_error(
    home: Path,
) -> None:
    spec = ProcessSpec("asterisk", sh(f"echo $$ > {home / 'pid'}; exec sleep 600"), ready=never, ready_timeout_s=0.3)
    with pytest.raises(StartError) as caught:
        await Supervisor([spec], home / "run", home / "log").run(asyncio.Event())
    assert re.fullmatch(
        r"asterisk was not ready after [\d.]+ s and did nothing more \(ConnectionRefusedError: nobody at 5038\); "
        f"it wrote nothing to {home}/log/asterisk.log",
        str(caught.value),
    )
    assert gone(int((home / "pid").read_text()))


async def test_a_process_that_works_on_its_start_gets_the_time_that_it_needs(home: Path) -> None:
    """As on a busy machine, on which a start takes many times as long."""

    async def ready() -> bool:
        return (home / "ready").exists()

    script = f"while [ ! -e {home / 'go'} ]; do :; done; touch {home / 'ready'}; exec sleep 600"
    spec, stop = ProcessSpec("ivr", sh(script), ready=ready, ready_timeout_s=0.2), asyncio.Event()
    supervisor = Supervisor([spec], home / "run", home / "log")
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(stop))
            await until(lambda: sum(line["event"] == "process is slow to start" for line in lines) >= 2)
            assert not supervisor.ready.is_set()
            (home / "go").touch()
            async with asyncio.timeout(10):
                await supervisor.ready.wait()
            stop.set()
    assert [line["pid"] for line in lines if line["event"] == "process ready"] == [
        next(line["pid"] for line in lines if line["event"] == "process is slow to start")
    ], "it is the same process"


async def test_a_process_that_works_without_end_is_given_up_in_the_end(home: Path) -> None:
    endless = sh("while :; do :; done")
    spec = ProcessSpec("ivr", endless, ready=never, ready_timeout_s=0.1, ready_longest_s=0.5)
    with pytest.raises(StartError, match=r"ivr was still starting after [\d.]+ s \(ConnectionRefusedError: nobody"):
        await Supervisor([spec], home / "run", home / "log").run(asyncio.Event())
    assert processes(home / "run") == {}


async def test_a_process_killed_before_it_was_ready_is_started_again(home: Path) -> None:
    async def ready() -> bool:
        return (home / "second").exists()

    again = f"if [ -e {home / 'first'} ]; then touch {home / 'second'}; exec sleep 600; fi"
    script = f"{again}; touch {home / 'first'}; kill -9 $$"
    async with running(home, ProcessSpec("ivr", sh(script), ready=ready)):
        assert processes(home / "run")["ivr"].alive


@pytest.mark.parametrize("change", [{"ticks": 1}, {"boot": "another"}, None], ids=["pid reused", "rebooted", "damaged"])
async def test_a_stale_pid_file_names_no_process(home: Path, change: dict[str, object] | None) -> None:
    with subprocess.Popen(SLEEP) as stranger:  # noqa: ASYNC220
        mark = process.mark_of(stranger.pid, SLEEP)
        (home / "run").mkdir()
        file = os.open(home / "run/ivr.pid", os.O_RDWR | os.O_CREAT)
        process.write_mark(file, mark)
        os.close(file)
        assert processes(home / "run")["ivr"].alive
        found = json.loads((home / "run/ivr.pid").read_text())
        (home / "run/ivr.pid").write_text(json.dumps(found | change) if change else str(stranger.pid))
        if change:
            assert not processes(home / "run")["ivr"].alive
        async with running(home, ProcessSpec("ivr", SLEEP)):
            assert pid_of(home, "ivr") != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


async def test_a_large_log_is_rotated_when_its_process_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "LOG_LIMIT", 10)
    (home / "log").mkdir()
    for n in range(5):
        (home / "log/ivr.log").write_text(f"{n}: more than ten bytes\n")
        async with running(home, ProcessSpec("ivr", SLEEP)):
            pass
    assert sorted(path.name for path in (home / "log").iterdir()) == ["ivr.log", *(f"ivr.log.{n}" for n in (1, 2, 3))]
    assert (home / "log/ivr.log.3").read_text().startswith("2:")


async def test_a_full_disk_does_not_prevent_a_restart(home: Path) -> None:
    async with running(home, ProcessSpec("ivr", SLEEP)) as supervisor:
        before = pid_of(home, "ivr")
        (home / "log/ivr.log").unlink()
        (home / "log/ivr.log").symlink_to("/dev/full")
        with capture_logs() as lines:
            os.kill(before, signal.SIGKILL)
            await until(lambda: pid_of(home, "ivr") != before)
        assert "log cannot be written" in [line["event"] for line in lines]
        assert supervisor.ready.is_set()


def test_names_and_dependencies_are_checked(home: Path) -> None:
    for specs in (
        [ProcessSpec("../ivr", SLEEP)],
        [ProcessSpec("supervisor", SLEEP)],
        [ProcessSpec("ivr", SLEEP), ProcessSpec("ivr", SLEEP)],
        [ProcessSpec("ivr", SLEEP, depends_on=("asterisk",)), ProcessSpec("asterisk", SLEEP)],
    ):
        with pytest.raises(ValueError, match=r"ivr|supervisor"):
            Supervisor(specs, home / "run", home / "log")
