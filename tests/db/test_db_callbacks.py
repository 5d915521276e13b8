"""Callback requests in both databases are moved by one controller at a time, limited, taken over, and never lost."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from db_helpers import put_request
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks
from db.callback_requests import CallbackRequest, Claim, CountryLimit
from db.callback_states import RequestEvent, advance
from db.callbacks import DialResult
from db.engine import async_engine, reading, writing
from db.enums import CallbackKind, TryOutcome
from db.ids import uuid7
from db.rows import NotFoundError
from db.tables import Call, CallbackTry, CaseFile, CaseNote
from db.upgrade import upgrade
from ivr.callbacks.repository import CallbackRepository
from ivr.records.database_client import SharedEngine

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ONE, TWO, OTHER = Claim("node1", UUID(int=1)), Claim("node1", UUID(int=2)), Claim("node2", UUID(int=3))


async def put(engine: AsyncEngine, **columns: Any) -> CallbackRequest:
    row = {"kind": "waiting", "number": "+33612345678", "wished": NOW, "due": NOW}
    return await put_request(engine, **{**row, **columns})


async def dial(
    engine: AsyncEngine,
    request: CallbackRequest,
    by: Claim,
    a_number: int = 9,
    a_day: int = 9,
    country: CountryLimit | None = None,
) -> tuple[DialResult, CallbackRequest]:
    moved = advance(request, RequestEvent.DIALLED, NOW, by=by)
    since = NOW - timedelta(hours=12)
    return await callbacks.dial(
        engine, request, moved, operator="101", since=since, a_number=a_number, a_day=a_day, country=country
    ), moved


async def test_of_many_controllers_one_claims_a_request_and_it_is_dialled_once(engine: AsyncEngine) -> None:
    request = await put(engine)
    claims = [Claim(f"node{n}", UUID(int=n)) for n in range(1, 9)]
    won = await asyncio.gather(
        *(callbacks.move(engine, request, advance(request, RequestEvent.CLAIMED, NOW, by=claim)) for claim in claims)
    )
    assert won.count(True) == 1
    claimed = await callbacks.find_request(engine, str(request.id))
    assert claimed.claim == claims[won.index(True)]
    assert claimed.claim is not None
    results = await asyncio.gather(*(dial(engine, claimed, claimed.claim) for _ in range(5)))
    assert sorted(result.value for result, _ in results) == ["moved"] * 4 + ["yes"]
    async with reading(engine) as connection:
        assert len((await connection.execute(select(CallbackTry))).all()) == 1


async def test_a_new_controller_takes_over_and_the_former_one_can_no_longer_move_requests(engine: AsyncEngine) -> None:
    request = await put(engine)
    claimed = advance(request, RequestEvent.CLAIMED, NOW, by=ONE)
    assert await callbacks.move(engine, request, claimed)
    assert await callbacks.adopt(engine, OTHER) == 0
    assert await callbacks.adopt(engine, TWO) == 1
    assert (await dial(engine, claimed, ONE))[0] is DialResult.MOVED
    taken = await callbacks.find_request(engine, str(request.id))
    assert taken.claim == TWO
    assert (await dial(engine, taken, TWO))[0] is DialResult.YES


async def test_the_limits_per_number_and_per_day_are_enforced_when_dialling(engine: AsyncEngine) -> None:
    outcomes = []
    for number in ("+33612345678", "+33612345678", "+33612345679", "+33612345680"):
        request = await put(engine, number=number)
        claimed = advance(request, RequestEvent.CLAIMED, NOW, by=ONE)
        assert await callbacks.move(engine, request, claimed)
        outcomes.append((await dial(engine, claimed, ONE, a_number=1, a_day=2))[0])
    assert outcomes == [DialResult.YES, DialResult.LIMIT_NUMBER, DialResult.YES, DialResult.LIMIT_DAY]
    counted = await callbacks.count_dialled(engine, NOW - timedelta(hours=12))
    assert (counted.total, counted.of("+33612345678"), counted.of("+1")) == (2, 1, 0)
    assert (await callbacks.count_dialled(engine, NOW + timedelta(hours=12))).total == 0  # the next day


@pytest.mark.parametrize(
    ("limit", "result"),
    [((2, None), "limit_country"), ((3, None), "yes"), ((None, 540.0), "limit_country"), ((None, 541.0), "yes")],
)
async def test_the_days_calls_and_seconds_to_a_country_are_enforced_when_dialling(
    engine: AsyncEngine, limit: tuple[int | None, float | None], result: str
) -> None:
    usual = {"node": "node1", "number": "+33800212000", "outgoing": True}
    for caller, began, answered_s, ended_s in (
        ("+33612345670", NOW, 60, 300),
        ("+33612345670", NOW, None, 300),  # from its beginning, if nobody knows when it was answered
        ("+31612345678", NOW, 0, 900),
        ("+33612345670", NOW - timedelta(days=1), 0, 900),
    ):
        times = {"started": began, "ended": began + timedelta(seconds=ended_s)}
        answered = began + timedelta(seconds=answered_s) if answered_s is not None else None
        row = {**usual, **times, "id": uuid7(), "caller": caller, "line_answered": answered}
        tried = {"node": "node1", "number": caller, "dialled": began, "callback_id": uuid7(), "try_number": 1}
        async with writing(engine) as connection:
            await connection.execute(insert(Call).values(row))
            await connection.execute(insert(CallbackTry).values(tried))
    claimed = advance(request := await put(engine), RequestEvent.CLAIMED, NOW, by=ONE)
    assert await callbacks.move(engine, request, claimed)
    country = CountryLimit(*limit, lambda number: number.startswith("+33"))
    assert (await dial(engine, claimed, ONE, country=country))[0] == result


async def test_controllers_that_dial_at_the_same_time_do_not_exceed_a_limit(engine: AsyncEngine) -> None:
    requests = [await put(engine, number=f"+3361234567{n}") for n in range(6)]
    claims = [Claim(f"node{n}", UUID(int=n)) for n in range(1, 7)]
    claimed = [
        advance(request, RequestEvent.CLAIMED, NOW, by=claim) for request, claim in zip(requests, claims, strict=True)
    ]
    for request, moved in zip(requests, claimed, strict=True):
        assert await callbacks.move(engine, request, moved)
    results = await asyncio.gather(
        *(dial(engine, request, claim, a_day=2) for request, claim in zip(claimed, claims, strict=True))
    )
    assert sorted(result for result, _ in results) == [DialResult.LIMIT_DAY] * 4 + [DialResult.YES] * 2


async def test_a_number_with_several_requests_is_called_for_one_at_a_time_by_any_controller(
    engine: AsyncEngine,
) -> None:
    pairs = [(await put(engine), claim) for claim in (ONE, OTHER)]
    claimed = [advance(request, RequestEvent.CLAIMED, NOW, by=claim) for request, claim in pairs]
    assert [await callbacks.move(engine, request, new) for (request, _), new in zip(pairs, claimed, strict=True)] == [
        True
    ] * 2
    results = await asyncio.gather(*(dial(engine, new, claim) for new, (_, claim) in zip(claimed, pairs, strict=True)))
    assert sorted(result.value for result, _ in results) == ["called", "yes"]
    first = [result for result, _ in results].index(DialResult.YES)
    dialled, (_, by), (_, other) = results[first][1], pairs[first], pairs[1 - first]
    over = advance(dialled, RequestEvent.MISSED, NOW, by=by, wait=timedelta(hours=1))
    assert await callbacks.move(engine, dialled, over, outcome=TryOutcome.BUSY, at=NOW)
    assert (await dial(engine, claimed[1 - first], other))[0] is DialResult.YES


async def test_the_first_outcome_of_a_try_is_kept(engine: AsyncEngine) -> None:
    request = await put(engine)
    claimed = advance(request, RequestEvent.CLAIMED, NOW, by=ONE)
    await callbacks.move(engine, request, claimed)
    _, ringing = await dial(engine, claimed, ONE)
    missed = advance(ringing, RequestEvent.MISSED, NOW, by=ONE, wait=timedelta(minutes=30), reason="busy")
    assert await callbacks.move(engine, ringing, missed, outcome=TryOutcome.BUSY, at=NOW)
    assert not await callbacks.move(engine, ringing, missed, outcome=TryOutcome.LOST, at=NOW)
    (tried,) = (await callbacks.tries(engine, [request.id]))[request.id]
    assert (tried["try"], tried["outcome"], tried["operator"]) == (1, "busy", "101")
    assert (await callbacks.find_request(engine, str(request.id))).due == NOW + timedelta(minutes=30)


async def test_a_request_about_a_case_file_has_the_time_of_the_files_last_change(engine: AsyncEngine) -> None:
    request = await put(engine, kind="case", case_reference="100000017", due=None)
    assert request.file_changed is None
    async with writing(engine) as connection:
        file = {"reference": "100000017", "node": "node1", "kind": "procedure", "opened": NOW, "changed": NOW}
        await connection.execute(insert(CaseFile).values(file))
    assert [request.file_changed for request in await callbacks.pending(engine)] == [NOW]


async def test_failed_requests_without_file_or_note_are_found_until_they_have_one(engine: AsyncEngine) -> None:
    over = {"state": "failed", "ended": NOW, "tries": 2}
    plain = await put(engine, **over, case_reference="100000017")
    about_file = await put(engine, **over, kind=CallbackKind.CASE.value, case_reference="100000025")
    since = NOW - timedelta(days=1)
    assert {request.id for request in await callbacks.failed_without_file(engine, since)} == {plain.id, about_file.id}
    assert await callbacks.failed_without_file(engine, NOW + timedelta(seconds=1)) == []
    async with writing(engine) as connection:
        file = {"reference": "100000017", "node": "node1", "kind": "callback", "opened": NOW}
        note = {
            "id": about_file.id,
            "node": "node1",
            "case_reference": "100000025",
            "author": "s",
            "text": "x",
            "at": NOW,
        }
        await connection.execute(insert(CaseFile).values(file))
        await connection.execute(insert(CaseNote).values(note))
    assert await callbacks.failed_without_file(engine, since) == []


async def test_a_request_is_found_by_the_beginning_of_its_id(engine: AsyncEngine) -> None:
    request = await put(engine)
    assert (await callbacks.find_request(engine, str(request.id)[:20])).id == request.id
    for wrong in ("", "x", "f" * 33, "ffff"):
        with pytest.raises(NotFoundError, match="hatif callbacks"):
            await callbacks.find_request(engine, wrong)


async def test_all_pending_requests_are_listed_with_the_newest_ended_ones(engine: AsyncEngine) -> None:
    waits = await put(engine)
    over = [
        await put(engine, state="done", ended=NOW + timedelta(minutes=n), wished=NOW + timedelta(seconds=n))
        for n in range(3)
    ]
    assert [request.id for request in await callbacks.latest(engine, 2)] == [over[2].id, over[1].id, waits.id]
    assert [request.id for request in await callbacks.pending(engine)] == [waits.id]


async def test_a_missing_row_is_not_a_database_error_and_our_own_errors_are_reported(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(engine: AsyncEngine) -> list[CallbackRequest]:
        raise KeyError("claim")

    book = CallbackRepository(SharedEngine(url), ONE)
    assert (await book.request(str(uuid7())), await book.file("100000017"), book.why) == (None, None, "")
    assert "no callback request" in str(await book.find("ffff"))
    monkeypatch.setattr(callbacks, "pending", broken)
    assert await book.pending() is None
    assert book.why == "'claim'"
    await book.shared.close()


async def test_with_an_old_database_the_controller_says_what_to_do_and_migrations_keep_its_rows(empty_url: str) -> None:
    """On SQLite the second migration recreates two tables, and the third one of them again."""
    await upgrade(empty_url, "0001")
    engine = async_engine(empty_url)
    one, two, at = uuid7(), uuid7(), "2026-11-26 12:00:00.000000"
    row = {"id": one.hex, "at": at} if engine.dialect.name == "sqlite" else {"id": one, "at": NOW}
    async with writing(engine) as connection:
        call = "INSERT INTO call (id, node, started, outcome) VALUES (:id, 'node1', :at, 'answered')"
        request = (
            "INSERT INTO callback (id, node, kind, number, wished) VALUES (:id, 'n', 'closed', '+33612345678', :at)"
        )
        await connection.execute(text(call), row)
        await connection.execute(text(request), {**row, "id": two.hex if engine.dialect.name == "sqlite" else two})
    await engine.dispose()
    book = CallbackRepository(SharedEngine(empty_url), ONE)
    assert (await book.adopt(), await book.pending()) == (False, None)
    assert "run `hatif db upgrade`" in book.why
    assert (await upgrade(empty_url))[:2] == ["0002", "0003"]
    assert await book.adopt()
    (pending,) = await book.pending() or []
    assert pending.id == two
    await book.shared.close()
    engine = async_engine(empty_url)
    async with reading(engine) as connection:
        (kept,) = (await connection.execute(text("SELECT outcome, outgoing FROM call"))).all()
    assert (kept.outcome, bool(kept.outgoing)) == ("answered", False)
    found = await callbacks.find_request(engine, str(two))
    assert (found.kind, found.wished, found.claim, found.first_due) == ("closed", NOW, None, None)
    await engine.dispose()
