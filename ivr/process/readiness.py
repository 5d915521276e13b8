"""Waiting until a process is ready, for as long as it works on its start: on a busy machine everything takes longer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ivr.process.process import Child, ProcessSpec, describe_end

PROBE_S = 0.1  # between two checks whether a process is ready; each takes milliseconds from its start
WORKS = 0.1  # the share of a span of time that a process at work runs or waits for a processor; checks need a fiftieth


async def until_ready(spec: ProcessSpec, child: Child, slow: Callable[[float, float], None]) -> str | None:
    """Wait until a process is ready. Return None, or what it did instead, such as `ended with … before it was ready`.

    It has `ready_timeout_s`, and as much again while it has worked in that time, up to `ready_longest_s`.

    Args:
        slow: Called each time that it gets more time, with the seconds since its start and the seconds of work in that
            time, waits for a processor included.
    """
    if spec.ready is None:
        return None
    problem = ""

    async def ask(ready: Callable[[], Awaitable[bool]]) -> None:
        nonlocal problem
        while True:
            try:
                if await ready():
                    return
            except Exception as error:
                problem = f" ({type(error).__name__}: {error})"
            await asyncio.sleep(PROBE_S)

    loop = asyncio.get_running_loop()
    began = at = loop.time()
    worked_before = work = work_of(child.mark.pid)
    gives_up = ""
    async with asyncio.TaskGroup() as group:
        asking, ended = group.create_task(ask(spec.ready)), group.create_task(child.ended.wait())
        while not gives_up:
            left_s = began + spec.ready_longest_s - at
            span_s = min(spec.ready_timeout_s, left_s)
            done, _ = await asyncio.wait((asking, ended), timeout=span_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                break
            before, work, waited_s = work, work_of(child.mark.pid), loop.time() - at
            at = loop.time()
            if work - before < WORKS * waited_s and not is_at_work(child.mark.pid):
                gives_up = f"was not ready after {at - began:.3g} s and did nothing more"
            elif at - began >= spec.ready_longest_s:
                gives_up = f"was still starting after {at - began:.3g} s"
            else:
                slow(at - began, work - worked_before)
        asking.cancel()
        ended.cancel()
    if child.ended.is_set():
        return f"{describe_end(child.status)} before it was ready"
    return f"{gives_up}{problem}" if gives_up else None


def work_of(pid: int) -> float:
    """Return for how many seconds the threads of a process have run, or could have run on a free processor.

    Of a thread that waits for a processor, the kernel counts the wait once it is over.
    """
    return sum(int(figure) for text in _of_threads(pid, "schedstat") for figure in text.split()[:2]) / 1e9


def is_at_work(pid: int) -> bool:
    """Return whether a thread of a process runs now, or waits for a processor or the disk."""
    return any(text.rpartition(")")[2][1:2] in ("R", "D") for text in _of_threads(pid, "stat"))


def _of_threads(pid: int, file: str) -> Iterator[str]:
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # it has ended
                yield (thread / file).read_text(errors="replace")
