"""What the caller draws while something takes long."""

from typing import Protocol


class Progress(Protocol):
    def step(self, text: str) -> None:
        """A new step begins; `text` is one line for a person."""

    def update(self, done: int, total: int) -> None:
        """How far the step is; the unit is the step's own."""
