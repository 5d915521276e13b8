"""Migrations are applied once in both databases, and create the tables in code."""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Uuid, bindparam, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from db.engine import DatabaseError, async_engine, reading, writing
from db.ids import uuid7
from db.tables import Call, Caller, Table
from db.types import UTCDateTime
from db.upgrade import FOLDER, current, downgrade, pending, upgrade

pytest_plugins = ["db_fixtures"]

MIGRATIONS = [path.name[1:5] for path in sorted((FOLDER / "versions").glob("m[0-9]*.py"))]


async def test_concurrent_upgrades_give_an_empty_database_every_table_once_and_a_further_one_changes_nothing(
    empty_url: str,
) -> None:
    assert await pending(empty_url) == MIGRATIONS
    assert await current(empty_url) is None
    done = await asyncio.gather(*(upgrade(empty_url) for _ in range(3)))
    assert sorted(done) == [[], [], MIGRATIONS]
    assert (await pending(empty_url), await current(empty_url)) == ([], MIGRATIONS[-1])
    assert await upgrade(empty_url) == []
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        names = await connection.run_sync(lambda c: inspect(c).get_table_names())
    await engine.dispose()
    assert set(names) == {*Table.metadata.tables, "alembic_version"}


async def test_the_migrations_create_exactly_the_tables_in_code(url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, Table.metadata)
        return found

    engine = async_engine(url)
    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_migrations_create_the_checks_and_partial_indexes_in_code(sqlite_url: str, tmp_path: Path) -> None:
    """Alembic does not compare these. SQLite returns them as they were written, with quotation marks around the name of
    a recreated table."""
    (tmp_path / "made.db").touch()  # a missing database is never recreated
    made = async_engine(f"sqlite:///{tmp_path}/made.db")
    async with writing(made) as connection:
        await connection.run_sync(Table.metadata.create_all)
    migrated = async_engine(sqlite_url)

    async def schema(engine: Any) -> dict[str, set[str]]:
        async with reading(engine) as connection:
            where = "name NOT LIKE 'alembic%'"
            rows = await connection.execute(text(f"SELECT name, sql FROM sqlite_master WHERE {where}"))
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


async def test_the_database_refuses_a_value_outside_the_enum(url: str) -> None:
    engine = async_engine(url)
    call = Table.metadata.tables["call"]
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.execute(
                call.insert().values(id=uuid7(), node="n", started=datetime.now(UTC), outcome="lost")
            )
    await engine.dispose()


async def test_callers_numbers_are_migrated_to_e164_where_that_is_certain(empty_url: str) -> None:
    """Memory, locks and history of a number with four spellings are merged; values that are not numbers stay."""
    assert (await upgrade(empty_url, "0003"))[-1] == "0003"
    engine = async_engine(empty_url)
    calls = [
        (uuid7(), "NL", written)
        for written in ("+31612345678", "0031612345678", "31612345678", "0612345678", "123", "33612345678")
    ]
    calls.append((uuid7(), "DE", "33612345678"))  # as a national number it would be one of Brandenburg
    async with writing(engine) as connection:
        for identity, country, written in calls:
            row = {"id": identity, "node": "n", "started": datetime.now(UTC), "country": country, "caller": written}
            await connection.execute(
                text(
                    "INSERT INTO call (id, node, started, country, caller) "
                    "VALUES (:id, :node, :started, :country, :caller)"
                ).bindparams(bindparam("id", type_=Uuid()), bindparam("started", type_=UTCDateTime())),
                row,
            )
        for age, (identity, _, written) in enumerate(calls[:5]):
            row = {"number": written, "language": f"l{age}", "last_call_id": identity, "pin_failures": 7 - age}
            row["last_called"] = datetime.now(UTC) - timedelta(days=age)
            await connection.execute(insert(Caller).values(**row))
        await connection.execute(insert(Caller).values(number="withheld", pin_failures=3))
    assert await upgrade(empty_url) == MIGRATIONS[3:]
    async with reading(engine) as connection:
        found = (await connection.execute(select(Call.caller, Call.caller_raw).order_by(Call.id))).all()
        kept = (await connection.execute(select(Caller.number, Caller.language, Caller.pin_failures))).all()
    await engine.dispose()
    numbers = ["+31612345678"] * 4 + [None, "+33612345678", None]
    assert [tuple(row) for row in found] == [(to, raw) for to, (_, _, raw) in zip(numbers, calls, strict=True)]
    assert sorted(map(tuple, kept)) == [("+31612345678", "l0", 7), ("withheld", None, 3)]


async def test_a_killed_upgrade_leaves_all_tables_or_none(
    empty_url: str, start: Callable[..., Awaitable[Process]]
) -> None:
    program = """
import asyncio, sys
from sqlalchemy import Engine, event
from db.upgrade import upgrade
event.listen(Engine, "begin", lambda _: print(flush=True))
asyncio.run(upgrade(sys.argv[1]))
"""
    for delay in (0.08, 0.15, 0.25):  # of some 0.35 s, the first 0.06 s of which create nothing
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


async def test_a_database_of_a_newer_version_is_not_changed(url: str) -> None:
    engine = async_engine(url)
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(DatabaseError, match=r"'9999', which this version of Hatif does not know: install the newer"):
        await upgrade(url)
    with pytest.raises(DatabaseError, match="9999"):
        await pending(url)


