"""An Asterisk that hardly runs, on a machine at full load, is not ended."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import LONE_OFFSET, short_folder
from half_open_calls import HalfOpenCalls
from line import FRENCH_NUMBER, Line

from ivr.home import process_counts
from ivr.process.asterisk_watch import ALARM_S


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Leave a process only the processor time that six busy ones leave it, on one processor.

    It keeps its low priority: only root may raise that again.
    """
    cpu = {min(os.sched_getaffinity(0))}
    with suppress(OSError):  # where the kernel groups processes by session, it compares groups only
        Path(f"/proc/{pid}/autogroup").write_text("19")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), cpu)
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
    works = [subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(6)]
    try:
        for busy in works:
            os.sched_setaffinity(busy.pid, cpu)
        yield
    finally:
        for busy in works:
            busy.kill()
            busy.wait()


@pytest.fixture
async def impatient_line() -> AsyncIterator[Line]:
    """A line whose guard ends an Asterisk that does nothing for 3 s."""
    with short_folder("hatif-lone-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        line.environment["HATIF_ASTERISK_PATIENCE_S"] = "3"
        try:
            await line.up()
            yield line
        finally:
            await line.down()


@pytest.mark.long  # not for its time: what runs beside it has half of the machine
async def test_an_asterisk_that_is_flooded_at_full_load_is_not_ended(impatient_line: Line) -> None:
    line = impatient_line
    asterisk, guard, port = line.pid("asterisk"), line.pid("guard"), 5060 + line.offset

    def figure(name: str) -> float:
        return process_counts.read(line.home / "run", "guard", guard).get(name, 0.0)

    def flood() -> None:
        """Send calls until Asterisk has been silent for so long that people are told, for 15 s at most.

        As a rule it is after some seconds, but a machine with more processors may be too fast for that.
        """
        for batch in range(15):
            callers = [f"+3369{batch:03}{number:04}" for number in range(400)]
            with HalfOpenCalls("127.0.0.2", port, FRENCH_NUMBER, callers):
                pass  # nobody reads Asterisk's answers
            if figure("asterisk_silent_s") >= ALARM_S:
                return

    with starved(asterisk):
        await asyncio.to_thread(flood)
    await line.until(lambda: line.status().get("serves") is True, 60, "calls are served")
    await line.until(lambda: not figure("asterisk_silent_s"), 10, "the alarm is over")
    assert (line.pid("asterisk"), figure("asterisk_kills")) == (asterisk, 0)
