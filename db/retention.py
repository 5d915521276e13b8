"""Retention: deleting what is older than its time. Which time is for whom is the site's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from db.engine import reading, writing
from db.queue_log import mark_told
from db.tables import (
    Audit,
    Call,
    Callback,
    CallbackTry,
    Caller,
    CallEvent,
    CaseChange,
    CaseFile,
    CaseNote,
    Decision,
    GuideRequest,
    Message,
    Offer,
    OperatorStateRecord,
    Pairing,
    QueueLog,
    QueueLogPosition,
    Recording,
    ScoreSheet,
    SurveyAnswer,
)

TESTS_KEPT = timedelta(days=7)
"""The line's test calls to itself."""
_AT_ONCE = 500
"""Rows per transaction, so that it takes far less than the 50 ms that other writers may wait."""
_CALLS_AT_ONCE = 100
"""The same for calls, which have many events."""

_OF_CALLS = (CallEvent, Offer, Pairing, Decision, SurveyAnswer)


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording of a conversation or a voice message whose time is over. `file` is relative to HATIF_HOME."""

    id: UUID
    file: str


async def delete_test_calls(engine: AsyncEngine, before: datetime) -> int:
    """Delete the test calls that started before an aware instant, with all that came from them; return their number.

    That is their events, the cases that they opened, messages (whose audio `messages_of_tests` names) and requests.

    Raises:
        DatabaseError: The database is away.
        sqlalchemy.exc.SQLAlchemyError: The database refuses the statement.
    """
    of_tests = select(Call.id).where(Call.live.is_(False), Call.started < before)
    opened = select(CaseFile.reference).where(CaseFile.call_id.in_(of_tests))
    for about in (CaseNote, CaseChange):
        await _delete(engine, about, about.case_reference.in_(opened))
    for table in (CaseFile, Message, GuideRequest):
        await _delete(engine, table, table.call_id.in_(of_tests))
    return await _delete_calls(engine, Call.live.is_(False) & (Call.started < before))


async def messages_of_tests(engine: AsyncEngine, before: datetime) -> list[Audio]:
    """Return the messages of test calls that started before, whose audio is still there."""
    of_tests = select(Call.id).where(Call.live.is_(False), Call.started < before)
    return await _audio(engine, Message, Message.call_id.in_(of_tests))


async def delete_calls(engine: AsyncEngine, before: datetime) -> int:
    """Delete the calls that began before and have ended; return their number.

    With them goes what is only about calls: events, offers, decisions, answers to the survey, ended call-back requests
    and requests for something in writing, the remembered languages of callers who have not called since, the queue log
    from before except its last line, the positions of past journals in it, and the history of operators' states, but
    not the present ones. The row of a recording or message stays until its audio is erased.
    """
    deleted = await _delete_calls(engine, (Call.started < before) & Call.ended.is_not(None))
    await _delete(engine, CallbackTry, CallbackTry.callback_id.in_(select(Callback.id).where(Callback.ended < before)))
    await _delete(engine, Callback, Callback.ended < before)
    await _delete(engine, GuideRequest, GuideRequest.ended < before)
    unlocked = or_(Caller.pin_locked_until.is_(None), Caller.pin_locked_until < before)
    await _delete(engine, Caller, (Caller.last_called < before) & unlocked)
    await _delete(engine, Decision, Decision.at < before)
    # The last line stays: new ones are numbered after it, and the file asks for those after its own last one.
    last = select(func.max(aliased(QueueLog).id)).scalar_subquery()
    await _delete(engine, QueueLog, (QueueLog.at < before) & (QueueLog.id < last))
    await _delete(engine, QueueLogPosition, await mark_told(engine, before))
    await _delete(engine, Recording, (Recording.started < before) & Recording.erased.is_not(None))
    await _delete(engine, ScoreSheet, ScoreSheet.recorded < before)
    await _delete(engine, Message, (Message.at < before) & Message.erased.is_not(None))
    later, state = aliased(OperatorStateRecord), OperatorStateRecord
    is_past = select(later.operator_id).where(
        later.operator_id == state.operator_id, later.node == state.node, later.at > state.at
    )
    await _delete(engine, state, (state.at < before) & is_past.exists())
    return deleted


async def count_calls(engine: AsyncEngine, before: datetime) -> int:
    """Return how many calls `delete_calls` would delete."""
    return await _count(engine, Call, (Call.started < before) & Call.ended.is_not(None))


async def delete_cases(engine: AsyncEngine, before: datetime) -> int:
    """Delete the cases that were closed before, with their notes; return their number. Their references stay taken."""
    deleted = 0
    while True:
        async with writing(engine) as connection:
            chosen = select(CaseFile.reference).where(CaseFile.closed < before).limit(_CALLS_AT_ONCE)
            references = list(await connection.scalars(chosen))
            if not references:
                return deleted
            for table in (CaseNote, CaseChange):
                await connection.execute(delete(table).where(table.case_reference.in_(references)))
            for other in (Message, Callback, Call):
                mine = other.case_reference.in_(references)
                await connection.execute(update(other).where(mine).values(case_reference=None))
            await connection.execute(delete(CaseFile).where(CaseFile.reference.in_(references)))
        deleted += len(references)


async def count_cases(engine: AsyncEngine, before: datetime) -> int:
    """Return how many cases `delete_cases` would delete."""
    return await _count(engine, CaseFile, CaseFile.closed < before)


async def delete_audit(engine: AsyncEngine, before: datetime) -> int:
    """Delete entries of the audit from before; return their number."""
    return await _delete(engine, Audit, Audit.at < before)


async def count_audit(engine: AsyncEngine, before: datetime) -> int:
    """Return how many entries `delete_audit` would delete."""
    return await _count(engine, Audit, Audit.at < before)


async def recordings(engine: AsyncEngine, before: datetime) -> list[Audio]:
    """Return the recordings from before whose audio is still there."""
    return await _audio(engine, Recording, Recording.started < before)


async def messages(engine: AsyncEngine, before: datetime) -> list[Audio]:
    """Return the voice messages from before whose audio is still there."""
    return await _audio(engine, Message, Message.at < before)


async def mark_erased(
    engine: AsyncEngine, table: type[Recording] | type[Message], erased: Sequence[UUID], at: datetime
) -> None:
    """Note that audio was erased; of a message, delete the text and the caller's number as well."""
    of_message = ("text", "text_language", "text_confidence", "text_why", "caller")
    more = dict.fromkeys(of_message) if table is Message else {}
    for start in range(0, len(erased), _AT_ONCE):
        async with writing(engine) as connection:
            mine = table.id.in_(erased[start : start + _AT_ONCE])
            await connection.execute(update(table).where(mine).values(erased=at, **more))