async def test_on_the_way_back_a_database_has_the_tables_of_the_earlier_version_and_its_rows(empty_url: str) -> None:
    def columns(connection: Connection) -> set[str]:
        return {column["name"] for column in inspect(connection).get_columns("case_file")}

    await upgrade(empty_url)
    engine = async_engine(empty_url)
    async with writing(engine) as connection:
        assert "applicant" in await connection.run_sync(columns)
        await connection.execute(insert(Caller).values(number="+33612345678", language="fr"))
    await engine.dispose()
    assert await downgrade(empty_url, "0010") == [number for number in reversed(MIGRATIONS) if number > "0010"]
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        assert "applicant" not in await connection.run_sync(columns)
    await engine.dispose()
    assert await current(empty_url) == "0010" and await downgrade(empty_url, "0010") == []
    with pytest.raises(DatabaseError, match="from which there is no way back to '9999': name one of 0001, 0002, 0003"):
        await downgrade(empty_url, "9999")
    await upgrade(empty_url)
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        assert (await connection.execute(select(Caller.number))).scalars().all() == ["+33612345678"]
        assert "applicant" in await connection.run_sync(columns)
    await engine.dispose()


async def test_only_the_owner_can_read_a_new_database_file(tmp_path: Path) -> None:
    await upgrade(f"sqlite:///{tmp_path}/var/hatif.db")
    assert (tmp_path / "var" / "hatif.db").stat().st_mode & 0o777 == 0o600


def test_every_row_about_a_call_an_event_an_offer_or_a_journal_names_its_node() -> None:
    without = {
        "caller",
        "operator",
        "shift",
        "account",
        "account_factor",
        "account_link",
        "account_notice",
        "account_tie",
    }
    without |= {"desk_session", "wall_link"}
    without |= {"report_mail", "shift_swap", "amendment", "question_done"}
    assert {name for name, table in Table.metadata.tables.items() if "node" not in table.c} == without
    assert all(not table.foreign_keys for table in Table.metadata.tables.values())


async def test_accounts_and_what_they_were_told_stay_when_second_factors_come_and_go(empty_url: str) -> None:
    """Also on the way back, where notices of a kind that the former version does not know go."""
    assert (await upgrade(empty_url, "0026"))[-1] == "0026"
    engine = async_engine(empty_url)
    now = {"now": datetime.now(UTC)}
    at = bindparam("now", type_=UTCDateTime())
    rows = (
        ("account", "id, name, role, created", "'kay', 'Kay', 'administrator', :now"),
        ("desk_session", "token_hash, account_id, created, seen, expires", "'hash', 'kay', :now, :now, :now"),
        ("account_tie", "account_id, by, since", "'kay', 'may', :now"),
    )
    notice = text("INSERT INTO account_notice (id, account_id, at, what) VALUES (:id, 'kay', :now, :what)")
    notice = notice.bindparams(at, bindparam("id", type_=Uuid()))

    async def whats() -> set[str]:
        async with reading(engine) as connection:
            return set(await connection.scalars(text("SELECT what FROM account_notice")))

    async with writing(engine) as connection:
        for table, columns, values in rows:
            row = text(f"INSERT INTO {table} ({columns.replace('by', chr(34) + 'by' + chr(34))}) VALUES ({values})")
            await connection.execute(row.bindparams(at), now)
        await connection.execute(notice, {**now, "id": uuid7(), "what": "link"})
    await upgrade(empty_url)
    async with writing(engine) as connection:
        found = (await connection.execute(text("SELECT account_id, factor FROM desk_session"))).one()
        assert tuple(found) == ("kay", None)
        await connection.execute(notice, {**now, "id": uuid7(), "what": "factor_removed"})
        await connection.execute(text("UPDATE desk_session SET factor = 'server'"))
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.execute(text("UPDATE desk_session SET factor = 'guess'"))
    assert await whats() == {"link", "factor_removed"}
    await engine.dispose()
    await downgrade(empty_url, "0026")
    engine = async_engine(empty_url)
    assert await whats() == {"link"}
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.execute(notice, {**now, "id": uuid7(), "what": "factor_removed"})
    await engine.dispose()


async def test_kept_days_of_reports_and_their_triggers_go_and_come_back_on_the_way_back(empty_url: str) -> None:
    """The version before counts on its triggers: they delete a kept day as soon as a call of it changes."""
    await upgrade(empty_url, "0028")
    engine = async_engine(empty_url)

    async def run(statement: str, **values: Any) -> None:
        at = [bindparam("at", type_=UTCDateTime())] if "at" in values else []
        async with writing(engine) as connection:
            await connection.execute(text(statement).bindparams(bindparam("id", type_=Uuid()), *at), values)

    async def programs() -> int:
        sqlite = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        postgresql = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'report_day%'"
        async with reading(engine) as connection:
            names = await connection.run_sync(lambda c: inspect(c).get_table_names())
            number = await connection.scalar(text(sqlite if engine.dialect.name == "sqlite" else postgresql))
        assert ("report_day" in names) == bool(number)
        return number or 0

    before, call = await programs(), uuid7()
    start = datetime(2026, 11, 25, 12, tzinfo=UTC)
    await run("INSERT INTO call (id, node, started) VALUES (:id, 'n', :at)", id=call, at=start)
    await upgrade(empty_url)
    assert before and not await programs()
    await run("UPDATE call SET language = 'fr' WHERE id = :id", id=call)
    await downgrade(empty_url, "0028")
    assert await programs() == before
    async with writing(engine) as connection:
        await connection.execute(text("INSERT INTO report_day (day, version, columns) VALUES ('2026-11-25', 1, '')"))
    await run("UPDATE call SET language = 'ar' WHERE id = :id", id=call)
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM report_day")) == 0
    await engine.dispose()
