"""Sends the traces of calls to an OpenTelemetry collector, some seconds after their end, from the database."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from db.engine import open_engine
from db.read import CallStory, calls
from db.read import call as read_story
from db.tables import Call
from ivr.cli.monitoring.traces import export_request
from ivr.model import clock

log = structlog.get_logger()

EVERY_S = 10.0
SETTLED = timedelta(seconds=5)
"""How long a call's last records may take, after its end, to reach the database."""
LOOK_BACK = timedelta(minutes=15)
"""How long a call may take to reach the database; one that takes longer has no trace."""
LONGEST = timedelta(days=1)
AT_ONCE = 100
_ANSWER_S = 5.0

Post = Callable[[str, bytes], None]
"""Sends a body to a URL. Raises OSError if it is not accepted."""


class TraceSender:
    """Sends each call of a database once, as long as it runs; a call that is sent twice has the same trace.

    Attributes:
        sent: How many calls were sent.
        fault: Why the last attempt failed; None: it did not.
    """

    def __init__(self, url: str, database: Callable[[], str], version: str, post: Post | None = None) -> None:
        self._url = f"{url.rstrip('/')}/v1/traces"
        self._database, self._version, self._post = database, version, post or _post
        self._since = clock.now()
        self._known: dict[str, datetime] = {}  # calls that were sent, with their end
        self.sent = 0
        self.fault: str | None = None

    def run(self) -> None:
        """Send every `EVERY_S` seconds, for ever."""
        while True:
            try:
                self.send()
                self.fault = None
            except Exception as error:  # whatever it is: the next attempt has the same calls
                if str(error) != self.fault:
                    log.warning("Traces cannot be sent; the next attempt has them too", to=self._url, error=str(error))
                self.fault = str(error)
            time.sleep(EVERY_S)

    def send(self) -> None:
        """Send the calls that have ended since the last time. Raises OSError, DatabaseError."""
        now = clock.now()
        unsent = asyncio.run(self._unsent(now))
        for first in range(0, len(unsent), AT_ONCE):
            stories = asyncio.run(self._stories(unsent[first : first + AT_ONCE]))
            self._post(self._url, json.dumps(export_request(stories, self._version)).encode())
            self._known |= {str(story.call.id): story.call.ended or now for story in stories}
            self.sent += len(stories)
        self._since = max(self._since, now - LOOK_BACK)
        self._known = {call: ended for call, ended in self._known.items() if ended >= self._since}

    async def _unsent(self, now: datetime) -> list[UUID]:
        """Return the calls that were not sent yet, the oldest first."""
        ended = (Call.started >= self._since - LONGEST, Call.ended >= self._since, Call.ended < now - SETTLED)
        async with open_engine(self._database()) as engine:
            found = await calls(engine, None, ended)
        return [row.id for row in reversed(found) if str(row.id) not in self._known]

    async def _stories(self, found: Iterable[UUID]) -> list[CallStory]:
        async with open_engine(self._database()) as engine:
            return [await read_story(engine, call) for call in found]


def counts(sender: TraceSender | None) -> Mapping[str, Any]:
    """Return what monitoring reports about traces; empty if they are switched off."""
    return {} if sender is None else {"sent": sender.sent, "ok": sender.fault is None}


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    # The collector is named; no proxy of the environment is meant for it.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=_ANSWER_S) as answer:
        answer.read()
