"""The controller's reads from the database while a caller waits; all its writes go through the journal."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from ivr.records.database_client import PERSON_S, DatabaseClient, SharedEngine, first_line

if TYPE_CHECKING:
    from db.audit import AuditEntry
    from db.caller_limits import RequestsOfCaller
    from db.case_files import Claim
    from db.last_calls import LastCall
    from db.returners import FormerWait
    from db.shifts import StoredShift

log = structlog.get_logger()

ACKNOWLEDGED = "alarm_acknowledged"
"""The act in the audit of somebody who sees to an alarm."""

LIMIT_S = 0.15
"""How long a call waits for a read, in seconds."""

CASE_LIMIT_S = 1.0
"""The same for a case file: callers who have entered its reference and PIN would rather wait than do it again."""


class Database:
    """The database, for reads that a call waits for.

    Belongs to one event loop. Each read returns None if the database is away, slower
    than a caller can wait, or broken.
    """

    def __init__(self, shared: SharedEngine) -> None:
        self.shared = shared
        self._client = DatabaseClient(shared, LIMIT_S, _log_broken)

    async def warm(self) -> None:
        """Make the first reads as quick as the next ones."""
        await self._client.load("db.caller_limits", "db.case_files", "db.returners")
        await self.language("")
        await self.last_call("")  # an operator may ask for the last caller's file right after a restart

    async def language(self, number: str) -> str | None:
        """Return the language of the last call from `number` (E.164 with +); also None if it has not called before."""
        return await self._client.ask("db.callers", lambda callers, engine: callers.remembered_language(engine, number))

    async def acknowledgements(self) -> "Sequence[AuditEntry] | None":
        """Return the latest acknowledgements of alarms, the latest first. No call waits for them."""
        await self._client.load("db.audit")
        return await self._client.ask(
            "db.audit", lambda audit, engine: audit.audit_entries(engine, 200, ACKNOWLEDGED), PERSON_S
        )

    async def claim(self, reference: str, number: str) -> "Claim | None":
        """Return what a case reference and PIN, entered by a caller from `number`, are checked against."""
        return await self._client.ask(
            "db.case_files", lambda files, engine: files.claim(engine, reference, number), CASE_LIMIT_S
        )

    async def former(self, number: str, call: str) -> "FormerWait | None":
        """Return the last wait of `number` before `call`, if it was cut short."""
        return await self._client.ask(
            "db.returners", lambda returners, engine: returners.former_wait(engine, number, call)
        )

    async def shifts(self, begins: datetime, ends: datetime) -> "list[StoredShift] | None":
        """Return the shifts planned in a period, as far as they have been written."""
        return await self._client.ask("db.shifts", lambda shifts, engine: shifts.shifts(engine, begins, ends))

    async def messages_of(self, caller: str, since: datetime, most: int) -> Sequence[UUID] | None:
        """Return the ids of the messages that a caller has left since then, `most` at most."""
        return await self._client.ask(
            "db.caller_limits", lambda limits, engine: limits.messages_since(engine, caller, since, most)
        )

    async def requests_of(
        self, number: str, caller: str, denied_since: datetime, known: Collection[UUID]
    ) -> "RequestsOfCaller | None":
        """Return the call-back requests that count when `caller` asks for a call to `number`."""
        ids = tuple(known)
        return await self._client.ask(
            "db.caller_limits", lambda limits, engine: limits.requests_of(engine, number, caller, denied_since, ids)
        )

    async def last_call(self, operator: str) -> "LastCall | None":
        """Return the operator's last call; also None if there is none."""
        return await self._client.ask("db.last_calls", lambda calls, engine: calls.last_call(engine, operator))


def _log_broken(error: Exception) -> None:
    """Log what a database that is merely away or slow does not raise."""
    from db.engine import DatabaseError  # not at the top: the database's packages must not hold up a start

    if not isinstance(error, DatabaseError | TimeoutError):
        log.error("The database cannot be read", error=first_line(error))
