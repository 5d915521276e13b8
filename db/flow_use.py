"""Which ways callers took through the flow, and how their calls ended. Functions raise DatabaseError."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.tables import Call, CallEvent

_LONG = 90
"""Characters of a path in JSON from which it may have lost its beginning (`ivr/model/call_state.py`): then the call's
events say where it was."""


@dataclass(frozen=True, slots=True)
class Way:
    """Calls that took the same way through the flow and ended alike.

    `outcome`: a `db.enums.Outcome`; None while they are in progress. `ended_by`: caller, operator, service.
    """

    path: tuple[str, ...]
    outcome: str | None
    ended_by: str | None
    calls: int


async def ways(engine: AsyncEngine, begins: datetime, ends: datetime) -> Sequence[Way]:
    """Return the ways of the callers whose calls began in a period, without test calls and without calls by us.

    The database counts equal paths. Only calls in progress, and those with a long path, are read one by one.
    """
    theirs = and_(Call.live, Call.outgoing.is_(False), Call.started >= begins, Call.started < ends)
    one_by_one = or_(Call.ended.is_(None), func.length(cast(Call.path, Text)) > _LONG)
    counted = (
        select(Call.path, Call.outcome, Call.ended_by, func.count())
        .where(theirs, ~one_by_one)
        .group_by(Call.path, Call.outcome, Call.ended_by)
    )
    entered = and_(CallEvent.call_id == Call.id, CallEvent.kind == "node")
    single = (
        select(Call.id, Call.path, Call.outcome, Call.ended_by, CallEvent.flow_node, CallEvent.data)
        .outerjoin(CallEvent, entered)
        .where(theirs, one_by_one)
        .order_by(Call.id, CallEvent.boot, CallEvent.seq)
    )
    async with reading(engine) as connection:
        found = [Way(tuple(path), outcome, by, calls) for path, outcome, by, calls in await connection.execute(counted)]
        calls: dict[UUID, tuple[list[str], list[str], str | None, str | None]] = {}
        for identity, path, outcome, by, node, data in await connection.execute(single):
            nodes = calls.setdefault(identity, ([], path, outcome, by))[0]
            if node is not None and not (_is_again(data) and nodes and nodes[-1] == node):
                nodes.append(node)
    found += [
        Way(path, outcome, by, number)
        for (path, outcome, by), number in Counter(
            (tuple(nodes or path), outcome, by) for nodes, path, outcome, by in calls.values()
        ).items()
    ]
    return found


def _is_again(data: Any) -> bool:
    """Return whether a call entered its node again, after a restart of the controller."""
    return isinstance(data, dict) and bool(data.get("resumed"))
