"""Pairings into the table: a new one ends what is still open of its operator and its call."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.enums import Role
from db.returners import LOST
from db.tables.floor import Pairing

TABLE = Pairing.__tablename__


async def end_displaced(connection: AsyncConnection, columns: Mapping[str, Any]) -> None:
    """End the open pairings that a new one proves to be over, as lost. Idempotent.

    A controller that was killed has left them open, and the one that follows records new conversations before it has
    looked at everything. What it finds out later about their end overrides this.

    Args:
        columns: The row of the new pairing.
    """
    if columns.get("ended") is not None:
        return
    began, role = columns["began"], columns.get("role", Role.OPERATOR)
    same_call = and_(Pairing.call_id == columns["call_id"], Pairing.role == Role.OPERATOR, role == Role.OPERATOR)
    await connection.execute(
        update(Pairing)
        .where(
            Pairing.ended.is_(None),
            Pairing.id != columns["id"],
            or_(Pairing.operator_id == columns["operator_id"], same_call),
        )
        .values(ended=case((Pairing.began > began, Pairing.began), else_=began), reason=LOST)
    )
