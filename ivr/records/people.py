"""People of the desk in the database, as the control API asks for them."""

from typing import TYPE_CHECKING

from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository

if TYPE_CHECKING:
    from db.second_person import Objection


class PeopleRepository(Repository):
    """The accounts in the database."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "accounts")

    async def objections(self, actor: str, author: str) -> "tuple[Objection, ...] | None":
        """Return what stands against an actor as the second person for what an author has written."""
        return await self._client.ask("db.second_person", lambda rules, engine: rules.objections(engine, actor, author))

    async def objections_by_tie(self, account: str, administrator: str) -> "tuple[Objection, ...] | None":
        """Return what stands against an account's acting on something of an administrator."""
        return await self._client.ask(
            "db.second_person", lambda rules, engine: rules.objections_by_tie(engine, account, administrator)
        )