async def _audio(engine: AsyncEngine, table: type[Recording] | type[Message], where: Any) -> list[Audio]:
    async with reading(engine) as connection:
        found = await connection.execute(select(table.id, table.file).where(where, table.erased.is_(None)))
        return [Audio(*row) for row in found]


async def _delete_calls(engine: AsyncEngine, where: Any) -> int:
    deleted = 0
    while True:
        async with writing(engine) as connection:
            calls = list(await connection.scalars(select(Call.id).where(where).limit(_CALLS_AT_ONCE)))
            if not calls:
                return deleted
            for table in _OF_CALLS:
                await connection.execute(delete(table).where(table.call_id.in_(calls)))
            await connection.execute(delete(Call).where(Call.id.in_(calls)))
        deleted += len(calls)


async def _delete(engine: AsyncEngine, table: type[Any], where: Any) -> int:
    """Delete the rows in small groups; return their number."""
    key = list(table.__table__.primary_key)
    deleted = 0
    while True:
        async with writing(engine) as connection:
            keys = [tuple(row) for row in await connection.execute(select(*key).where(where).limit(_AT_ONCE))]
            if not keys:
                return deleted
            mine = key[0].in_([only for (only,) in keys]) if len(key) == 1 else tuple_(*key).in_(keys)
            await connection.execute(delete(table).where(mine))
        deleted += len(keys)


async def _count(engine: AsyncEngine, table: type[Any], where: Any) -> int:
    async with reading(engine) as connection:
        return await _counted(connection, table, where)


async def _counted(connection: AsyncConnection, table: type[Any], where: Any) -> int:
    return int(await connection.scalar(select(func.count()).select_from(table).where(where)) or 0)
