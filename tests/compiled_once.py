"""Statements are compiled once by a process of the tests, not once for each of its hundreds of engines.

An engine keeps what it has compiled, by its dialect. All engines of the tests are made alike, so those of one kind of
database share it.
"""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.util import LRUCache

from db import engine

_MOST = 2000
_COMPILED: dict[type[Any], LRUCache[Any, Any]] = {
    kind: LRUCache(_MOST) for kind in (PGDialect_asyncpg, SQLiteDialect_aiosqlite)
}


def install() -> None:
    """Have the engines of `db.engine` share what they compile."""
    module: Any = engine
    make = module.create_async_engine

    def shared(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        made.sync_engine._compiled_cache = _COMPILED[type(made.dialect)]
        return made

    module.create_async_engine = shared
    kind: Any
    for kind in _COMPILED:
        kind.__eq__, kind.__hash__ = _is_of_the_same_kind, _hash_of_the_kind


def _is_of_the_same_kind(dialect: object, other: object) -> bool:
    return type(dialect) is type(other)


def _hash_of_the_kind(dialect: object) -> int:
    return hash(type(dialect))
