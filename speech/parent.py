"""The parent of the workers: loads each model once, forks workers, and replaces those that end or hang.

It has no threads, since what is forked has none of them. A worker's memory is the parent's until it is written to, so a
model is in memory once. Workers end with the parent: the kernel kills them.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from speech.vosk import Model, VoskError

HUNG_S = 3.0
"""A worker that gives no sign of life for so long is killed."""
_FIRST_S = 60.0
"""As long as the first sign may take: models that are not shared are loaded by each worker."""
_AGAIN_S = 0.5
"""Until a worker that has ended is forked anew."""
_PR_SET_PDEATHSIG = 1

Log = Callable[..., None]


class Parent:
    """Keeps `count` workers.

    Args:
        vosk: The folders of Vosk's models, by language.
        work: Runs a worker in its process until it ends: its number, the loaded models, and what to call as a sign of
            life.
        log: Called with a sentence and facts.
    """

    def __init__(
        self,
        count: int,
        vosk: Mapping[str, Path],
        work: Callable[[int, Mapping[str, Model], Callable[[], None]], None],
        log: Log,
    ) -> None:
        self._count, self._folders, self._work, self._log = count, vosk, work, log
        self._models: dict[str, Model] = {}
        self._workers: dict[int, tuple[int, int, float]] = {}  # number: pid, pipe, when it must have given a sign
        self._again: dict[int, float] = {}  # number: when it is forked anew
        self._stop = False

    def run(self, alive: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT."""
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, self._stopped)
        self._load()
        for number in range(self._count):
            self._fork(number)
        try:
            while not self._stop:
                alive()
                self._look()
        finally:
            for pid, _, _ in self._workers.values():
                os.kill(pid, signal.SIGKILL)

    def _stopped(self, *_: object) -> None:
        self._stop = True

    def _load(self) -> None:
        loaded: dict[Path, Model] = {}
        for language, folder in self._folders.items():
            if self._stop:
                return
            place, began = folder.resolve(), time.monotonic()
            try:
                model = loaded.get(place) or Model(folder)
            except VoskError as error:
                self._log("A model cannot be used; its language has keys only", language=language, error=str(error))
                continue
            self._models[language] = loaded[place] = model
            self._log("Model loaded", language=language, seconds=round(time.monotonic() - began, 1))

    def _fork(self, number: int) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:  # it has died before that
                    os._exit(1)
                for ending in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(ending, signal.SIG_DFL)
                # Nothing of the parent's stays open in it, such as the lock of its pid file.
                os.closerange(3, writer)
                os.closerange(writer + 1, 4096)
                self._work(number, self._models, lambda: _sign(writer))
                status = 0
            except Exception as error:  # whatever it is: the parent must not run twice
                self._log("A worker failed", worker=number, error=repr(error))
            finally:
                os._exit(status)
        os.close(writer)
        self._workers[number] = pid, reader, time.monotonic() + _FIRST_S

    def _look(self) -> None:
        """Wait a moment for signs of life; replace the workers that give none."""
        readers = {pipe: number for number, (_, pipe, _) in self._workers.items()}
        try:
            ready, _, _ = select.select(list(readers), (), (), 0.25)
        except InterruptedError:
            return
        now = time.monotonic()
        for pipe in ready:
            number = readers[pipe]
            pid = self._workers[number][0]
            if os.read(pipe, 4096):
                self._workers[number] = pid, pipe, now + HUNG_S
            else:
                self._ended(number)
        for number, (pid, _, until) in list(self._workers.items()):
            if now > until:
                self._log("A worker hangs; it is killed", worker=number, pid=pid)
                os.kill(pid, signal.SIGKILL)
                self._ended(number)
        for number, at in list(self._again.items()):
            if now >= at:
                del self._again[number]
                self._fork(number)

    def _ended(self, number: int) -> None:
        pid, pipe, _ = self._workers.pop(number)
        os.close(pipe)
        os.kill(pid, signal.SIGKILL)  # its pipe has ended, but it may not have
        _, status = os.waitpid(pid, 0)
        self._again[number] = time.monotonic() + _AGAIN_S
        if not self._stop:
            self._log("A worker has ended; another one follows", worker=number, pid=pid, status=status)


def _sign(pipe: int) -> None:
    with suppress(BlockingIOError):  # the parent is busy, and has enough of them to read
        os.write(pipe, b".")
