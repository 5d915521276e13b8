"""Recorded conversations, as the control API finds them: to note who has heard them, and how they were scored."""

from uuid import UUID

from db.recording_data import RecordedCall
from ivr.records.repository import Repository


class RecordingRepository(Repository):
    """The recordings in the database at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "recordings")

    async def find(self, identity: UUID) -> RecordedCall | str | None:
        """Return a recording, or a sentence that says that there is none."""
        return await self._client.find("db.recordings", lambda recordings, engine: recordings.find(engine, identity))
