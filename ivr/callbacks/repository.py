"""Call-back requests in the database, read and moved by the controller. Without the database nobody is dialled."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from db.callback_requests import CallbackRequest, Claim, CountryLimit, DialCounts
from db.enums import TryOutcome
from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository

if TYPE_CHECKING:
    from db.case_files import File

log = structlog.get_logger()


class CallbackRepository(Repository):
    """The call-back requests in the database, for the controller that `claim` names."""

    def __init__(self, shared: SharedEngine, claim: Claim) -> None:
        super().__init__(shared, "call-back requests")
        self.claim = claim

    async def adopt(self) -> bool:
        """Claim the requests that earlier controllers of this node were working on. Comes before all other queries."""
        adopted = await self._client.ask("db.callbacks", lambda callbacks, engine: callbacks.adopt(engine, self.claim))
        return adopted is not None

    async def pending(self) -> list[CallbackRequest] | None:
        """Return the requests that have not ended, the oldest first."""
        return await self._client.ask("db.callbacks", lambda callbacks, engine: callbacks.pending(engine))

    async def request(self, identity: str) -> CallbackRequest | None:
        """Return a request by its id; also None if there is no such request."""
        found = await self.find(identity)
        return found if isinstance(found, CallbackRequest) else None

    async def find(self, prefix: str) -> CallbackRequest | str | None:
        """Return the request whose id begins with `prefix`, or a sentence that says why there is none."""
        return await self._client.find("db.callbacks", lambda callbacks, engine: callbacks.find_request(engine, prefix))

    async def dialled(self, since: datetime, *, talked: bool = False) -> DialCounts | None:
        """Return how often was dialled since an instant, by number and in all; `talked`: and for how long."""
        return await self._client.ask(
            "db.callbacks", lambda callbacks, engine: callbacks.count_dialled(engine, since, talked=talked)
        )

    async def called_again(self, requests: Sequence[UUID]) -> set[UUID] | None:
        """Return those of the requests whose caller has called again, and waits or talks, or has done so."""
        return await self._client.ask(
            "db.callbacks", lambda callbacks, engine: callbacks.called_again(engine, requests)
        )

    async def without_file(self, since: datetime) -> list[CallbackRequest] | None:
        """Return the requests that failed since an instant and whose case file or note has not been written."""
        return await self._client.ask(
            "db.callbacks", lambda callbacks, engine: callbacks.failed_without_file(engine, since)
        )

    async def file(self, reference: str) -> "File | None":
        """Return a case file without its PIN; also None if there is no such file."""
        found = await self._client.find("db.case_files", lambda files, engine: files.story(engine, reference))
        return None if found is None or isinstance(found, str) else found.file

    async def move(
        self,
        before: CallbackRequest,
        after: CallbackRequest,
        *,
        outcome: TryOutcome | None = None,
        at: datetime | None = None,
    ) -> bool | None:
        """Write a request's next state; False if something else has moved it, or if `after` is `before`."""
        if after is before:
            return False
        return await self._client.ask(
            "db.callbacks", lambda callbacks, engine: callbacks.move(engine, before, after, outcome=outcome, at=at)
        )

    async def replace(self, before: CallbackRequest, after: CallbackRequest, new: CallbackRequest) -> bool | None:
        """End a request with a new one in its place; False if something else has moved it, or `after` is `before`."""
        if after is before:
            return False
        return await self._client.ask(
            "db.callbacks", lambda callbacks, engine: callbacks.replace(engine, before, after, new)
        )

    async def dial(
        self,
        before: CallbackRequest,
        after: CallbackRequest,
        *,
        operator: str | None,
        since: datetime,
        a_number: int,
        a_day: int,
        country: CountryLimit | None = None,
    ) -> str | None:
        """Return a value of `db.callbacks.DialResult`; the number may be dialled only after `yes`."""
        answer = await self._client.ask(
            "db.callbacks",
            lambda callbacks, engine: callbacks.dial(
                engine, before, after, operator=operator, since=since, a_number=a_number, a_day=a_day, country=country
            ),
        )
        return str(answer) if answer is not None else None

    def _failed(self, _: Exception) -> None:
        if not self._client.away:
            log.error("The database is away: nobody is called back", error=self.why)
