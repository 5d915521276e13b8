"""The hearing of a trial's caller: the answers to open questions are known beforehand, without a recogniser."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from ivr.recognition.workers import Spoken, Workers
from speech.protocol import Ask, Began, Heard, Lost, ToWorker

SPEAKS_S = 3.0
"""How long an answer takes, with its recognition."""
_LISTENS_S = 0.5


class _Line(Protocol):
    """The caller's line."""

    def later(self, seconds: float, do: Callable[[], object]) -> object: ...

    @property
    def announced_s(self) -> float: ...


class Hearers(Workers):
    """Hears one caller, in `languages`. `says`: at each open question, the procedures that are understood."""

    def __init__(self, says: Iterable[Sequence[str]], languages: Collection[str], line: _Line) -> None:
        super().__init__(Path())  # without its socket, which only `run` opens
        self._says, self._spoken_in, self._line = deque(says), frozenset(languages), line
        self._deliver: Callable[[Spoken], None] | None = None

    @property
    def languages(self) -> frozenset[str]:
        return self._spoken_in

    def open(self, line: str, language: str, deliver: Callable[[Spoken], None]) -> int | None:
        if language not in self._spoken_in or not self._says:
            return None
        self._deliver = deliver
        return 0

    def hears(self, line: str, language: str) -> bool:
        return self._deliver is not None and language in self._spoken_in

    def tell(self, message: ToWorker) -> None:
        """Answer an open question once it has been heard; at any other, the caller presses keys."""
        if not isinstance(message, Ask) or not message.anything or self._deliver is None:
            return
        deliver = self._deliver
        if not self._says:
            deliver(Lost(message.line))
            return
        found, begins_s = tuple(self._says.popleft()), self._line.announced_s + _LISTENS_S
        self._line.later(begins_s, lambda: deliver(Began(message.line, message.question)))
        heard = Heard(message.line, message.question, None, found=found)
        self._line.later(begins_s + SPEAKS_S, lambda: deliver(heard))

    def forget(self, line: str) -> None:
        self._deliver = None
