"""Everything that the database has about one caller's number."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.copying import frozen
from db.tables import (
    Call,
    Callback,
    CallbackTry,
    Caller,
    CallEvent,
    CaseChange,
    CaseFile,
    CaseNote,
    GuideRequest,
    Message,
    Recording,
    SurveyAnswer,
)

_SECRET = {"pin_hash"}

Rows = list[dict[str, Any]]


async def about_number(engine: AsyncEngine, known: Collection[str]) -> dict[str, Rows]:
    """Return all rows about a number, by table, as they were at one instant; without the hashes of PINs.

    Args:
        known: The number in E.164, and other spellings under which it may be stored.
    """
    async with frozen(engine) as connection:
        calls = select(Call.id).where(or_(Call.caller.in_(known), Call.caller_raw.in_(known)))
        cases = select(CaseFile.reference).where(
            or_(CaseFile.caller.in_(known), CaseFile.notify_number.in_(known), CaseFile.call_id.in_(calls))
        )
        wanted: dict[type[Any], Any] = {
            Caller: Caller.number.in_(known),
            Call: Call.id.in_(calls),
            CallEvent: CallEvent.call_id.in_(calls),
            Recording: Recording.call_id.in_(calls),
            SurveyAnswer: SurveyAnswer.call_id.in_(calls),
            Message: or_(Message.call_id.in_(calls), Message.caller.in_(known)),
            Callback: or_(Callback.number.in_(known), Callback.asked_by.in_(known)),
            CallbackTry: CallbackTry.number.in_(known),
            GuideRequest: GuideRequest.number.in_(known),
            CaseFile: CaseFile.reference.in_(cases),
            CaseChange: CaseChange.case_reference.in_(cases),
            CaseNote: CaseNote.case_reference.in_(cases),
        }
        return {table.__tablename__: await _rows(connection, table, where) for table, where in wanted.items()}


async def _rows(connection: AsyncConnection, table: type[Any], where: Any) -> Rows:
    key = list(table.__table__.primary_key)
    found = (await connection.execute(select(table.__table__).where(where).order_by(*key))).mappings()
    return [{name: value for name, value in row.items() if name not in _SECRET} for row in found]
