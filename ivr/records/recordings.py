"""Recorded conversations, as the control API finds them: to note who has heard them, and how they were scored."""

from uuid import UUID

import structlog

from db.recording_data import RecordedCall
from ivr.records.database_client import PERSON_S, DatabaseClient

log = structlog.get_logger()


class RecordingRepository:
    """The recordings in the database at `url`.

    Belongs to one event loop; the creator awaits `close`. While the database is away `find` returns None, and `why` is
    the reason in one sentence.
    """

    def __init__(self, url: str) -> None:
        self._client = DatabaseClient(url, PERSON_S, self._failed)

    @property
    def why(self) -> str:
        return self._client.why

    async def close(self) -> None:
        await self._client.close()

    async def find(self, identity: UUID) -> RecordedCall | str | None:
        """Return a recording, or a sentence that says that there is none."""
        return await self._client.find("db.recordings", lambda recordings, engine: recordings.find(engine, identity))

    def _failed(self, _: Exception) -> None:
        log.warning("The database is away: recordings are not found", reason=self.why)
