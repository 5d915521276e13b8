"""The wishes in the database, as the controller reads and moves them. Without the database nothing is dialled."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import structlog

from db.callback_requests import CallbackRequest, Claim, DialCounts
from db.enums import TryOutcome

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from db.case_files import File

log = structlog.get_logger()

T = TypeVar("T")

LIMIT_S = 3.0
"""Nobody on the telephone waits longer for the database, and it is away then."""


class CallbackRepository:
    """`claim`: this controller. For one event loop; who made it awaits `close`. Each question gives None, and each move
    False, when the database is away; `why` is the sentence about that."""

    def __init__(self, url: str, claim: Claim) -> None:
        self.claim = claim
        self._url = url
        self._engine: AsyncEngine | None = None
        self._away = False
        self.why = ""

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()

    async def adopt(self) -> bool:
        """What former controllers of this node were at is ours. Before that nothing else is asked."""
        return await self._asked("db.callbacks", lambda book, engine: book.adopt(engine, self.claim)) is not None

    async def pending(self) -> list[CallbackRequest] | None:
        return await self._asked("db.callbacks", lambda book, engine: book.pending(engine))

    async def wish(self, identity: str) -> CallbackRequest | None:
        """Also None where there is none."""
        found = await self.found(identity)
        return found if isinstance(found, CallbackRequest) else None

    async def found(self, beginning: str) -> CallbackRequest | str | None:
        """The wish whose id begins so, or the sentence that says why there is none."""

        async def looked(book: Any, engine: "AsyncEngine") -> CallbackRequest | str:
            from db.read import NotFoundError

            try:
                found: CallbackRequest = await book.find_request(engine, beginning)
            except NotFoundError as error:
                return str(error)
            return found

        return await self._asked("db.callbacks", looked)

    async def listed(
        self, last: int, since: datetime
    ) -> tuple[list[CallbackRequest], dict[UUID, list[dict[str, Any]]], DialCounts] | None:
        """The wishes with what was dialled for them, and what was dialled `since`."""

        async def looked(book: Any, engine: "AsyncEngine") -> Any:
            wishes = await book.latest(engine, last)
            return (
                wishes,
                await book.tries(engine, [each.id for each in wishes]),
                await book.count_dialled(engine, since),
            )

        return await self._asked("db.callbacks", looked)

    async def dialled(self, since: datetime) -> DialCounts | None:
        return await self._asked("db.callbacks", lambda book, engine: book.count_dialled(engine, since))

    async def without_file(self, since: datetime) -> list[CallbackRequest] | None:
        return await self._asked("db.callbacks", lambda book, engine: book.failed_without_file(engine, since))

    async def file(self, reference: str) -> "File | None":
        """All of a case file but its PIN; also None where there is none."""

        async def looked(files: Any, engine: "AsyncEngine") -> "File | None":
            from db.read import NotFoundError

            try:
                found: File = (await files.story(engine, reference)).file
            except NotFoundError:
                return None
            return found

        return await self._asked("db.case_files", looked)

    async def move(
        self,
        before: CallbackRequest,
        after: CallbackRequest,
        *,
        outcome: TryOutcome | None = None,
        at: datetime | None = None,
    ) -> bool:
        """Also False when somebody else has moved it, or nothing is to be moved."""
        if after is before:
            return False
        return bool(
            await self._asked(
                "db.callbacks", lambda book, engine: book.move(engine, before, after, outcome=outcome, at=at)
            )
        )

    async def dial(
        self,
        before: CallbackRequest,
        after: CallbackRequest,
        *,
        operator: str | None,
        since: datetime,
        a_number: int,
        a_day: int,
    ) -> str | None:
        """A word of `db.callbacks.DialResult`; only after `yes` the number may be dialled."""
        found = await self._asked(
            "db.callbacks",
            lambda book, engine: book.dial(
                engine, before, after, operator=operator, since=since, a_number=a_number, a_day=a_day
            ),
        )
        return str(found) if found is not None else None

    async def _asked(self, module: str, query: "Callable[[Any, AsyncEngine], Awaitable[T]]") -> T | None:
        if self._engine is None:
            # Half a start of a process: loaded behind the calls' back.
            for each in ("db.callbacks", "db.case_files"):
                await asyncio.to_thread(importlib.import_module, each)
        from db.engine import async_engine

        try:
            self._engine = self._engine or async_engine(self._url)
            async with asyncio.timeout(LIMIT_S):
                found = await query(importlib.import_module(module), self._engine)
        except Exception as error:  # the drivers' own as well
            self.why = (str(error).splitlines() or [repr(error)])[0]
            if not self._away:
                log.error("The database is away: nobody is called back", error=self.why)
            self._away = True
            return None
        self._away = False
        return found
