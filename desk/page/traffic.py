"""Requests of browsers, and how live their pages are, counted for monitoring."""

from collections import Counter
from collections.abc import Callable, Mapping

_CLASSES = (2, 3, 4, 5)


class Traffic:
    """Answers since the start by class of their status, and what `live` says of the pages once they are served."""

    def __init__(self) -> None:
        self.live: Callable[[], Mapping[str, float]] = dict
        self._answers: Counter[int] = Counter()

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._answers[status // 100] += 1

    def counts(self) -> dict[str, float]:
        """Return the counts by name."""
        return {**self.live(), **{f"answers_{group}xx": self._answers[group] for group in _CLASSES}}
