"""Work that one person takes at a time: each step is one conditional update, with its entry in the audit.

Of two people who take the same work, one is refused.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, func, or_
from sqlalchemy.sql.dml import ReturningUpdate

from db.engine import writing
from db.tables import GuideRequest, Message
from office.context import Office
from office.people import Actor, Permission
from wire.errors import UserError

Table = type[Message] | type[GuideRequest]

NOBODYS = {"taken_by": None, "taken": None}
"""The columns of work that nobody has taken."""


class TakenError(UserError):
    """Somebody else has the work, or nobody has, or it is over; the sentence says which."""


def taken_by(actor: Actor, table: Table, now: datetime) -> dict[str, Any]:
    """Return the columns of work that somebody takes; since when stays if they have it already."""
    return {"taken_by": actor.id, "taken": func.coalesce(table.taken, now)}


def may_take(actor: Actor, table: Table) -> ColumnElement[bool]:
    """Return the condition that nobody else has the work."""
    return or_(table.taken_by.is_(None), table.taken_by == actor.id)


def may_give_back(actor: Actor, table: Table) -> ColumnElement[bool]:
    """Return the condition that they have the work, or, for whoever supervises, that anybody has."""
    return table.taken_by.is_not(None) if actor.may(Permission.SUPERVISE) else table.taken_by == actor.id


async def change(
    office: Office, wanted: ReturningUpdate[Any], audited: Callable[[Any], Insert]
) -> Sequence[Any] | None:
    """Make a change with its entry in the audit; return what it returns, None if its condition does not hold.

    Raises DatabaseError: then neither is made, or, where it is in doubt, perhaps both.
    """
    async with writing(office.engine) as connection:
        row: Sequence[Any] | None = (await connection.execute(wanted)).one_or_none()
        if row is not None:
            await connection.execute(audited(row))
        return row
