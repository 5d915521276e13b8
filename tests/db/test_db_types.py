"""Instants and ids behave the same in both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from db.engine import async_engine, reading, writing
from db.ids import call_id, uuid7
from db.tables import Call

pytest_plugins = ["db_fixtures"]


async def test_a_naive_datetime_is_refused(url: str) -> None:
    engine = async_engine(url)
    with pytest.raises(StatementError, match="has no time zone: use an aware datetime"):
        async with writing(engine) as connection:
            await connection.execute(insert(Call).values(id=uuid7(), node="n", started=datetime(2026, 11, 25, 12)))  # noqa: DTZ001
    async with reading(engine) as connection:
        assert (await connection.execute(select(Call))).all() == []
    await engine.dispose()


async def test_an_instant_of_any_zone_comes_back_in_utc_and_sorts_by_time(url: str) -> None:
    engine = async_engine(url)
    noon = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
    instants = {
        "third": noon + timedelta(hours=1),
        "first": (noon - timedelta(hours=1)).astimezone(timezone(timedelta(hours=9))),
        "second": noon.astimezone(timezone(timedelta(hours=-11))),
    }
    async with writing(engine) as connection:
        for topic, instant in instants.items():
            await connection.execute(insert(Call).values(id=uuid7(), node="n", started=instant, topic=topic))
    async with reading(engine) as connection:
        found = (await connection.execute(select(Call.topic, Call.started).order_by(Call.started))).all()
        later = (await connection.execute(select(Call.topic).where(Call.started > noon))).scalars().all()
    await engine.dispose()
    assert [topic for topic, _ in found] == ["first", "second", "third"]
    assert [instant for _, instant in found] == sorted(instants.values())
    assert all(instant.tzinfo is UTC for _, instant in found)
    assert later == ["third"]


async def test_ids_are_returned_unchanged_and_sort_by_creation(url: str) -> None:
    engine = async_engine(url)
    ids = [call_id("rabat-1", f"{number}.{number}", 1_764_000_000_000 + number) for number in range(20)]
    async with writing(engine) as connection:
        for made in reversed(ids):
            await connection.execute(insert(Call).values(id=made, node="n", started=datetime.now(UTC)))
    async with reading(engine) as connection:
        assert (await connection.execute(select(Call.id).order_by(Call.id))).scalars().all() == ids
    await engine.dispose()


def test_a_new_id_is_greater_than_the_one_before() -> None:
    ids = [uuid7() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {made.version for made in ids} == {7}
    assert abs((ids[-1].int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 5


def test_a_call_always_gets_the_same_id_and_other_calls_get_others() -> None:
    made = call_id("rabat-1", "1764072000.17", 1_764_072_000_123)
    assert made == call_id("rabat-1", "1764072000.17", 1_764_072_000_123)
    assert (made.version, made.variant, made.int >> 80) == (7, "specified in RFC 4122", 1_764_072_000_123)
    others = {
        call_id("rabat-2", "1764072000.17", 1_764_072_000_123),
        call_id("rabat-1", "1764072000.18", 1_764_072_000_123),
        call_id("rabat-1", "1764072000.17", 1_764_072_000_124),
        call_id("rabat-1\0", "1764072000.17", 1_764_072_000_123),
        made,
    }
    assert len(others) == 5
