"""Requests of browsers, counted for monitoring."""

from collections import Counter
from collections.abc import Callable

_CLASSES = (2, 3, 4, 5)


class Traffic:
    """Answers since the start by class of their status, and the browsers that follow now. `followers` counts those."""

    def __init__(self) -> None:
        self.followers: Callable[[], int] = lambda: 0
        self._answers: Counter[int] = Counter()

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._answers[status // 100] += 1

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {"browsers": self.followers()} | {f"answers_{group}xx": self._answers[group] for group in _CLASSES}
