"""What a person works on: what they have taken, and the cases that are theirs. Raises DatabaseError if it is away."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import null, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import CallbackKind
from db.tables import Callback, CaseChange, CaseFile, GuideRequest, Message


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a person works on. `about`: as in the audit."""

    about: str
    case: str | None
    number: str | None


async def tasks_of(engine: AsyncEngine, account: str, operator: str | None) -> list[Task]:
    """Return what a person has taken and not finished, their own open cases, and their changes that were not made."""
    queries: dict[str, Any] = {
        "message": select(Message.id, Message.case_reference, Message.caller).where(
            Message.taken_by == account, Message.done.is_(None)
        ),
        "callback": select(Callback.id, Callback.case_reference, Callback.number).where(
            Callback.operator_id == operator, Callback.kind == CallbackKind.OPERATOR.value, Callback.ended.is_(None)
        ),
        "case": select(CaseFile.reference, CaseFile.reference, CaseFile.caller).where(
            CaseFile.owner == operator, CaseFile.closed.is_(None)
        ),
        "case_change": select(CaseChange.id, CaseChange.case_reference, null()).where(
            CaseChange.author == account, CaseChange.done.is_(None)
        ),
        "guide_request": select(GuideRequest.id, GuideRequest.id, GuideRequest.number).where(
            GuideRequest.taken_by == account, GuideRequest.ended.is_(None)
        ),
    }
    found = []
    async with reading(engine) as connection:
        for kind, query in queries.items():
            for identity, case, number in await connection.execute(query):
                found.append(Task(f"{kind}:{identity}", None if kind == "guide_request" else case, number))
    return found
