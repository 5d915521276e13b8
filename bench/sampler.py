"""Samples where a process spends its processor time, from inside, for `bench.cost`.

Each 4 ms of processor time a signal interrupts the process. What each thread has used since is written down with the
file in which the thread is: our own innermost one, else the library that the event loop has called.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

FOLDER = "BENCH_COST"
"""The environment variable that names the folder for samples: a file for each process, named by its pid."""

LOOP = "event loop"

_EVERY_S = 0.004
_CHECKOUT = f"{Path(__file__).resolve().parent.parent}/"
_LIBRARIES = "/site-packages/"
_LOOP_ENDS = "/asyncio/runners.py"  # what is outside of it only started the loop


def start() -> None:
    """Sample this process until its end, if the environment says so; `sitecustomize` calls it."""
    if (folder := os.environ.get(FOLDER)) is None:
        return
    out = os.open(f"{folder}/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    main, used = threading.get_ident(), dict[int, int]()

    def sample(_: int, frame: FrameType | None) -> None:
        lines = []
        # Python's own profilers look there as well.
        for thread, where in (sys._current_frames() | {main: frame}).items():  # noqa: SLF001
            try:
                now = time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
            except OSError:  # the thread has just ended
                continue
            if (spent := now - used.get(thread, 0)) > 0:  # or it is another thread of that number
                lines.append(f"{spent} {_place(where)}\n")
            used[thread] = now
        os.write(out, "".join(lines).encode())

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)  # without its handler, the signal would kill the process


def read(folder: Path, pid: int, offset: int) -> Iterator[tuple[str, int]]:
    """Yield what a process has used since its file had `offset` bytes: a file or library, and nanoseconds."""
    for line in (folder / str(pid)).read_bytes()[offset:].decode().splitlines():
        spent, _, place = line.partition(" ")
        yield place, int(spent)


def _place(frame: FrameType | None) -> str:
    library = LOOP
    while frame is not None and not (file := frame.f_code.co_filename).endswith(_LOOP_ENDS):
        if _LIBRARIES in file:
            library = file.partition(_LIBRARIES)[2].partition("/")[0]
        elif file.startswith(_CHECKOUT):
            return file.removeprefix(_CHECKOUT)
        frame = frame.f_back
    return library
