"""Recorded conversations, and the sheets on which supervisors score them. A recording has the caller's consent, always.

Functions raise DatabaseError if the database is away.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Role
from db.recording_data import OperatorScores, RecordedCall, Sheet
from db.report_tables import SCORE_SHEET
from db.rows import NotFoundError
from db.tables import Call, Pairing, Recording

MOST = 200
"""Recordings in one list."""


async def find(engine: AsyncEngine, recording: UUID) -> RecordedCall:
    """Return one recording. Raises NotFoundError if there is none with this id."""
    async with reading(engine) as connection:
        row = (await connection.execute(_query().where(Recording.id == recording))).one_or_none()
    if row is None:
        raise NotFoundError(f"no recording has the id {recording}")
    return RecordedCall(*row)


async def list_recordings(
    engine: AsyncEngine, begins: datetime, ends: datetime, operator: str | None = None
) -> Sequence[RecordedCall]:
    """Return the recordings that began in a period and are over, the latest first, at most `MOST`."""
    query = (
        _query()
        .where(Recording.started >= begins, Recording.started < ends, Recording.ended.is_not(None))
        .where(Pairing.operator_id == operator if operator is not None else true())
        .order_by(Recording.started.desc())
        .limit(MOST)
    )
    async with reading(engine) as connection:
        return [RecordedCall(*row) for row in await connection.execute(query)]


async def sheets_of(engine: AsyncEngine, recordings: Collection[UUID]) -> Mapping[UUID, Sequence[Sheet]]:
    """Return the sheets of recordings, each one's oldest first."""
    if not recordings:
        return {}
    found: defaultdict[UUID, list[Sheet]] = defaultdict(list)
    query = _sheets().where(SCORE_SHEET.c.recording_id.in_(recordings)).order_by(SCORE_SHEET.c.at)
    async with reading(engine) as connection:
        for row in await connection.execute(query):
            found[row.recording_id].append(Sheet(*row))
    return found


async def sheets_of_operator(engine: AsyncEngine, operator: str, since: datetime, most: int) -> Sequence[Sheet]:
    """Return the latest sheets about an operator, the latest first."""
    query = _sheets().where(SCORE_SHEET.c.operator_id == operator, SCORE_SHEET.c.at >= since)
    async with reading(engine) as connection:
        rows = await connection.execute(query.order_by(SCORE_SHEET.c.at.desc()).limit(most))
        return [Sheet(*row) for row in rows]


async def operator_scores(engine: AsyncEngine, begins: datetime, ends: datetime) -> Mapping[str, OperatorScores]:
    """Return the scores of the conversations of a period, by operator, for reports."""
    scores: defaultdict[str, list[int]] = defaultdict(list)
    sheets: defaultdict[str, int] = defaultdict(int)
    query = _sheets().where(SCORE_SHEET.c.recorded >= begins, SCORE_SHEET.c.recorded < ends)
    async with reading(engine) as connection:
        for row in await connection.execute(query):
            sheet = Sheet(*row)
            sheets[sheet.operator] += 1
            scores[sheet.operator] += sheet.scores.values()
    return {
        operator: OperatorScores(operator, sheets[operator], sum(given) / len(given))
        for operator, given in scores.items()
        if given
    }


def _query() -> Any:
    return (
        select(
            Recording.id, Recording.call_id, Recording.file, Recording.started, Recording.ended,
            Recording.duration_ms, Recording.erased, Pairing.operator_id, Call.language, Call.topic, Call.country,
        )
        .outerjoin(Pairing, and_(Pairing.id == Recording.id, Pairing.role == Role.OPERATOR.value))
        .outerjoin(Call, Call.id == Recording.call_id)
    )  # fmt: skip


def _sheets() -> Any:
    sheet = SCORE_SHEET.c
    return select(sheet.recording_id, sheet.by, sheet.operator_id, sheet.recorded, sheet.at, sheet.scores, sheet.remark)
