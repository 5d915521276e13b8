"""People of the desk in the database, as the control API asks for them."""

from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository


class PeopleRepository(Repository):
    """The accounts in the database."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "accounts")

    async def let_in_by(self, account: str) -> frozenset[str] | None:
        """Return the administrators whose one-time link has let an account in, unless somebody else has since."""
        return await self._client.ask("db.second_person", lambda rows, engine: rows.let_in_by(engine, account))
