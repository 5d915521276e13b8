"""Whether Asterisk's events reach the controller: an event of its own must come back, again and again.

Answers to requests say nothing about events: Asterisk can deactivate the application under a connection, and then
answers every request and reports nothing (docs/decisions/0052-own-events.md).
"""

import asyncio
import time

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import Link
from ivr.asterisk.own_events import comes

EVERY_S = 0.75
"""The pause between an event that has come back and the next one."""

LOST_S = 2.0
"""After this time an event counts as lost; it comes back in a few milliseconds."""


class Hearing:
    """Sends events to the application of a connection, and waits for each."""

    def __init__(self, link: Link, application: str) -> None:
        self._link, self._application = link, application
        self._expected = ""
        self._came = asyncio.Event()

    def deliver(self, event: events.ChannelUserevent) -> None:
        """Take an event. Those of an earlier controller, and of other clients of ARI, are not ours."""
        if event.eventname == self._expected:
            self._came.set()

    async def check(self) -> None:
        """Return once an event of our own has come back.

        Raises:
            LinkLost: The connection has ended.
            TimeoutError: It does not come.
        """
        self._came.clear()
        self._expected = f"hatif-{time.monotonic_ns()}"
        await self._link.send(operations.USER_EVENT(self._expected, application=self._application))
        if not await comes(self._came, LOST_S):
            raise TimeoutError(f"its events do not come: not one in {LOST_S:g} s; the connection is made anew")

    async def run(self) -> None:
        """Check until cancelled.

        Raises:
            LinkLost: The connection has ended.
            TimeoutError: Asterisk's events do not come.
        """
        while True:
            await self.check()
            await asyncio.sleep(EVERY_S)
