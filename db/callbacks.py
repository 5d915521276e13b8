"""Callback requests in the database, moved from state to state by one controller at a time.

They are written directly, not through the journal: a controller that dials must know that no other one does, and a try
that is not written is not dialled. Each step is one conditional update; the second controller to try it gets False.
Functions raise DatabaseError if the database is away.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from db.callback_requests import CHANGING, CallbackRequest, Claim, CountryLimit, DialCounts
from db.engine import reading, writing
from db.enums import CallbackKind, CallbackState, TryOutcome
from db.read import ids_beginning
from db.rows import NotFoundError
from db.tables import Call, Callback, CallbackTry, CaseFile, CaseNote

_LOCK = 0x6861746967  # PostgreSQL's advisory lock for counting and dialling; the one before is that of `db.upgrade`
_OF_FILE = ("file_changed", "pin_given")
_PLAIN = [name for name in CallbackRequest.__dataclass_fields__ if name not in ("claim", *_OF_FILE)]


class DialResult(StrEnum):
    """Whether a number may be dialled, or why not."""

    YES = "yes"
    MOVED = "moved"  # another controller has moved the request
    CALLED = "called"  # the number is being called for another request
    LIMIT_NUMBER = "limit_number"
    LIMIT_DAY = "limit_day"
    LIMIT_COUNTRY = "limit_country"


async def pending(engine: AsyncEngine) -> list[CallbackRequest]:
    """Return the requests that have not ended, oldest first."""
    return await _requests(engine, Callback.ended.is_(None))


async def latest(engine: AsyncEngine, last: int) -> list[CallbackRequest]:
    """Return the requests that have not ended and the `last` ones that have, newest first."""
    newest = select(Callback.id).where(Callback.ended.is_not(None)).order_by(Callback.ended.desc()).limit(last)
    requests = await _requests(engine, or_(Callback.ended.is_(None), Callback.id.in_(newest)))
    return requests[::-1]


async def find_request(engine: AsyncEngine, beginning: str) -> CallbackRequest:
    """Return the request whose id begins with `beginning`. Raises NotFoundError if there is not exactly one."""
    ids = ids_beginning(beginning, "hatif callbacks")
    found = await _requests(engine, Callback.id.between(*ids))
    if len(found) != 1:
        count = "more than one callback request has" if found else "no callback request has"
        raise NotFoundError(f"{count} an id that begins with {beginning!r}; see `hatif callbacks`")
    return found[0]


async def _requests(engine: AsyncEngine, where: Any) -> list[CallbackRequest]:
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(Callback, CaseFile.changed.label("file_changed"), CaseFile.pin_given)
            .select_from(Callback)
            .outerjoin(CaseFile, CaseFile.reference == Callback.case_reference)
            .where(where)
            .order_by(Callback.wished, Callback.id)
        )
        return [_request(row) for row in rows]


def _request(row: Any) -> CallbackRequest:
    claim = Claim(row.claimed_node, row.claimed_boot) if row.claimed_node and row.claimed_boot else None
    return CallbackRequest(**{name: getattr(row, name) for name in (*_PLAIN, *_OF_FILE)}, claim=claim)


async def move(
    engine: AsyncEngine,
    before: CallbackRequest,
    after: CallbackRequest,
    *,
    outcome: TryOutcome | None = None,
    at: datetime | None = None,
) -> bool:
    """Move a request from `before` to `after`; return False if it is no longer as in `before`.

    `outcome`: how the try in progress ended, at `at`.
    """
    async with writing(engine) as connection:
        return await moved(connection, before, after, outcome=outcome, at=at)


async def moved(
    connection: AsyncConnection,
    before: CallbackRequest,
    after: CallbackRequest,
    *,
    outcome: TryOutcome | None = None,
    at: datetime | None = None,
) -> bool:
    """Do the same in a transaction of the caller's."""
    if not await _moved(connection, before, after):
        return False
    if outcome is not None:
        await connection.execute(
            update(CallbackTry)
            .where(
                CallbackTry.callback_id == before.id,
                CallbackTry.try_number == before.tries,
                CallbackTry.outcome.is_(None),
            )
            .values(outcome=outcome.value, ended=at)
        )
    return True


async def replace(engine: AsyncEngine, before: CallbackRequest, after: CallbackRequest, new: CallbackRequest) -> bool:
    """End a request, as in `after`, with a new one in its place; return False if it is no longer as in `before`."""
    row = {name: getattr(new, name) for name in _PLAIN}
    async with writing(engine) as connection:
        if not await _moved(connection, before, after):
            return False
        await connection.execute(insert(Callback).values(row))
        return True


