"""Progress of long operations."""

from typing import Protocol


class Progress(Protocol):
    """The reporter of a long operation's progress."""

    def step(self, text: str) -> None:
        """Begin a new step; `text` is one line for a person."""

    def update(self, done: int, total: int) -> None:
        """Report how much of the step is done; the unit depends on the step."""
