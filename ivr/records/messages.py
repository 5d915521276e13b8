"""Voice messages, as the control API reads them and as people work them off. Calls only record them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from db.message_data import VoiceMessage
from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository

_MODULE = "db.messages"


class MessageRepository(Repository):
    """The messages in the database."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "messages")

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
