"""Recordings are listed with whose they were, and scores are counted by operator, in both databases."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import recordings
from db.engine import open_engine, writing
from db.ids import uuid7
from db.rows import NotFoundError
from db.tables import Call, Pairing, Recording, ScoreSheet

pytest_plugins = ["db_fixtures"]

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


async def put(engine: AsyncEngine, table: object, **row: object) -> None:
    async with writing(engine) as connection:
        await connection.execute(insert(table).values({"node": "n", **row}))  # type: ignore[arg-type]


async def recorded(engine: AsyncEngine, operator: str | None, at: datetime, *, over: bool = True) -> UUID:
    identity, call = uuid7(), uuid7()
    await put(engine, Call, id=call, started=at, language="fr", topic="file", country="FR")
    consent = {"consented": at, "consent_key": "1", "consent_text": "record_question", "consent_language": "fr"}
    ended = {"ended": at + timedelta(minutes=1), "duration_ms": 60_000} if over else {}
    await put(engine, Recording, id=identity, call_id=call, file="recordings/x.wav", started=at, **consent, **ended)
    if operator is not None:
        await put(engine, Pairing, id=identity, call_id=call, operator_id=operator, began=at, ended=at, role="operator")
    return identity


async def sheet(engine: AsyncEngine, recording: UUID, by: str, operator: str, at: datetime, **scores: int) -> None:
    row = {"recording_id": recording, "by": by, "call_id": uuid7(), "operator_id": operator, "recorded": at}
    await put(engine, ScoreSheet, **row, at=at + timedelta(hours=1), scores=scores, remark="Well done.")


async def test_recordings_of_a_period_are_listed_the_latest_first(url: str) -> None:
    async with open_engine(url) as engine:
        first = await recorded(engine, "1002", NOON)
        second = await recorded(engine, "1003", NOON + timedelta(minutes=5))
        nobodys = await recorded(engine, None, NOON + timedelta(minutes=7))
        await recorded(engine, "1002", NOON + timedelta(minutes=8), over=False)
        await recorded(engine, "1002", NOON - timedelta(days=1))
        end = NOON + timedelta(hours=1)
        found = await recordings.list_recordings(engine, NOON, end)
        assert [(row.id, row.operator) for row in found] == [(nobodys, None), (second, "1003"), (first, "1002")]
        assert [row.id for row in await recordings.list_recordings(engine, NOON, end, "1002")] == [first]
        one = await recordings.find(engine, first)
        assert (one.language, one.topic, one.country, one.duration_ms) == ("fr", "file", "FR", 60_000)
        with pytest.raises(NotFoundError):
            await recordings.find(engine, uuid7())


async def test_scores_are_averaged_by_operator(url: str) -> None:
    async with open_engine(url) as engine:
        one, two = await recorded(engine, "1002", NOON), await recorded(engine, "1002", NOON + timedelta(minutes=1))
        await sheet(engine, one, "1901", "1002", NOON, greeting=5, answer=2)
        await sheet(engine, one, "1902", "1002", NOON, greeting=4)
        await sheet(engine, two, "1901", "1003", NOON - timedelta(days=3), greeting=1)
        found = await recordings.operator_scores(engine, NOON, NOON + timedelta(days=1))
        (scores,) = found.values()
        assert (scores.operator, scores.sheets, scores.average) == ("1002", 2, 11 / 3)
        by_recording = await recordings.sheets_of(engine, [one, two])
        assert [(row.by, row.average) for row in by_recording[one]] == [("1901", 3.5), ("1902", 4.0)]
        assert await recordings.sheets_of(engine, []) == {}
        mine = await recordings.sheets_of_operator(engine, "1002", NOON, 1)
        assert len(mine) == 1 and mine[0].remark == "Well done."
