"""The events of a call, in order, for the one coroutine that reads them.

`asyncio.Queue` under `asyncio.timeout` would do the same. A call reads about twenty times, each time with a limit, and
this class costs a third of that.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from ivr.asterisk.ari.events import Event

T = TypeVar("T")


class Receiver(Protocol):
    """Receives the events of a channel."""

    def deliver(self, item: Event, /) -> None: ...


class Inbox(Generic[T]):
    """A queue for one reader and any number of writers, in one event loop."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: T) -> None:
        self._items.append(item)
        _wake(self._waiter)

    def put_back(self, items: Sequence[T]) -> None:
        """Put items that were read back at the front, in their original order."""
        self._items.extendleft(reversed(items))
        _wake(self._waiter)

    def take_all(self) -> list[T]:
        """Return all items and leave none."""
        items = list(self._items)
        self._items.clear()
        return items

    async def get(self, until: float = math.inf) -> T | None:
        """Return the next item, or None if there is none by the time the loop's clock reaches `until`."""
        if not self._items:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            alarm = loop.call_at(until, _wake, self._waiter) if until != math.inf else None
            try:
                await self._waiter
            finally:
                self._waiter = None
                if alarm is not None:
                    alarm.cancel()
        return self._items.popleft() if self._items else None


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
