"""A caller's wait for an operator, as others than the caller can change it."""

from typing import Protocol


class Wait(Protocol):
    """A waiting call, as others see it; `ivr.queue.waiting` makes it."""

    def move(self, *, front: bool, language: str | None, topic: str | None, operator: str | None, by: str) -> None:
        """Move the caller in the queue, in the name of `by`. What they hear goes on."""
