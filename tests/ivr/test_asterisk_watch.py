"""An Asterisk that does not answer: when people are told, and when it is ended."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import psutil
import pytest

from ivr.asterisk.ami import Ami
from ivr.process import asterisk_watch
from ivr.process.asterisk_watch import AsteriskWatch, sip_answers
from ivr.process.process import ProcessInfo


@contextmanager
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that works without end."""
    works = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert works.stdout is not None and works.stdout.readline()
        yield works
    finally:
        works.kill()
        works.communicate()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def until_it_has_worked(works: psutil.Process) -> None:
    used = works.cpu_times().user
    until(lambda: works.cpu_times().user > used)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> AsteriskWatch:
    """A watch on an Asterisk without ports, so that nothing answers; its clock goes on by 2 s with each glance."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    glances = iter(range(1_000))
    monkeypatch.setattr(asterisk_watch, "time", SimpleNamespace(monotonic=lambda: 2.0 * next(glances)))
    return AsteriskWatch(Ami("127.0.0.1", port, "user", "password"), ("127.0.0.1", port), patience_s=20)


async def test_a_silent_asterisk_is_an_alarm_after_five_seconds_and_one_that_does_nothing_is_ended_after_twenty(
    watch: AsteriskWatch,
) -> None:
    with process() as asterisk:
        asterisk.send_signal(signal.SIGSTOP)
        kernel = psutil.Process(asterisk.pid)
        await asyncio.to_thread(until, lambda: kernel.status() == psutil.STATUS_STOPPED)
        running = ProcessInfo(asterisk.pid, datetime.now(UTC), True)
        assert await watch.look(True, running) and not watch.alarm
        alarms = list[bool]()
        while asterisk.poll() is None and len(alarms) < 10:
            assert not await watch.look(False, running)
            alarms.append(watch.alarm)
            await asyncio.sleep(0.01)
        assert alarms[0] and len(alarms) == 4  # each look takes 6 s, and the first one notices after 2 s
        assert asterisk.wait(5) == -signal.SIGKILL and watch.figures()["asterisk_kills"] == 1
        assert not await watch.look(False, ProcessInfo(asterisk.pid, datetime.now(UTC), False))
        assert not watch.alarm  # one that does not run is not silent


async def test_a_silent_asterisk_that_uses_processor_time_is_an_alarm_for_as_long_as_it_lasts_and_is_never_ended(
    watch: AsteriskWatch,
) -> None:
    with process() as asterisk:
        kernel = psutil.Process(asterisk.pid)
        running = ProcessInfo(asterisk.pid, datetime.now(UTC), True)
        assert await watch.look(True, running)
        for _ in range(20):
            await asyncio.to_thread(until_it_has_worked, kernel)
            assert not await watch.look(False, running) and watch.alarm
        assert asterisk.poll() is None
        assert watch.figures()["asterisk_silent_s"] > 60
        assert await watch.look(True, running) and not watch.alarm


@pytest.mark.parametrize(("host", "written"), [("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")])
async def test_addresses_are_written_as_sip_requires(host: str, written: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.bind((host, 0))
        port = other.getsockname()[1]
        asked = asyncio.create_task(sip_answers(host, port))
        request, sender = await asyncio.get_running_loop().sock_recvfrom(other, 4096)
        other.sendto(b"SIP/2.0 200 OK\r\n\r\n", sender)
        assert await asked
    first, *headers = request.decode().split("\r\n")
    assert re.fullmatch(rf"OPTIONS sip:(\w+@)?{written}:{port} SIP/2\.0", first)
    (via,) = [header for header in headers if header.startswith("Via: ")]
    assert re.fullmatch(rf"Via: SIP/2\.0/UDP {written}:{sender[1]};.*", via)
