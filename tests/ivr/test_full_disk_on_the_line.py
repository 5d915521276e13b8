"""A line whose disk is full when its controller dies loses no caller, no call and no message."""

# A test may block its own loop.
# ruff: noqa: ASYNC110

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import short_audio
from conftest import LONE_OFFSET
from left import begins, speaks
from line import CACHE, Line
from sqlalchemy import select

from db import read
from db.engine import open_engine, reading
from db.tables import Message
from ivr.softphone.telephone import Telephones

SIZE = "64M"
TALK_HZ = 1870.0


class SmallDiskLine(Line):
    """A line whose HATIF_HOME is a small disk; only the prompts are elsewhere."""

    def speak(self, *, words: bool) -> None:
        (self.home / "sounds").symlink_to(short_audio.short_audio(CACHE / "sounds", CACHE))

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Leave no byte free, not even behind the last line of a log; whatever is freed is taken at once."""
        freed = threading.Event()

        def fill() -> None:
            with (self.home / "filler").open("ab", buffering=0) as file:
                while not freed.is_set():
                    for log in (self.home / "log").glob("*.log"):
                        with contextlib.suppress(OSError), log.open("ab", buffering=0) as lines:
                            lines.write(b"\n" * (-log.stat().st_size % 4096))
                    for size in (1 << 20, 4096):
                        with contextlib.suppress(OSError):
                            while file.write(bytes(size)):
                                pass
                    freed.wait(0.02)

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            yield
        finally:
            freed.set()
            thread.join()
            (self.home / "filler").unlink()


def mounted(folder: Path) -> bool:
    """Mount a small disk; return whether that was possible."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    return not os.geteuid() and subprocess.run(mount, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
async def small_disk() -> AsyncIterator[SmallDiskLine]:
    folder = Path(tempfile.mkdtemp(prefix="hatif-full-"))
    if not await asyncio.to_thread(mounted, folder):
        pytest.skip("only root may mount a small disk")
    try:
        line = SmallDiskLine(folder, LONE_OFFSET)
        try:
            await line.up()
            yield line
        finally:
            await line.down()
    finally:
        await asyncio.to_thread(unmount, folder)


async def rows_of(line: Line) -> dict[str | None, list[read.Call]]:
    """Return the rows of all callers in the database."""
    found: dict[str | None, list[read.Call]] = {}
    async with open_engine(line.database) as engine:
        for call in await read.calls(engine, None):
            found.setdefault(call.caller, []).append(call)
    return found


def is_over(found: dict[str | None, list[read.Call]], *callers: str) -> bool:
    ended = all(call.ended is not None for calls in found.values() for call in calls)
    return ended and found.keys() >= set(callers)


async def test_no_call_and_no_message_is_lost_when_the_disk_is_full_and_the_controller_dies(
    small_disk: SmallDiskLine, telephones: Telephones
) -> None:
    line = small_disk
    talks, waits, leaves, new, answered = (f"+3361220040{number}" for number in range(5))
    phone = await line.phone(telephones, line.speaks("it"), answers=TALK_HZ)
    talking = await line.asks_for_operator(telephones, talks, keys="40")
    await talking.hears_tone(TALK_HZ)
    waiting = await line.waiting(telephones, waits)
    leaving = await line.dial(telephones, leaves)
    await leaving.press("25")
    await speaks(leaving, line, "fr", leaves, 1400, 4.5)  # Asterisk writes two seconds at a time
    guard = psutil.Process(line.pid("guard"))
    with line.full():
        await asyncio.sleep(0.5)
        await line.without_controller()
        given = waiting.clock
        called = await line.dial(telephones, new)
        await leaving.hangup()
        await begins(waiting, line.audio("fr", "moment"), given, 15)
        await begins(called, line.audio("fr", "moment"), 0, 15)
        assert guard.is_running() and guard.status() != psutil.STATUS_ZOMBIE
        await waiting.hangup()
        await called.hangup()
        await talking.hears_tone(TALK_HZ)
        await line.controller_again()
        await talking.hangup()
        in_menu = await line.dial(telephones, answered)
        await begins(in_menu, line.audio("fr", "institution"))
        former = line.pid("ivr")
        os.kill(former, signal.SIGKILL)  # that they were answered was only in its memory
        await line.controller_back(former)
        await in_menu.hangup()
        await asyncio.sleep(2)  # the controller goes on with a full disk
        assert line.status().get("serves") is True

    async with asyncio.timeout(60):
        while not is_over(found := await rows_of(line), talks, waits, leaves, answered):
            await asyncio.sleep(0.2)
    # Asterisk's own database is on the same disk: of a call that only the dialplan had, nothing may be left.
    assert {caller: len(calls) for caller, calls in found.items() if caller != new} == dict.fromkeys(
        (talks, waits, leaves, answered), 1
    )
    assert all(calls[0].line_answered for calls in found.values())
    assert len(found.get(new, ())) <= 1
    outcomes = {caller: calls[0].outcome for caller, calls in found.items()}
    assert (outcomes[talks], outcomes[leaves]) == ("answered", "message")
    assert outcomes[waits] in ("fallback", "abandoned")
    async with open_engine(line.database) as engine, reading(engine) as connection:
        (message,) = (await connection.execute(select(Message))).all()
    assert message.call_id == found[leaves][0].id and (line.home / message.file).stat().st_size > 16_000
    assert phone.calls