async def dial(
    engine: AsyncEngine,
    before: CallbackRequest,
    after: CallbackRequest,
    *,
    operator: str | None,
    since: datetime,
    a_number: int,
    a_day: int,
    country: CountryLimit | None = None,
) -> DialResult:
    """Move a request to a state in which its number is dialled, and write the try.

    Does nothing if there were too many tries since `since` (`a_number` for this number, `a_day` in total), or if any
    controller is calling the number for another request. `operator`: the operator who waits for the caller.
    """
    async with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        counts = await _count_dialled(connection, since, talked=country is not None and country.seconds is not None)
        if counts.of(before.number) >= a_number:
            return DialResult.LIMIT_NUMBER
        if counts.total >= a_day:
            return DialResult.LIMIT_DAY
        if country is not None and country.is_reached(counts):
            return DialResult.LIMIT_COUNTRY
        others = select(Callback.id).where(
            Callback.number == before.number,
            Callback.id != before.id,
            Callback.state.in_((CallbackState.RINGING_CALLER, CallbackState.CONNECTED)),
            Callback.ended.is_(None),
        )
        if (await connection.execute(others.limit(1))).first() is not None:
            return DialResult.CALLED
        if not await _moved(connection, before, after):
            return DialResult.MOVED
        assert after.claim is not None
        await connection.execute(
            insert(CallbackTry).values(
                callback_id=after.id,
                try_number=after.tries,
                node=after.claim.node,
                number=after.number,
                operator_id=operator,
                dialled=after.tried,
            )
        )
        return DialResult.YES


async def _moved(connection: AsyncConnection, before: CallbackRequest, after: CallbackRequest) -> bool:
    claim = before.claim
    values = {name: getattr(after, name) for name in CHANGING if getattr(after, name) != getattr(before, name)}
    values["claimed_node"] = after.claim.node if after.claim is not None else None
    values["claimed_boot"] = after.claim.boot if after.claim is not None else None
    done = await connection.execute(
        update(Callback)
        .where(
            Callback.id == before.id,
            Callback.state == before.state,
            Callback.tries == before.tries,
            Callback.claimed_node == claim.node if claim is not None else Callback.claimed_node.is_(None),
            Callback.claimed_boot == claim.boot if claim is not None else Callback.claimed_boot.is_(None),
            Callback.ended.is_(None),
        )
        .values(values)
    )
    return bool(done.rowcount == 1)


async def adopt(engine: AsyncEngine, claim: Claim) -> int:
    """Transfer the claims of the node's former controllers to this one; return how many there were. A former controller
    that is still alive can no longer move these requests."""
    async with writing(engine) as connection:
        done = await connection.execute(
            update(Callback)
            .where(
                Callback.claimed_node == claim.node,
                Callback.claimed_boot != claim.boot,
                Callback.ended.is_(None),
            )
            .values(claimed_boot=claim.boot)
        )
        return int(done.rowcount)


async def count_dialled(engine: AsyncEngine, since: datetime, *, talked: bool = False) -> DialCounts:
    """Return how often numbers were dialled since then; `talked`: also how long the calls took, from the answer on."""
    async with reading(engine) as connection:
        return await _count_dialled(connection, since, talked=talked)


async def _count_dialled(connection: AsyncConnection, since: datetime, *, talked: bool) -> DialCounts:
    rows = await connection.execute(
        select(CallbackTry.number, func.count()).where(CallbackTry.dialled >= since).group_by(CallbackTry.number)
    )
    numbers = {row[0]: int(row[1]) for row in rows}
    return DialCounts(numbers, sum(numbers.values()), await _seconds(connection, since) if talked else {})


async def _seconds(connection: AsyncConnection, since: datetime) -> dict[str, float]:
    """Return how long our calls since then took, by number; those that are up until now."""
    found: dict[str, float] = {}
    answered = func.coalesce(Call.line_answered, Call.started)
    ours = select(Call.caller, answered, Call.ended).where(Call.started >= since, Call.outgoing.is_(True))
    for number, began, ended in await connection.execute(ours):
        if number is not None:
            seconds = ((ended or datetime.now(UTC)) - began).total_seconds()
            found[number] = found.get(number, 0.0) + max(0.0, seconds)
    return found


async def tries(engine: AsyncEngine, requests: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return the tries of each request, in order."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(CallbackTry)
            .where(CallbackTry.callback_id.in_(requests))
            .order_by(CallbackTry.callback_id, CallbackTry.try_number)
        )
        for row in rows:
            found.setdefault(row.callback_id, []).append(
                {
                    "try": row.try_number,
                    "operator": row.operator_id,
                    "dialled": row.dialled,
                    "outcome": row.outcome,
                    "ended": row.ended,
                }
            )
    return found


async def called_again(engine: AsyncEngine, requests: Sequence[UUID]) -> set[UUID]:
    """Return those of the requests whose caller has called again since the call of the request, and waits or talks, or
    has done so."""
    cut, later = aliased(Call), aliased(Call)
    served = or_(later.queued.is_not(None), later.connected.is_not(None))
    again = exists().where(
        later.caller == Callback.number, later.started >= cut.ended, later.id != cut.id, ~later.outgoing, served
    )
    query = select(Callback.id).join(cut, cut.id == Callback.call_id).where(Callback.id.in_(requests), again)
    async with reading(engine) as connection:
        return set(await connection.scalars(query))


async def failed_without_file(engine: AsyncEngine, since: datetime) -> list[CallbackRequest]:
    """Return the requests that failed since then and have no case file yet or, if they were about a file, no note in it
    with their own id: their controller was killed between the two steps."""
    note = select(CaseNote.id).where(CaseNote.id == Callback.id).exists()
    about_file = Callback.kind == CallbackKind.CASE
    unfiled = or_(
        and_(about_file, ~note),
        and_(~about_file, Callback.case_reference.is_not(None), CaseFile.reference.is_(None)),
    )
    return await _requests(engine, and_(Callback.state == CallbackState.FAILED, Callback.ended >= since, unfiled))
