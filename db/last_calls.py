"""The last call of an operator, which the feature codes for their last caller and that caller's file refer to."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Role
from db.tables import Call, Pairing


@dataclass(frozen=True, slots=True)
class LastCall:
    """An operator's last call. `caller`: E.164 with +; None if unknown. `country`: ISO code."""

    id: UUID
    caller: str | None
    language: str | None
    country: str | None
    topic: str | None
    case_reference: str | None


async def last_call(engine: AsyncEngine, operator: str) -> LastCall | None:
    """Return the last call that the operator handled, including calls that were handed on to them; None if there is
    none.

    A call in which they only interpreted or were consulted does not count: its caller has another operator, who calls
    them back and has their case file. A colleague who takes such a call over is its operator from then on.
    """
    async with reading(engine) as connection:
        result = await connection.execute(
            select(Call.id, Call.caller, Call.language, Call.country, Call.topic, Call.case_reference)
            .join(Pairing, Pairing.call_id == Call.id)
            .where(Pairing.operator_id == operator, Pairing.role == Role.OPERATOR.value)
            .order_by(Pairing.began.desc(), Pairing.id.desc())
            .limit(1)
        )
        row = result.one_or_none()
    return LastCall(*row) if row is not None else None
