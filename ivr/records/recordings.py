"""Recorded conversations, as the control API finds them: to note who has heard them, and how they were scored."""

from uuid import UUID

from db.recording_data import RecordedCall
from ivr.records.database_client import SharedEngine
from ivr.records.repository import Repository


class RecordingRepository(Repository):
    """The recordings in the database."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "recordings")

    async def find(self, identity: UUID) -> RecordedCall | str | None:
        """Return a recording, or a sentence that says that there is none."""
        return await self._client.find("db.recordings", lambda recordings, engine: recordings.find(engine, identity))
