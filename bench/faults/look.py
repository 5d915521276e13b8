"""What `hatif status` says, again and again, by a process that has loaded it once: one JSON line for each look.

`python -m bench.faults.look` reads the line of HATIF_HOME; it ends when its standard input does.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look. `began`, `took_s`: POSIX seconds, and how long it took; `failed`: what is not ok, by check."""

    began: float
    took_s: float
    serves: bool
    failed: Mapping[str, str]


@dataclass(slots=True)
class Observer:
    """The looks so far."""

    looks: list[Look] = field(default_factory=list)
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # set by each look

    def seen_s(self, began: float, usual: frozenset[str]) -> tuple[float, str] | None:
        """Return after how many seconds a fault was first visible, and as what; None if it never was."""
        for look in self.looks:
            if look.began < began:
                continue
            new = {name: found for name, found in look.failed.items() if name not in usual}
            if new or not look.serves:  # what is usual may become fatal, such as a disk that is small and then full
                name, found = next(iter((new or look.failed).items()))
                return round(look.began + look.took_s - began, 1), f"{name}: {found}"
        return None

    def green_since(self, after: float, usual: frozenset[str]) -> float | None:
        """Return since when all is well again, at the latest two looks; None if it is not."""
        good: list[Look] = []
        for look in self.looks:
            if look.began < after:
                continue
            if look.serves and not set(look.failed) - usual:
                good.append(look)
            else:
                good.clear()
        return good[0].began if len(good) >= 2 else None

    def failing(self, usual: frozenset[str]) -> list[str]:
        """Return what is not ok now."""
        latest = self.looks[-1].failed if self.looks else {}
        return [f"{name}: {found}" for name, found in latest.items() if name not in usual]

    def slowest_s(self, since: float) -> float:
        """Return how long the slowest look took that ended since then."""
        return max((look.took_s for look in self.looks if look.began + look.took_s >= since), default=0.0)

    async def until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until a look makes the condition true; return whether one has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition():
                    self.looked.clear()
                    await self.looked.wait()
        return condition()


@asynccontextmanager
async def observing(environment: Mapping[str, str]) -> AsyncIterator[Observer]:
    """Look once a second."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.faults.look", env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    observer = Observer()

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            look = Look(**json.loads(line))
            # By the bench's clock: the line may have one of its own.
            observer.looks.append(replace(look, began=time.time() - look.took_s))
            observer.looked.set()

    reading = asyncio.create_task(read())
    try:
        yield observer
    finally:
        reading.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def look() -> Look:
    """Look once."""
    from cli.asterisk_parts import AsteriskParts
    from cli.processes import status

    began, clock = time.time(), time.monotonic()
    try:
        line = status.read(AsteriskParts())
        failed = {check.name: str(check.found) for check in line.checks if not check.ok}
        serves = line.serves
    except Exception as error:
        # The command would print this and end with 1: that is what a person would see.
        serves, failed = False, {"hatif status": f"{type(error).__name__}: {error}"[:300]}
    return Look(began, round(time.monotonic() - clock, 2), serves, failed)


def main() -> None:
    def ends() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGKILL)  # a look may hang

    threading.Thread(target=ends, daemon=True).start()
    while True:
        print(json.dumps(asdict(look())), flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
