"""The calls as the database has them."""

import asyncio
import contextlib
from datetime import UTC, datetime

from sqlalchemy import select

from bench.faults.judge import Row
from bench.floor.line import Line
from bench.floor.sound_left import read_seconds
from db.delivery import lag
from db.engine import DatabaseError, open_engine, reading
from db.tables import Call, Message, SurveyAnswer

DELIVERED_S = 20.0


async def read_rows(line: Line, first: str, last: str) -> list[Row]:
    """Return the calls of callers whose numbers are from `first` to `last`."""
    async with open_engine(line.database) as engine, reading(engine) as connection:
        mine = select(Call.__table__).where(Call.caller >= first, Call.caller <= last)
        calls = (await connection.execute(mine)).mappings().all()
        identities = select(Call.id).where(Call.caller >= first, Call.caller <= last)
        messages = (
            await connection.execute(select(Message.call_id, Message.file).where(Message.call_id.in_(identities)))
        ).all()
        surveys = (
            await connection.execute(
                select(SurveyAnswer.call_id, SurveyAnswer.answer).where(SurveyAnswer.call_id.in_(identities))
            )
        ).all()
    lengths = await asyncio.to_thread(lambda: [(call, read_seconds(line.home / file)) for call, file in messages])
    return [
        Row(
            id=str(row["id"]),
            caller=row["caller"],
            outcome=row["outcome"],
            path=tuple(row["path"]),
            operator=row["operator_id"],
            started=_seconds(row["started"]) or 0.0,
            answered=_seconds(row["line_answered"]),
            queued=_seconds(row["queued"]),
            connected=_seconds(row["connected"]),
            ended=_seconds(row["ended"]),
            live=row["live"],
            messages=tuple(length for call, length in lengths if call == row["id"]),
            surveys=tuple(answer for call, answer in surveys if call == row["id"]),
        )
        for row in calls
    ]


async def until_delivered(line: Line) -> str:
    """Wait until the database has the whole journal; return what is left if that takes too long."""
    loop = asyncio.get_running_loop()
    deadline, found = loop.time() + DELIVERED_S, "the database is away"
    while loop.time() < deadline:
        with contextlib.suppress(DatabaseError):
            behind = await lag(line.home / "journal", line.database)
            if not behind.records:
                return ""
            found = f"{behind.records} records are not delivered"
        await asyncio.sleep(0.5)
    return found


def _seconds(at: datetime | None) -> float | None:
    return at.astimezone(UTC).timestamp() if at is not None else None
