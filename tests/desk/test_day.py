"""An operator's day: the conversations and the calls that they missed, from midnight at the site."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from desk_server import serving
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine, writing
from db.tables import Call, Offer, Pairing
from desk.shift.day import KEPT, SHOWN, Days

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 27, 23, 40, tzinfo=UTC)
"""Forty minutes after midnight in Paris."""


@pytest_asyncio.fixture
async def engine(sqlite_url: str) -> AsyncIterator[AsyncEngine]:
    async with open_engine(sqlite_url) as found:
        yield found


async def put(engine: AsyncEngine, table: Any, **columns: Any) -> UUID:
    row: dict[str, Any] = {"id": uuid4(), "node": "n", **columns}
    async with writing(engine) as connection:
        await connection.execute(insert(table).values(row))
    identity: UUID = row["id"]
    return identity


async def offer(engine: AsyncEngine, state: str, at: datetime, operator: str = "1002", **of_call: Any) -> None:
    call = await put(engine, Call, **{"started": at, "language": "ar", "topic": "visas", **of_call})
    await put(engine, Offer, call_id=call, operator_id=operator, state=state, offered=at, ended=at)


async def talk(engine: AsyncEngine, began: datetime, seconds: float | None) -> None:
    call = await put(engine, Call, started=began)
    ended = began + timedelta(seconds=seconds) if seconds is not None else None
    await put(engine, Pairing, call_id=call, operator_id="1002", began=began, ended=ended)


async def test_a_day_begins_at_midnight_of_the_site(engine: AsyncEngine) -> None:
    for minutes, seconds in ((35, 60), (20, 150), (1, None), (50, 600)):  # the last one began yesterday
        await talk(engine, NOW - timedelta(minutes=minutes), seconds)
    for minutes in (30, 41):
        await offer(engine, "no_answer", NOW - timedelta(minutes=minutes))
    day = await Days(engine, "Europe/Paris").of("1002", NOW)
    assert (day.calls, day.average_s, day.missed) == (3, 105.0, 1)
    assert [row.at for row in day.latest] == [NOW - timedelta(minutes=30)]
    elsewhere = await Days(engine, "UTC").of("1002", NOW)
    assert (elsewhere.calls, elsewhere.average_s, elsewhere.missed) == (4, 270.0, 2)


async def test_missed_declined_and_unreachable_are_counted_apart(engine: AsyncEngine) -> None:
    states = ("no_answer", "no_answer", "refused", "unreachable", "accepted", "withdrawn")
    for minutes, state in enumerate(states, 1):
        await offer(engine, state, NOW - timedelta(minutes=minutes))
    await offer(engine, "no_answer", NOW - timedelta(minutes=1), operator="1003")
    await offer(engine, "no_answer", NOW - timedelta(minutes=1), live=False)
    days = Days(engine, "Europe/Paris")
    day = await days.of("1002", NOW)
    assert (day.calls, day.average_s, day.missed, day.declined, day.unreachable) == (0, None, 2, 1, 1)
    assert [row.state for row in day.latest] == ["no_answer", "no_answer", "refused", "unreachable"]
    assert {(row.language, row.topic) for row in day.latest} == {("ar", "visas")}
    assert (await days.of("1003", NOW)).missed == 1
    nobody = await days.of("1004", NOW)
    assert (nobody.calls, nobody.missed, nobody.latest) == (0, 0, [])


async def test_one_look_serves_all_operators_for_a_while_and_the_list_ends_somewhere(engine: AsyncEngine) -> None:
    days = Days(engine, "Europe/Paris")
    assert (await days.of("1002", NOW)).missed == 0
    for minutes in range(1, SHOWN + 3):
        await offer(engine, "no_answer", NOW - timedelta(minutes=minutes))
    assert (await days.of("1002", NOW + KEPT / 2)).missed == 0
    later = await days.of("1002", NOW + KEPT)
    assert later.missed == SHOWN + 2
    assert [row.at for row in later.latest] == [NOW - timedelta(minutes=minutes) for minutes in range(1, SHOWN + 1)]
    assert (await days.of("1002", NOW - timedelta(minutes=1))).missed == SHOWN + 1, "the clock was set back"


async def test_the_page_shows_the_day_in_figures_and_words(sqlite_url: str) -> None:
    async with serving(sqlite_url) as desk:
        desk.desk.now = lambda: NOW
        await desk.operator("1002")
        browser = await desk.signed_in("1002", "en")
        empty = (await browser.get("/shift/day")).text
        assert "–" in empty and "Declined" not in empty and "Calls that you did not take" not in empty
        await talk(desk.engine, NOW - timedelta(minutes=20), 105)
        for state in ("no_answer", "refused", "unreachable"):
            await offer(desk.engine, state, NOW - timedelta(minutes=9))
        desk.desk.now = lambda: NOW + KEPT
        page = (await browser.get("/shift/day")).text
    assert ">1:45<" in page
    for word in ("Missed", "Declined", "Unreachable"):
        assert f"<dt>{word}</dt><dd>1</dd>" in page
    for word in ("not answered", "declined", "telephone not reached", "Arabic"):
        assert word in page
