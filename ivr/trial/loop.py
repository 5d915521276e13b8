"""An event loop with a virtual clock: when nothing is ready, it jumps to the next timer.

So a call of minutes takes milliseconds.

A task that is always ready and never done does not stop the clock: it still ends when its time is over.
While work runs in a thread (`run_in_executor`) the clock stands still: a database query takes no virtual time.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


_SPINS = 10_000
"""Rounds of the loop at one instant after which the work counts as endless, and the clock moves by `_SPIN_S`."""

_SPIN_S = 1.0


class _Selector(selectors.DefaultSelector):
    """A selector that moves the clock to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.outside = 0  # pieces of work in threads
        self._spins = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or self.outside:
            found: list[tuple[selectors.SelectorKey, int]] = super().select(0 if timeout == 0 else None)
            return found
        self._spins = self._spins + 1 if timeout <= 0 else 0
        self.now += max(0.0, timeout) if self._spins < _SPINS else _SPIN_S
        return []  # there is no network; a signal is seen in the next round


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a virtual clock, for `asyncio.Runner(loop_factory=VirtualLoop)`."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self._clock.outside += 1
        future.add_done_callback(self._work_done)
        return future

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        self._clock.outside += 1
        await super().shutdown_default_executor(*timeout)
        self._clock.outside -= 1

    def _work_done(self, _: object) -> None:
        self._clock.outside -= 1
