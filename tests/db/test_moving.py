"""A line moves from one database to another while it writes: every row arrives once, and an interruption loses
nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from db_helpers import count, delivering, is_count, until
from sample_rows import AT, fill
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from db.copying import GROUP, copy_rows, frozen, snapshot, tables
from db.delivery import deliver_all
from db.engine import DatabaseError, open_engine, reading, writing
from db.ids import uuid7
from db.journal import Journal
from db.moving import MARK, move
from db.tables import Call, CallEvent, Pairing
from db.upgrade import current, downgrade, upgrade

pytest_plugins = ["db_fixtures"]


@pytest_asyncio.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
async def way(
    request: pytest.FixtureRequest, sqlite_url: str, postgresql_url: str, empty_postgresql_url: str, tmp_path: Path
) -> AsyncIterator[tuple[str, str]]:
    """The URL of a database, and that of another kind, without tables."""
    if request.param.startswith("sqlite"):
        yield sqlite_url, empty_postgresql_url
    else:
        yield postgresql_url, f"sqlite:///{tmp_path}/new.db"


async def content(url: str) -> dict[str, set[str]]:
    def text_of(row: Any) -> str:  # PostgreSQL sorts the keys of JSON
        return repr([sorted(value.items()) if isinstance(value, dict) else value for value in row])

    async with open_engine(url) as engine, reading(engine) as connection:
        return {table.name: {text_of(row) for row in await connection.execute(select(table))} for table in tables()}


def nothing() -> None:
    pass


async def test_every_row_arrives_as_it_was_although_the_move_is_interrupted_and_nobody_can_write_while_it_ends(
    way: tuple[str, str],
) -> None:
    source, target = way
    total = await fill(source)
    before = await content(source)
    assert {name for name, rows in before.items() if not rows} == set()

    class InterruptedMoveError(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise InterruptedMoveError

    def not_reached() -> None:
        raise AssertionError

    with pytest.raises(InterruptedMoveError):
        await move(source, target, not_reached, interrupt)

    tried: list[str] = []

    def refuses() -> None:
        with ThreadPoolExecutor(1) as thread:  # there is an event loop here
            tried.append(thread.submit(asyncio.run, attempt(source)).result())
        raise InterruptedMoveError

    with pytest.raises(InterruptedMoveError):  # the setting could not be written
        await move(source, target, refuses)
    assert "lock" in tried[0], "somebody could write to the former database while the line was switched"
    assert await content(source) == before, "an interrupted move changed the former database"

    steps: list[str] = []
    done: list[tuple[int, int]] = []
    moved = await move(source, target, nothing, lambda *at: done.append(at), steps.append)
    assert moved.rows == total
    assert (total, total) in done and len(steps) == 2
    assert await content(target) == before
    async with open_engine(target) as engine, reading(engine) as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text(f"SELECT * FROM {MARK}"))


async def attempt(url: str) -> str:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.05)) as other:
            try:
                other.execute("DELETE FROM call")
            except sqlite3.OperationalError as error:
                return str(error)
            return "written"
    try:
        async with open_engine(url) as engine, engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await connection.execute(update(Call).values(country="FR"))
    except DBAPIError as error:
        return str(error.orig)
    return "written"


async def test_what_happens_while_a_line_moves_is_in_the_new_database_once(way: tuple[str, str], folder: Path) -> None:
    source, target = way
    journal = Journal(folder, "rabat-1")

    def happens() -> None:
        call = uuid7()
        journal.put("call", id=call, started=AT)
        for _ in range(3):
            journal.put("call_event", call_id=call, kind="node", data={})
        journal.flush()

    for _ in range(20):
        happens()
    await deliver_all(folder, source)
    happened = 0

    def meanwhile(done: int, total: int) -> None:
        nonlocal happened
        happened += 1
        happens()

    async with delivering(folder, source):
        await move(source, target, nothing, meanwhile)
        # The deliverer is the old one until it is restarted; here it ends.
    async with delivering(folder, target):
        wanted = 20 + happened
        await until(lambda: is_count(target, CallEvent, 3 * wanted))
    journal.close()
    assert happened > 3
    assert await count(target, Call) == wanted


async def test_a_database_that_has_rows_is_never_overwritten(sqlite_url: str, postgresql_url: str) -> None:
    await fill(sqlite_url)
    await fill(postgresql_url, 1)
    before = await content(postgresql_url)
    with pytest.raises(DatabaseError, match="neither empty nor an interrupted copy"):
        await move(sqlite_url, postgresql_url, nothing)
    assert await content(postgresql_url) == before
    with pytest.raises(DatabaseError, match="is the line's database already"):
        await move(sqlite_url, sqlite_url, nothing)


async def test_a_row_that_does_not_fit_is_named(sqlite_url: str, empty_postgresql_url: str) -> None:
    call = uuid7()
    async with open_engine(sqlite_url) as engine, writing(engine) as connection:
        rows = [{"id": uuid7(), "node": "n", "started": AT} for _ in range(20)]
        await connection.execute(insert(Call), rows)
        bad = {"id": call, "node": "n", "started": AT, "caller_raw": "a\0b"}
        await connection.execute(insert(Call).values(bad))
    with pytest.raises(DatabaseError, match=f"does not take the row {call} of call"):
        await move(sqlite_url, empty_postgresql_url, nothing)


async def test_rows_that_change_and_vanish_between_two_passes_follow(sqlite_url: str, postgresql_url: str) -> None:
    first, second = (
        {"id": uuid7(), "node": "n", "call_id": uuid7(), "operator_id": "1001", "began": AT} for _ in range(2)
    )
    async with open_engine(sqlite_url) as old, open_engine(postgresql_url) as new:

        async def passed() -> Any:
            async with frozen(old) as source, writing(new) as target:
                return await copy_rows(source, target)

        async def change(*statements: Any) -> None:
            async with writing(old) as connection:
                for statement in statements:
                    await connection.execute(statement)

        await change(insert(Pairing).values(first))
        assert (await passed()).inserted == 1
        # The same operator's next pairing: two open ones at once are refused.
        await change(update(Pairing).values(ended=AT), insert(Pairing).values(second))
        copied = await passed()
        assert (copied.inserted, copied.replaced, copied.deleted) == (1, 1, 0)
        await change(Pairing.__table__.delete().where(Pairing.ended.is_not(None)))  # type: ignore[attr-defined]
        assert (await passed()).deleted == 1
        assert (await passed()).changes == 0


async def test_a_snapshot_has_nothing_of_what_is_written_meanwhile(url: str, tmp_path: Path) -> None:
    total = await fill(url)

    def meanwhile(done: int, total: int) -> None:
        if url.startswith("postgresql"):
            writes.append(asyncio.ensure_future(write()))

    async def write() -> None:
        async with open_engine(url) as engine, writing(engine) as connection:
            await connection.execute(insert(Call).values(id=uuid7(), node="n", started=AT))

    writes: list[asyncio.Future[None]] = []
    await snapshot(url, tmp_path / "out.db", meanwhile)
    await asyncio.gather(*writes)
    copied = await content(f"sqlite:///{tmp_path}/out.db")
    assert sum(map(len, copied.values())) == total
    assert (tmp_path / "out.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("migration", ["0014", "0024"])
async def test_a_snapshot_of_an_earlier_versions_database_has_the_tables_and_rows_of_that_version(
    url: str, migration: str, tmp_path: Path
) -> None:
    await fill(url)
    await downgrade(url, migration)
    out = f"sqlite:///{tmp_path}/out.db"
    await snapshot(url, tmp_path / "out.db")
    assert await current(out) == migration
    await upgrade(url)
    await upgrade(out)
    assert await content(out) == await content(url)


async def test_a_copy_reads_the_rows_of_a_table_about_once_although_the_databases_sort_its_nodes_differently(
    sqlite_url: str, postgresql_url: str
) -> None:
    nodes, boot = {"rabat-1": 8 * GROUP, "Rabat-2": 10, "älter": 10, "rabat 3": 10}, uuid7()
    rows = [
        {"node": node, "boot": boot, "seq": seq, "at": AT, "call_id": uuid7(), "kind": "node", "data": {}}
        for node, number in nodes.items()
        for seq in range(number)
    ]
    query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'call_event'"
    async with open_engine(sqlite_url) as one, open_engine(postgresql_url) as other:
        async with writing(one) as connection:
            await connection.execute(insert(CallEvent), rows)
        async with frozen(one) as old, writing(other) as new:
            assert (await copy_rows(old, new)).inserted == len(rows)
            assert await new.scalar(text(query)) <= 2 * len(rows)
            assert (await copy_rows(old, new)).changes == 0
