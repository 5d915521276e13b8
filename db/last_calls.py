"""The last conversation of an operator: what the codes for his last caller and that caller's file go by."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Role
from db.tables import Call, Pairing


@dataclass(frozen=True, slots=True)
class LastCall:
    """`caller`: E.164 with +, None where he was unknown; `country`: ISO; `case_reference`: of the call's file."""

    id: UUID
    caller: str | None
    language: str | None
    country: str | None
    topic: str | None
    case_reference: str | None


async def last_call(engine: AsyncEngine, operator: str) -> LastCall | None:
    """The call that he was the operator of last, also where he was handed it; None: of none.

    One in which he interpreted, or was asked for advice, is not his: that caller has an operator of his own, who calls
    him back and has his file. Who takes such a caller over is his operator from then on.
    """
    async with reading(engine) as connection:
        found = await connection.execute(
            select(Call.id, Call.caller, Call.language, Call.country, Call.topic, Call.case_reference)
            .join(Pairing, Pairing.call_id == Call.id)
            .where(Pairing.operator_id == operator, Pairing.role == Role.OPERATOR.value)
            .order_by(Pairing.began.desc(), Pairing.id.desc())
            .limit(1)
        )
        row = found.one_or_none()
    return LastCall(*row) if row is not None else None
