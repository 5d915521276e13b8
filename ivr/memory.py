"""What is remembered about a caller's number: the language of his last call."""

from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncEngine

from db import callers, read
from db.engine import async_engine


class Memory:
    """Reads the database `url`; whatever is written to it goes through the journal (`Recorder.caller`)."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _engine(self) -> AsyncEngine:
        return async_engine(self._url)

    async def language(self, number: str) -> str | None:
        """Of the number's last call; None for a new caller, and where the database does not answer in time."""
        return await read.or_default(callers.remembered_language(self._engine, number), None)

    async def close(self) -> None:
        if "_engine" in self.__dict__:
            await self._engine.dispose()
