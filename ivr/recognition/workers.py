"""The workers that hear callers, as the controller knows them: by their signs of life."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from speech.protocol import DEAD_S, Alive, Began, Heard, Lost, Post, ToWorker, worker_socket

log = structlog.get_logger()

Spoken = Began | Heard | Lost
"""What a call learns about its caller's speech."""
_LOOK_S = 0.5


@dataclass(slots=True)
class _Known:
    port: int
    free: dict[str, int]
    at: float


class Workers:
    """The workers of the line. `path`: the socket on which they report."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._post: Post | None = None
        self._known: dict[int, _Known] = {}
        self._lines: dict[str, tuple[int, Callable[[Spoken], None]]] = {}

    async def run(self) -> None:
        """Read what the workers report, until cancelled. A failure is logged: callers have keys."""
        try:
            post = self._post = Post(self._path)
        except OSError as error:
            log.error("Callers cannot be heard; they have keys", path=str(self._path), error=str(error))
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(post.socket.fileno(), self._read)
        try:
            while True:
                self._forget_dead()
                await asyncio.sleep(_LOOK_S)
        finally:
            loop.remove_reader(post.socket.fileno())
            post.close()
            self._post = None

    @property
    def languages(self) -> frozenset[str]:
        """The languages that some worker hears."""
        return frozenset(language for worker in self._known.values() for language in worker.free)

    def open(self, line: str, language: str, deliver: Callable[[Spoken], None]) -> int | None:
        """Choose a worker for a caller's line and return its port; None: none hears this language, or all are busy."""
        best = max(self._known, key=lambda number: self._known[number].free.get(language, 0), default=None)
        if best is None or self._known[best].free.get(language, 0) <= 0 or not self._lives(self._known[best]):
            return None
        worker = self._known[best]
        worker.free = {code: max(0, free - 1) for code, free in worker.free.items()}  # until it says so itself
        self._lines[line] = best, deliver
        return worker.port

    def hears(self, line: str, language: str) -> bool:
        """Return whether the worker of a line is alive and hears a language."""
        row = self._lines.get(line)
        worker = self._known.get(row[0]) if row is not None else None
        return worker is not None and language in worker.free

    def tell(self, message: ToWorker) -> None:
        """Send a message to the worker of its line; never blocks."""
        row = self._lines.get(message.line)
        if row is not None and self._post is not None:
            self._post.send(worker_socket(self._path, row[0]), message)

    def forget(self, line: str) -> None:
        """Deliver nothing about a line any more."""
        self._lines.pop(line, None)

    def _lives(self, worker: _Known) -> bool:
        return time.monotonic() - worker.at < DEAD_S

    def _read(self) -> None:
        for message in self._post.from_workers() if self._post is not None else ():
            if isinstance(message, Alive):
                former = self._known.get(message.worker)
                if former is not None and former.port != message.port:
                    self._lose(message.worker)  # this is another process
                self._known[message.worker] = _Known(message.port, dict(message.free), time.monotonic())
            elif (row := self._lines.get(message.line)) is not None:
                if isinstance(message, Lost):
                    del self._lines[message.line]
                row[1](message)

    def _forget_dead(self) -> None:
        for number in [number for number, worker in self._known.items() if not self._lives(worker)]:
            del self._known[number]
            self._lose(number)

    def _lose(self, number: int) -> None:
        log.warning("A speech worker is gone; its callers have keys until the next question", worker=number)
        for line, (of, deliver) in list(self._lines.items()):
            if of == number:
                del self._lines[line]
                deliver(Lost(line))
