"""The common part of all repositories: rows of one kind in the database, read and changed within a time limit."""

import structlog

from ivr.records.database_client import PERSON_S, DatabaseClient, SharedEngine

log = structlog.get_logger()


class Repository:
    """Rows of one kind in the database.

    Belongs to one event loop. While the database is away each question returns None, and `why` is the reason in one
    sentence. `what`: the rows, for the log.
    """

    def __init__(self, shared: SharedEngine, what: str) -> None:
        self._what, self.shared = what, shared
        self._client = DatabaseClient(shared, PERSON_S, self._failed, for_people=True)

    @property
    def why(self) -> str:
        """The reason, in one sentence, why the last question without an answer had none."""
        return self._client.why

    @property
    def in_doubt(self) -> bool:
        """Whether the last change without an answer may have been made."""
        return self._client.in_doubt

    def _failed(self, _: Exception) -> None:
        log.warning(f"The database is away: {self._what} are not read", reason=self.why)
