"""Wishes in both databases: moved by one controller at a time, counted, taken over, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks
from db.callback_requests import CallbackRequest, Claim
from db.callbacks import Dial
from db.engine import async_engine, reading, writing
from db.enums import CallbackKind, TryOutcome
from db.ids import uuid7
from db.read import NotFoundError
from db.tables import Callback, CallbackTry, CaseFile, CaseNote
from db.upgrade import upgrade
from ivr.callbacks.repository import CallbackRepository
from ivr.callbacks.request_states import RequestEvent, advance

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ONE, TWO, OTHER = Claim("node1", UUID(int=1)), Claim("node1", UUID(int=2)), Claim("node2", UUID(int=3))


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    made = async_engine(url)
    yield made
    await made.dispose()


async def put(engine: AsyncEngine, **columns: Any) -> CallbackRequest:
    row = {"id": uuid7(), "node": "node1", "kind": "waiting", "number": "+33612345678", "wished": NOW, "due": NOW}
    async with writing(engine) as connection:
        await connection.execute(insert(Callback).values({**row, **columns}))
    return await callbacks.wish(engine, str({**row, **columns}["id"]))


async def dial(
    engine: AsyncEngine, wish: CallbackRequest, by: Claim, a_number: int = 9, a_day: int = 9
) -> tuple[Dial, CallbackRequest]:
    moved = advance(wish, RequestEvent.DIALLED, NOW, by=by)
    since = NOW - timedelta(hours=12)
    return await callbacks.dial(engine, wish, moved, operator="101", since=since, a_number=a_number, a_day=a_day), moved


async def test_of_many_who_want_a_wish_at_once_one_gets_it_and_one_dials_it(engine: AsyncEngine) -> None:
    wish = await put(engine)
    claims = [Claim(f"node{n}", UUID(int=n)) for n in range(1, 9)]
    won = await asyncio.gather(
        *(callbacks.move(engine, wish, advance(wish, RequestEvent.CLAIMED, NOW, by=claim)) for claim in claims)
    )
    assert won.count(True) == 1
    claimed = await callbacks.wish(engine, str(wish.id))
    assert claimed.claim == claims[won.index(True)]
    assert claimed.claim is not None
    said = await asyncio.gather(*(dial(engine, claimed, claimed.claim) for _ in range(5)))
    assert sorted(word.value for word, _ in said) == ["moved"] * 4 + ["yes"]
    async with reading(engine) as connection:
        assert len((await connection.execute(select(CallbackTry))).all()) == 1


async def test_a_new_controller_takes_over_and_the_former_one_moves_nothing_any_more(engine: AsyncEngine) -> None:
    wish = await put(engine)
    claimed = advance(wish, RequestEvent.CLAIMED, NOW, by=ONE)
    assert await callbacks.move(engine, wish, claimed)
    assert await callbacks.adopt(engine, OTHER) == 0
    assert await callbacks.adopt(engine, TWO) == 1
    assert (await dial(engine, claimed, ONE))[0] is Dial.MOVED
    taken = await callbacks.wish(engine, str(wish.id))
    assert taken.claim == TWO
    assert (await dial(engine, taken, TWO))[0] is Dial.YES


async def test_limits_of_a_number_and_of_a_day_are_counted_where_it_is_dialled(engine: AsyncEngine) -> None:
    outcomes = []
    for number in ("+33612345678", "+33612345678", "+33612345679", "+33612345680"):
        wish = await put(engine, number=number)
        claimed = advance(wish, RequestEvent.CLAIMED, NOW, by=ONE)
        assert await callbacks.move(engine, wish, claimed)
        outcomes.append((await dial(engine, claimed, ONE, a_number=1, a_day=2))[0])
    assert outcomes == [Dial.YES, Dial.LIMIT_NUMBER, Dial.YES, Dial.LIMIT_DAY]
    counted = await callbacks.dialled(engine, NOW - timedelta(hours=12))
    assert (counted.total, counted.of("+33612345678"), counted.of("+1")) == (2, 1, 0)
    assert (await callbacks.dialled(engine, NOW + timedelta(hours=12))).total == 0  # the next day


async def test_controllers_that_dial_at_once_do_not_pass_a_limit_together(engine: AsyncEngine) -> None:
    wishes = [await put(engine, number=f"+3361234567{n}") for n in range(6)]
    claims = [Claim(f"node{n}", UUID(int=n)) for n in range(1, 7)]
    claimed = [advance(wish, RequestEvent.CLAIMED, NOW, by=claim) for wish, claim in zip(wishes, claims, strict=True)]
    for wish, moved in zip(wishes, claimed, strict=True):
        assert await callbacks.move(engine, wish, moved)
    said = await asyncio.gather(
        *(dial(engine, wish, claim, a_day=2) for wish, claim in zip(claimed, claims, strict=True))
    )
    assert sorted(word for word, _ in said) == [Dial.LIMIT_DAY] * 4 + [Dial.YES] * 2


async def test_a_number_with_several_wishes_is_called_for_one_of_them_at_a_time_whoever_calls(
    engine: AsyncEngine,
) -> None:
    pairs = [(await put(engine), claim) for claim in (ONE, OTHER)]
    claimed = [advance(wish, RequestEvent.CLAIMED, NOW, by=claim) for wish, claim in pairs]
    assert [await callbacks.move(engine, wish, new) for (wish, _), new in zip(pairs, claimed, strict=True)] == [
        True
    ] * 2
    said = await asyncio.gather(*(dial(engine, new, claim) for new, (_, claim) in zip(claimed, pairs, strict=True)))
    assert sorted(word.value for word, _ in said) == ["called", "yes"]
    first = [word for word, _ in said].index(Dial.YES)
    dialled, (_, by), (_, other) = said[first][1], pairs[first], pairs[1 - first]
    over = advance(dialled, RequestEvent.MISSED, NOW, by=by, wait=timedelta(hours=1))
    assert await callbacks.move(engine, dialled, over, outcome=TryOutcome.BUSY, at=NOW)
    assert (await dial(engine, claimed[1 - first], other))[0] is Dial.YES


async def test_a_try_keeps_its_outcome_and_the_first_one_holds(engine: AsyncEngine) -> None:
    wish = await put(engine)
    claimed = advance(wish, RequestEvent.CLAIMED, NOW, by=ONE)
    await callbacks.move(engine, wish, claimed)
    _, ringing = await dial(engine, claimed, ONE)
    missed = advance(ringing, RequestEvent.MISSED, NOW, by=ONE, wait=timedelta(minutes=30), reason="busy")
    assert await callbacks.move(engine, ringing, missed, outcome=TryOutcome.BUSY, at=NOW)
    assert not await callbacks.move(engine, ringing, missed, outcome=TryOutcome.LOST, at=NOW)
    (tried,) = (await callbacks.tries(engine, [wish.id]))[wish.id]
    assert (tried["try"], tried["outcome"], tried["operator"]) == (1, "busy", "101")
    assert (await callbacks.wish(engine, str(wish.id))).due == NOW + timedelta(minutes=30)


async def test_a_wish_about_a_file_tells_when_the_file_changed(engine: AsyncEngine) -> None:
    wish = await put(engine, kind="case", case_reference="100000017", due=None)
    assert wish.file_changed is None
    async with writing(engine) as connection:
        file = {"reference": "100000017", "node": "node1", "kind": "procedure", "opened": NOW, "changed": NOW}
        await connection.execute(insert(CaseFile).values(file))
    assert [each.file_changed for each in await callbacks.pending(engine)] == [NOW]


async def test_what_failed_and_has_neither_file_nor_note_is_found_until_it_has(engine: AsyncEngine) -> None:
    over = {"state": "failed", "ended": NOW, "tries": 2}
    plain = await put(engine, **over, case_reference="100000017")
    told = await put(engine, **over, kind=CallbackKind.CASE.value, case_reference="100000025")
    since = NOW - timedelta(days=1)
    assert {each.id for each in await callbacks.without_file(engine, since)} == {plain.id, told.id}
    assert await callbacks.without_file(engine, NOW + timedelta(seconds=1)) == []
    async with writing(engine) as connection:
        file = {"reference": "100000017", "node": "node1", "kind": "callback", "opened": NOW}
        note = {"id": told.id, "node": "node1", "case_reference": "100000025", "author": "s", "text": "x", "at": NOW}
        await connection.execute(insert(CaseFile).values(file))
        await connection.execute(insert(CaseNote).values(note))
    assert await callbacks.without_file(engine, since) == []


async def test_a_wish_is_found_by_how_its_id_begins(engine: AsyncEngine) -> None:
    wish = await put(engine)
    assert (await callbacks.wish(engine, str(wish.id)[:20])).id == wish.id
    for wrong in ("", "x", "f" * 33, "ffff"):
        with pytest.raises(NotFoundError, match="hatif callbacks"):
            await callbacks.wish(engine, wrong)


async def test_the_newest_wishes_that_are_over_are_listed_with_all_that_are_not(engine: AsyncEngine) -> None:
    waits = await put(engine)
    over = [
        await put(engine, state="done", ended=NOW + timedelta(minutes=n), wished=NOW + timedelta(seconds=n))
        for n in range(3)
    ]
    assert [each.id for each in await callbacks.latest(engine, 2)] == [over[2].id, over[1].id, waits.id]
    assert [each.id for each in await callbacks.pending(engine)] == [waits.id]


async def test_of_a_database_that_is_not_upgraded_a_controller_says_what_to_do(empty_url: str) -> None:
    await upgrade(empty_url, "0001")
    book = CallbackRepository(empty_url, ONE)
    assert (await book.adopt(), await book.pending()) == (False, None)
    assert "run `hatif db upgrade`" in book.why
    await upgrade(empty_url)
    assert (await book.adopt(), await book.pending()) == (True, [])
    await book.close()


async def test_what_is_not_there_is_no_fault_of_the_database_and_a_fault_of_ours_is_not_hidden(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(engine: AsyncEngine) -> list[CallbackRequest]:
        raise KeyError("claim")

    book = CallbackRepository(url, ONE)
    assert (await book.request(str(uuid7())), await book.file("100000017"), book.why) == (None, None, "")
    assert "no wish" in str(await book.find("ffff"))
    monkeypatch.setattr(callbacks, "pending", broken)
    assert await book.pending() is None
    assert book.why == "'claim'"
    await book.close()


async def test_rows_of_before_keep_all_they_had(empty_url: str) -> None:
    """The second migration makes two tables anew on SQLite, the third one of them once more."""
    await upgrade(empty_url, "0001")
    engine = async_engine(empty_url)
    one, two, at = uuid7(), uuid7(), "2026-11-26 12:00:00.000000"
    row = {"id": one.hex, "at": at} if engine.dialect.name == "sqlite" else {"id": one, "at": NOW}
    async with writing(engine) as connection:
        call = "INSERT INTO call (id, node, started, outcome) VALUES (:id, 'node1', :at, 'answered')"
        wish = "INSERT INTO callback (id, node, kind, number, wished) VALUES (:id, 'n', 'closed', '+33612345678', :at)"
        await connection.execute(text(call), row)
        await connection.execute(text(wish), {**row, "id": two.hex if engine.dialect.name == "sqlite" else two})
    await engine.dispose()
    assert (await upgrade(empty_url))[:2] == ["0002", "0003"]
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        (kept,) = (await connection.execute(text("SELECT outcome, outgoing FROM call"))).all()
    assert (kept.outcome, bool(kept.outgoing)) == ("answered", False)
    found = await callbacks.wish(engine, str(two))
    assert (found.kind, found.wished, found.claim, found.first_due) == ("closed", NOW, None, None)
    await engine.dispose()
