"""Voice messages, as the control API reads them and as people work them off. Calls only record them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from db.message_data import VoiceMessage
from ivr.records.database_client import PERSON_S, DatabaseClient

log = structlog.get_logger()

_MODULE = "db.messages"


class MessageRepository:
    """The messages in the database at `url`.

    Belongs to one event loop; the creator awaits `close`. While the database is away each question returns None, and
    `why` is the reason in one sentence.
    """

    def __init__(self, url: str) -> None:
        self._client = DatabaseClient(url, PERSON_S, self._failed)

    @property
    def why(self) -> str:
        return self._client.why

    @property
    def in_doubt(self) -> bool:
        """Whether the last change without an answer may have been made."""
        return self._client.in_doubt

    async def close(self) -> None:
        await self._client.close()

    async def list_latest(self, last: int) -> Sequence[VoiceMessage] | None:
        """Return the messages that are not done, the oldest first, then the `last` ones that are."""
        return await self._client.ask(_MODULE, lambda messages, engine: messages.latest(engine, last))

    async def find(self, identity: UUID) -> VoiceMessage | str | None:
        """Return a message, or a sentence that says that there is none."""
        return await self._client.find(_MODULE, lambda messages, engine: messages.find(engine, identity))

    async def take(self, identity: UUID, by: str, at: datetime) -> bool | None:
        """Give a message to somebody; False if somebody else has it, or it is done."""
        return await self._client.ask(_MODULE, lambda messages, engine: messages.take(engine, identity, by, at))

    async def release(self, identity: UUID, by: str | None) -> bool | None:
        """Let others take a message again; False if it is not `by` who has it (None: whoever), or it is done."""
        return await self._client.ask(_MODULE, lambda messages, engine: messages.release(engine, identity, by))

    async def finish(self, identity: UUID, by: str, at: datetime) -> bool | None:
        """Note that nothing is left to do; False if somebody else has the message, or it was done already."""
        return await self._client.ask(_MODULE, lambda messages, engine: messages.finish(engine, identity, by, at))

    async def hear(self, identity: UUID, by: str, at: datetime) -> bool | None:
        """Note who heard a message first; False if it was heard before."""
        return await self._client.ask(_MODULE, lambda messages, engine: messages.hear(engine, identity, by, at))

    def _failed(self, _: Exception) -> None:
        log.warning("The database is away: messages are not read", reason=self.why)
