"""The database as the controller asks it: within a time limit, and without holding up a start."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from types import ModuleType

    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

PERSON_S = 3.0
"""How long a person who asks waits for the database, in seconds; a slower database counts as away."""


class DatabaseClient:
    """Asks the database at `url`, and waits at most `limit_s` for each answer.

    Belongs to one event loop; the creator awaits `close`. `failed` gets the reason for each question that had no
    answer: `db.engine.DatabaseError` or TimeoutError if the database is away or slow, anything else if it is broken.
    """

    def __init__(self, url: str, limit_s: float, failed: Callable[[Exception], None]) -> None:
        self.away = False  # the last question had no answer
        self.why = ""  # in one line, why the last question without an answer had none
        self.in_doubt = False  # what that question was to change may have been changed
        self._url, self._limit_s, self._failed = url, limit_s, failed
        self._engine: AsyncEngine | None = None
        self._modules: dict[str, ModuleType] = {}

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()

    async def load(self, *modules: str) -> None:
        """Import modules in a thread.

        The database's packages take half of a process's start, and a start is also a recovery: calls come first.
        """
        for name in modules:
            if name not in self._modules:
                self._modules[name] = await asyncio.to_thread(importlib.import_module, name)

    async def ask(
        self, module: str, query: "Callable[[Any, AsyncEngine], Awaitable[T]]", limit_s: float | None = None
    ) -> T | None:
        """Return what `query(module, engine)` returns; None if it fails or takes longer than `limit_s`.

        `module` is the name of the module of `db` that the query uses; it is imported at its first use.
        """
        try:
            await self.load(module, "db.engine", "db.read", "db.rows")
            engine = self._engine = self._engine or self._modules["db.engine"].async_engine(self._url)
            limit_s = limit_s or self._limit_s
            answer: T = await self._modules["db.read"].within(query(self._modules[module], engine), limit_s)
        except Exception as error:  # the drivers' own errors too: calls go on without the database
            self.why = first_line(error)
            self.in_doubt = isinstance(error, TimeoutError) or getattr(error, "in_doubt", False)
            self._failed(error)
            self.away = True
            return None
        self.away = False
        return answer

    async def find(self, module: str, query: "Callable[[Any, AsyncEngine], Awaitable[T]]") -> T | str | None:
        """Return like `ask`, or the sentence of the `db.rows.NotFoundError` that the query raises."""

        async def find(queries: Any, engine: "AsyncEngine") -> T | str:
            try:
                return await query(queries, engine)
            except self._modules["db.rows"].NotFoundError as error:
                return str(error)

        return await self.ask(module, find)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; its type if it has none."""
    return (str(error).splitlines() or [repr(error)])[0]
