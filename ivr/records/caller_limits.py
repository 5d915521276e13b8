"""Limits on one caller: messages of a day, and open call-back requests. docs/limits.md has the rules.

The database knows what was recorded, on all nodes. What this controller has recorded and the database may not have yet
counts as well. While the database is away, only that does: a limit then lasts as long as the controller.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from ivr.model import clock
from ivr.records.limit_counts import Limit
from ivr.site.callback_rules import midnight
from ivr.site.site import Site

if TYPE_CHECKING:
    from db.caller_limits import RequestOfCaller, RequestsOfCaller

_MOST = 1000
"""How many messages, and how many requests, are remembered that the database may not have yet."""


class Reads(Protocol):
    """The reads of `ivr.records.database`; None while the database is away."""

    async def messages_of(self, caller: str, since: datetime, most: int) -> Sequence[UUID] | None: ...

    async def requests_of(
        self, number: str, caller: str, denied_since: datetime, known: Collection[UUID]
    ) -> "RequestsOfCaller | None": ...


@dataclass(frozen=True, slots=True)
class _Request:
    number: str
    asked_by: str


class CallerLimits:
    """The limits of the site. An empty number of a caller is withheld: such callers are not counted as one."""

    def __init__(self, reads: Reads, site: Site) -> None:
        self._reads, self._site = reads, site
        self._messages: dict[UUID, tuple[str, datetime]] = {}
        self._requests: dict[UUID, _Request] = {}

    def message_kept(self, message: UUID, caller: str) -> None:
        """Take note of a message that a caller has left."""
        self._messages[message] = caller, clock.now()
        _forget_oldest(self._messages)

    def callback_requested(self, request: UUID, number: str, caller: str) -> None:
        """Take note of a call-back request for `number`."""
        self._requests[request] = _Request(number, caller)
        _forget_oldest(self._requests)

    async def may_leave_message(self, caller: str) -> bool:
        """Return whether a caller has a message left for today, by the site's clock."""
        if not caller:
            return True
        most, today = self._site.limits.messages_by_number, midnight(clock.now(), self._site.hours.timezone)
        left = {message for message, (by, at) in self._messages.items() if by == caller and at >= today}
        if len(left) < most:
            left.update(await self._reads.messages_of(caller, today, most) or ())
        return len(left) < most

    async def why_no_callback(self, number: str, caller: str) -> Limit | None:
        """Return the limit that forbids another call-back request for `number`; None if it may be made."""
        rules = self._site.callbacks
        denied_since = clock.now() - timedelta(days=rules.not_asked_days)
        found = await self._reads.requests_of(number, caller, denied_since, self._requests.keys())
        if found is not None:
            for request in found.written:
                self._requests.pop(request, None)
        rows = found.requests if found is not None else ()
        if any(row.not_asked and (row.number == number or _asked_for_another(row, number, caller)) for row in rows):
            return Limit.CALLBACKS_UNWANTED
        requests = [_Request(row.number, row.asked_by or "") for row in rows if not row.not_asked]
        requests += self._requests.values()
        if any(request.number == number for request in requests):
            return Limit.CALLBACKS_OF_NUMBER
        if caller and any(request.asked_by == caller for request in requests):
            return Limit.CALLBACKS_OF_CALLER
        return None


def _asked_for_another(row: "RequestOfCaller", number: str, caller: str) -> bool:
    """Return whether a caller wants a call to somebody else, and has made a request like that one, which was denied."""
    return row.asked_by == caller != row.number and number != caller


def _forget_oldest(known: dict[UUID, object] | dict[UUID, tuple[str, datetime]] | dict[UUID, _Request]) -> None:
    while len(known) > _MOST:
        del known[next(iter(known))]
