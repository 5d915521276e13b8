"""The tables get into both databases, once, and are those of the code."""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from db.engine import DatabaseError, async_engine, reading, writing
from db.ids import uuid7
from db.tables import Table
from db.upgrade import current, pending, upgrade

pytest_plugins = ["db_fixtures"]


async def test_an_empty_database_gets_every_table_and_an_upgraded_one_nothing_more(empty_url: str) -> None:
    assert await pending(empty_url) == ["0001", "0002", "0003"]
    assert await current(empty_url) is None
    assert await upgrade(empty_url) == ["0001", "0002", "0003"]
    assert (await pending(empty_url), await current(empty_url)) == ([], "0003")
    assert await upgrade(empty_url) == []
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        names = await connection.run_sync(lambda c: inspect(c).get_table_names())
    await engine.dispose()
    assert set(names) == {*Table.metadata.tables, "alembic_version"}


async def test_the_migrations_make_exactly_the_tables_of_the_code(url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, Table.metadata)
        return found

    engine = async_engine(url)
    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_migrations_make_the_checks_and_partial_indexes_of_the_code(sqlite_url: str, tmp_path: Path) -> None:
    """Alembic does not compare these: SQLite tells them as they were written, with quotation marks round the name of a
    table that was made anew."""
    (tmp_path / "made.db").touch()
    made = async_engine(f"sqlite:///{tmp_path}/made.db")
    async with writing(made) as connection:
        await connection.run_sync(Table.metadata.create_all)
    migrated = async_engine(sqlite_url)

    async def schema(engine: Any) -> dict[str, set[str]]:
        async with reading(engine) as connection:
            rows = await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"))
            return {
                name: {
                    line.strip(" ,\t").replace(" ", "").replace('"', "")
                    for line in (sql or "").splitlines()
                    if line.strip()
                }
                for name, sql in rows
            }

    assert {name: sql for name, sql in (await schema(migrated)).items() if "alembic" not in name} == await schema(made)
    await made.dispose()
    await migrated.dispose()


async def test_the_database_refuses_a_word_that_does_not_exist(url: str) -> None:
    engine = async_engine(url)
    call = Table.metadata.tables["call"]
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.execute(
                call.insert().values(id=uuid7(), node="n", started=datetime.now(UTC), outcome="lost")
            )
    await engine.dispose()


async def test_two_upgraders_at_once_do_it_once(empty_url: str) -> None:
    done = await asyncio.gather(*(upgrade(empty_url) for _ in range(3)))
    assert sorted(done) == [[], [], ["0001", "0002", "0003"]]


async def test_an_upgrader_that_is_killed_leaves_all_or_nothing(
    empty_url: str, start: Callable[..., Awaitable[Process]]
) -> None:
    program = """
import asyncio, sys
from db.upgrade import upgrade
print(flush=True)
asyncio.run(upgrade(sys.argv[1]))
"""
    for delay in (0.02, 0.05, 0.08, 0.12):
        process = await start(program, empty_url)
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        engine = async_engine(empty_url)
        async with reading(engine) as connection:
            names = await connection.run_sync(lambda c: inspect(c).get_table_names())
        await engine.dispose()
        assert len(names) in (0, len(Table.metadata.tables) + 1)
    await upgrade(empty_url)
    assert await pending(empty_url) == []


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    engine = async_engine(url)
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(DatabaseError, match=r"'9999', which this version of Hatif does not know: install the newer"):
        await upgrade(url)
    with pytest.raises(DatabaseError, match="9999"):
        await pending(url)


async def test_a_new_database_file_is_its_owners_only(tmp_path: Path) -> None:
    await upgrade(f"sqlite:///{tmp_path}/var/hatif.db")
    assert (tmp_path / "var" / "hatif.db").stat().st_mode & 0o777 == 0o600


def test_every_row_about_a_call_an_event_an_offer_or_a_journal_names_its_node() -> None:
    without = {"caller", "operator", "shift"}
    assert {name for name, table in Table.metadata.tables.items() if "node" not in table.c} == without
    assert all(not table.foreign_keys for table in Table.metadata.tables.values())
