"""Voice messages, as the control API reads them and notes who takes care of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from ivr.records.database_client import DatabaseClient, first_line

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from db.messages import Message

log = structlog.get_logger()

_LIMIT_S = 3.0
"""How long a person who asks waits for the database, in seconds; a slower database counts as away."""


class MessageRepository:
    """The messages in the database at `url`.

    Belongs to one event loop; the creator awaits `close`. While the database is away each question returns None, and
    `why` is the reason in one sentence.
    """

    def __init__(self, url: str) -> None:
        self._client = DatabaseClient(url, _LIMIT_S, self._failed)
        self.why = ""

    async def close(self) -> None:
        await self._client.close()

    async def unheard(self) -> "Sequence[Message] | None":
        """Return the messages that nobody has taken, oldest first."""
        return await self._client.ask("db.messages", lambda messages, engine: messages.unheard(engine))

    async def find(self, identity: UUID) -> "list[Message] | None":
        """Return the message with this id, in a list; an empty one if there is none."""

        async def find(messages: Any, engine: "AsyncEngine") -> "list[Message]":
            found = await messages.find(engine, identity)
            return [found] if found is not None else []

        return await self._client.ask("db.messages", find)

    async def take(self, identity: UUID, by: str, at: datetime) -> bool | None:
        """Note who takes care of a message; False if somebody has taken it."""
        return await self._client.ask("db.messages", lambda messages, engine: messages.take(engine, identity, by, at))

    def _failed(self, error: Exception) -> None:
        self.why = first_line(error)
        log.warning("The database is away: messages are not read", reason=self.why)
