"""Amendments of the guide in the database, as the control API reads and releases them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository

if TYPE_CHECKING:
    from db.amendment_data import Amendment
    from db.enums import AmendmentState


class AmendmentRepository(Repository):
    """The amendments in the database."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "amendments")

    async def latest(self, last: int, procedure: str | None = None) -> "Sequence[Amendment] | None":
        """Return the latest amendments, of one procedure if it is named, the newest first."""
        return await self._client.ask("db.amendments", lambda rows, engine: rows.latest(engine, last, procedure))

    async def find(self, identity: UUID) -> "Amendment | str | None":
        """Return an amendment, or a sentence if there is none."""
        return await self._client.find("db.amendments", lambda rows, engine: rows.find(engine, identity))

    async def move(self, identity: UUID, before: "AmendmentState", after: "AmendmentState", **more: Any) -> bool | None:
        """Bring an amendment from one state to another; return False if somebody was faster."""
        return await self._client.ask(
            "db.amendments", lambda rows, engine: rows.move(engine, identity, before, after, **more)
        )
