"""The file of the last conversation of an operator."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Call, Pairing


async def last_file(engine: AsyncEngine, operator: str) -> str | None:
    """The reference of the file of the last call that he was connected with; None if he had none, or it has no file."""
    async with reading(engine) as connection:
        reference: str | None = await connection.scalar(
            select(Call.case_reference)
            .join(Pairing, Pairing.call_id == Call.id)
            .where(Pairing.operator_id == operator)
            .order_by(Pairing.began.desc(), Pairing.id.desc())
            .limit(1)
        )
    return reference
