"""Work in the time that calls leave: at the lowest priority, and with pauses while calls are up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

LOOK_S = 0.5
"""Seconds between two looks for calls."""
CALL_S = 0.5
"""Work is only held for a call that has been up for less: those of the line to itself are shorter."""
QUIET_S = 3.0
"""Seconds without a call after which the work goes on."""


def lower_priority() -> None:
    """Make this process and its children run only when nothing else wants to; calls come first.

    If memory runs out, the kernel ends them before anything of the line.
    """
    os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


class CallPauses:
    """Pauses while `busy` is true, watched by a thread of its own."""

    def __init__(
        self,
        busy: Callable[[], bool],
        hold: Callable[[], object],
        stop: Callable[[], object],
        go_on: Callable[[], object],
        look_s: float = LOOK_S,
    ) -> None:
        """Args:
        busy: Whether a call is up.
        hold: Called at each look that sees a call which has just begun.
        stop: Called at each look while there is a pause, since work may just have begun.
        go_on: Called when the call is gone, or when a pause is over.
        look_s: Seconds between two looks while there is no pause.
        """
        self._busy, self._hold, self._stop, self._go_on, self._look_s = busy, hold, stop, go_on, look_s
        self.quiet = threading.Event()
        """Set while there is no pause."""
        self.quiet.set()
        self.count = 0
        """How often work was stopped."""
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="calls", daemon=True)

    def __enter__(self) -> CallPauses:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        try:
            self._look()
        finally:
            self._end()  # without a watcher, nobody else would

    def _look(self) -> None:
        up_s = quiet_s = 0.0
        while not self._over.wait(look_s := self._look_s if self.quiet.is_set() else LOOK_S):
            if self._busy():
                up_s, quiet_s = up_s + look_s, 0.0
                if up_s <= CALL_S:
                    self._hold()
                else:
                    self.count += 1
                    self.quiet.clear()
                    self._stop()
            elif self.quiet.is_set():
                if up_s:
                    self._go_on()
                up_s = 0.0
            else:
                up_s, quiet_s = 0.0, quiet_s + look_s
                if quiet_s >= QUIET_S:
                    self._end()

    def _end(self) -> None:
        self.quiet.set()
        self._go_on()
