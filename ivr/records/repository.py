"""The common part of all repositories: rows of one kind in the database, read and changed within a time limit."""

import structlog

from ivr.records.database_client import PERSON_S, DatabaseClient

log = structlog.get_logger()


class Repository:
    """Rows of one kind in the database at `url`.

    Belongs to one event loop; the creator awaits `close`. While the database is away each question returns None, and
    `why` is the reason in one sentence. `what`: the rows, for the log.
    """

    def __init__(self, url: str, what: str) -> None:
        self._what = what
        self._client = DatabaseClient(url, PERSON_S, self._failed)

    @property
    def why(self) -> str:
        """The reason, in one sentence, why the last question without an answer had none."""
        return self._client.why

    @property
    def in_doubt(self) -> bool:
        """Whether the last change without an answer may have been made."""
        return self._client.in_doubt

    async def close(self) -> None:
        """Close the connections to the database."""
        await self._client.close()

    def _failed(self, _: Exception) -> None:
        log.warning(f"The database is away: {self._what} are not read", reason=self.why)
