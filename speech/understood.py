"""The meaning of an utterance: an option, or procedures that an answer to an open question is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Understood(NamedTuple):
    """`key`: of what was said; None: nothing that was asked for. `confidence`: how sure that is, up to 1.

    `found`: what the answer to an open question is about, best first.
    """

    key: str | None = None
    confidence: float = 0.0
    found: tuple[str, ...] = ()


class Finder(Protocol):
    """Finds what an answer to an open question is about. Both are called in a thread, one after the other."""

    def prepare(self) -> None:
        """Read what can be found, before somebody answers."""

    def find(self, language: str, texts: Sequence[str]) -> tuple[str, ...]:
        """Return what an answer is about, best first, at most two.

        Args:
            texts: The answer as it may have been, likeliest first.
        """


class _FindsNothing:
    """The finder of a line without open questions."""

    def prepare(self) -> None:
        pass

    def find(self, language: str, texts: Sequence[str]) -> tuple[str, ...]:
        return ()


NOTHING: Finder = _FindsNothing()
