"""A process that hangs or is stopped is replaced; one that only gets no processor is left alone."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import pid_of, running, until

from ivr.home import heartbeat
from ivr.process import supervisor
from ivr.process.own_time import OwnTime
from ivr.process.process import process_of
from ivr.process.supervisor import ProcessSpec

pytest_plugins = ["supervisor_fixtures"]

BEATS = """
import sys, time
from pathlib import Path
from ivr.home.heartbeat import beat
for _ in range(int(sys.argv[2])):
    beat(Path(sys.argv[1]))
    time.sleep(0.05)
while sys.argv[3] == "spins":
    pass
time.sleep(600)
"""


def spec(home: Path, name: str, beats: int = 10**6, then: str = "sleeps") -> ProcessSpec:
    lives = heartbeat.of_process(home / "run", name)
    argv = (sys.executable, "-c", BEATS, str(lives), str(beats), then)
    return ProcessSpec(name, argv, depends_on=(), lives=lives, ready_longest_s=30.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(supervisor, "HANGS_S", 1.0)
    monkeypatch.setattr(supervisor, "_LOOKS_S", 0.1)
    yield


def beaten(home: Path, name: str, pid: int) -> bool:
    info = process_of(home / "run", name)
    return info is not None and info.alive and info.pid != pid and info.silent_s is not None and info.silent_s < 1.0


async def test_a_process_that_is_stopped_hangs_or_runs_in_a_circle_is_replaced_and_no_other(
    home: Path, quick: None
) -> None:
    specs = [spec(home, "stopped"), spec(home, "hangs", 20), spec(home, "spins", 20, "spins"), spec(home, "works")]
    async with running(home, *specs):
        pids = {item.name: pid_of(home, item.name) for item in specs}
        await until(lambda: all(beaten(home, name, 0) for name in pids), 20)
        os.kill(pids["stopped"], signal.SIGSTOP)
        await until(lambda: all(beaten(home, name, pids[name]) for name in pids if name != "works"), 20)
        assert pid_of(home, "works") == pids["works"]
        os.kill(pid_of(home, "works"), signal.SIGKILL)  # what is killed is still replaced at once
        await until(lambda: beaten(home, "works", pids["works"]), 20)


async def test_a_folder_that_cannot_be_written_makes_no_process_hang(
    home: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(home, spec(home, "works", 20)):
        pid = pid_of(home, "works")
        await until(lambda: beaten(home, "works", 0), 20)
        looks = 0

        def cannot_write(_: Path) -> None:
            nonlocal looks
            looks += 1

        monkeypatch.setattr(heartbeat, "beat", cannot_write)
        await until(lambda: looks > 30, 20)
        assert pid_of(home, "works") == pid
        monkeypatch.undo()


class Thread:
    """What the kernel says of a thread, and an `OwnTime` that reads it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.ran, self.waited, self.now = folder, 0.0, 0.0, 1000.0
        self.own = OwnTime(1)
        self.own._thread = folder

    def passes(
        self, seconds: float, *, ran: float = 0.0, waited: float = 0.0, state: str = "S", beat: int = 1
    ) -> float:
        self.now, self.ran, self.waited = self.now + seconds, self.ran + ran, self.waited + waited
        (self._folder / "schedstat").write_text(f"{self.ran * 1e9:.0f} {self.waited * 1e9:.0f} 7\n")
        (self._folder / "stat").write_text(f"1 (a) b) {state} 0 0\n")
        return round(self.own.look(beat, self.now), 2)


def test_only_a_processs_own_time_counts_against_it(tmp_path: Path) -> None:
    thread = Thread(tmp_path)
    assert thread.passes(1) == 0
    assert thread.passes(1) == 1, "it sleeps, or is stopped"
    assert thread.passes(1, ran=0.9, waited=0.1, state="R") == 1.9, "it runs in a circle"
    assert thread.passes(1, ran=0.05, state="R") == 1.95, "it waits for a processor"
    assert thread.passes(1, state="D") == 1.95, "it waits for the disk"
    assert thread.passes(1, ran=0.02, waited=0.95) == 2.0, "it has waited for a processor"
    assert thread.passes(3600) == 3.0, "the watcher, or the machine, was suspended"
    assert thread.passes(1, beat=2) == 0
