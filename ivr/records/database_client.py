"""The database as the controller asks it: within a time limit, and without holding up a start."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from types import ModuleType

    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

CONNECTIONS = 10
"""How many connections a process may have to the database, unless the site says otherwise."""

PERSON_S = 3.0
"""How long a person who asks waits for the database, in seconds; a slower database counts as away."""


class SharedEngine:
    """The engine of a process for the database at `url`, with `connections` at most, made at the first question.

    Belongs to one event loop; the creator awaits `close`.
    """

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self.places = asyncio.Semaphore(max(1, connections // 2))
        """For people's questions, which may take seconds: the other half of the connections is for calls."""

        self._url, self._connections = url, connections
        self._engine: AsyncEngine | None = None
        self._modules: dict[str, ModuleType] = {}

    async def close(self) -> None:
        """Close the connections, without waiting for a database that is silent."""
        if self._engine is not None:
            await self._engine.dispose()

    async def load(self, *modules: str) -> None:
        """Import modules in a thread.

        The database's packages take half of a process's start, and a start is also a recovery: calls come first.
        """
        for name in modules:
            if name not in self._modules:
                self._modules[name] = await asyncio.to_thread(importlib.import_module, name)

    def module(self, name: str) -> "ModuleType":
        """Return a module that was loaded."""
        return self._modules[name]

    async def engine(self) -> "AsyncEngine":
        """Return the engine. Raises DatabaseError for a URL that cannot be right."""
        await self.load("db.engine")
        if self._engine is None:
            self._engine = self._modules["db.engine"].async_engine(self._url, self._connections)
        return self._engine


class DatabaseClient:
    """Asks the database, and waits at most `limit_s` for each answer.

    `failed` gets the reason for each question that had no answer: `db.engine.DatabaseError` or TimeoutError if the
    database is away or slow, anything else if it is broken. `for_people`: leave half of the connections to calls.
    """

    def __init__(
        self,
        shared: SharedEngine,
        limit_s: float,
        failed: Callable[[Exception], None],
        *,
        for_people: bool = False,
    ) -> None:
        self.away = False  # the last question had no answer
        self.why = ""  # in one line, why the last question without an answer had none
        self.in_doubt = False  # what that question was to change may have been changed
        self._shared, self._limit_s, self._failed, self._for_people = shared, limit_s, failed, for_people

    async def load(self, *modules: str) -> None:
        """Import modules in a thread, as `SharedEngine.load`."""
        await self._shared.load(*modules)

    async def ask(
        self, module: str, query: "Callable[[Any, AsyncEngine], Awaitable[T]]", limit_s: float | None = None
    ) -> T | None:
        """Return what `query(module, engine)` returns; None if it fails or takes longer than `limit_s`.

        `module` is the name of the module of `db` that the query uses; it is imported at its first use.
        """
        try:
            await self.load(module, "db.engine", "db.read", "db.rows")
            asked = self._asked(query, self._shared.module(module), await self._shared.engine())
            answer: T = await self._shared.module("db.read").within(asked, limit_s or self._limit_s)
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
            except self._shared.module("db.rows").NotFoundError as error:
                return str(error)

        return await self.ask(module, find)

    async def _asked(
        self, query: "Callable[[Any, AsyncEngine], Awaitable[T]]", module: "ModuleType", engine: "AsyncEngine"
    ) -> T:
        if not self._for_people:
            return await query(module, engine)
        async with self._shared.places:
            return await query(module, engine)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; its type if it has none."""
    return (str(error).splitlines() or [repr(error)])[0]
