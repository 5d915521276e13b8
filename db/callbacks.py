"""Wishes to be called back: read, and moved from state to state by one controller at a time.

Not through the journal: who dials must know that nobody else does, and what is not written is not dialled. Each step is
one conditional update; whoever comes second finds that it was done (False). DatabaseError when the database is away.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.callback_requests import CHANGING, CallbackRequest, Claim, Dialled
from db.engine import reading, writing
from db.enums import CallbackKind, CallbackState, TryOutcome
from db.read import NotFoundError
from db.tables import Callback, CallbackTry, CaseFile, CaseNote

_LOCK = 0x6861746967  # of PostgreSQL, next to that of `db.upgrade`: who counts what was dialled is alone
_PLAIN = [name for name in CallbackRequest.__dataclass_fields__ if name not in ("claim", "file_changed")]


class Dial(StrEnum):
    """What became of asking to dial."""

    YES = "yes"
    MOVED = "moved"  # somebody else was there before
    CALLED = "called"  # the number is being called for another wish
    LIMIT_NUMBER = "limit_number"
    LIMIT_DAY = "limit_day"


async def pending(engine: AsyncEngine) -> list[CallbackRequest]:
    """Those that are not over, the oldest first."""
    return await _wishes(engine, Callback.ended.is_(None))


async def latest(engine: AsyncEngine, last: int) -> list[CallbackRequest]:
    """Those that are not over, and the `last` ones that are, the newest first."""
    newest = select(Callback.id).where(Callback.ended.is_not(None)).order_by(Callback.ended.desc()).limit(last)
    found = await _wishes(engine, or_(Callback.ended.is_(None), Callback.id.in_(newest)))
    return found[::-1]


async def wish(engine: AsyncEngine, beginning: str) -> CallbackRequest:
    """The wish whose id begins so. NotFoundError where there is none, or more than one."""
    digits = beginning.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise NotFoundError(
            f"{beginning!r} cannot begin a wish's id: that has 0 to 9 and a to f, see `hatif callbacks`"
        )
    low, high = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    found = await _wishes(engine, Callback.id.between(low, high))
    if len(found) != 1:
        many = "more than one wish has" if found else "no wish to be called back has"
        raise NotFoundError(f"{many} an id that begins with {beginning!r}: see `hatif callbacks`")
    return found[0]


async def _wishes(engine: AsyncEngine, where: Any) -> list[CallbackRequest]:
    async with reading(engine) as connection:
        found = await connection.execute(
            select(Callback, CaseFile.changed.label("file_changed"))
            .select_from(Callback)
            .outerjoin(CaseFile, CaseFile.reference == Callback.case_reference)
            .where(where)
            .order_by(Callback.wished, Callback.id)
        )
        return [_wish(row) for row in found]


def _wish(row: Any) -> CallbackRequest:
    claim = Claim(row.claimed_node, row.claimed_boot) if row.claimed_node and row.claimed_boot else None
    return CallbackRequest(**{name: getattr(row, name) for name in _PLAIN}, claim=claim, file_changed=row.file_changed)


async def move(
    engine: AsyncEngine,
    before: CallbackRequest,
    after: CallbackRequest,
    *,
    outcome: TryOutcome | None = None,
    at: datetime | None = None,
) -> bool:
    """From `before` to `after`, if it is still as `before` says. `outcome`: of the try that is going on, `at`."""
    async with writing(engine) as connection:
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


async def dial(
    engine: AsyncEngine,
    before: CallbackRequest,
    after: CallbackRequest,
    *,
    operator: str | None,
    since: datetime,
    a_number: int,
    a_day: int,
) -> Dial:
    """As `move`, to a state in which the number is dialled: the try is written, unless there were too many `since`, or
    any controller is calling the number for another wish. `operator`: who waits for him."""
    async with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        counted = await _dialled(connection, since)
        if counted.of(before.number) >= a_number:
            return Dial.LIMIT_NUMBER
        if counted.total >= a_day:
            return Dial.LIMIT_DAY
        others = select(Callback.id).where(
            Callback.number == before.number,
            Callback.id != before.id,
            Callback.state.in_((CallbackState.RINGING_CALLER, CallbackState.CONNECTED)),
            Callback.ended.is_(None),
        )
        if (await connection.execute(others.limit(1))).first() is not None:
            return Dial.CALLED
        if not await _moved(connection, before, after):
            return Dial.MOVED
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
        return Dial.YES


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
    """What former controllers of the node were at is this one's from now on; how many that are. The former ones, should
    one still live, can move nothing any more."""
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


async def dialled(engine: AsyncEngine, since: datetime) -> Dialled:
    async with reading(engine) as connection:
        return await _dialled(connection, since)


async def _dialled(connection: AsyncConnection, since: datetime) -> Dialled:
    found = await connection.execute(
        select(CallbackTry.number, func.count()).where(CallbackTry.dialled >= since).group_by(CallbackTry.number)
    )
    numbers = {row[0]: int(row[1]) for row in found}
    return Dialled(numbers, sum(numbers.values()))


async def tries(engine: AsyncEngine, wishes: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """What was dialled for each of the wishes, in order."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(CallbackTry)
            .where(CallbackTry.callback_id.in_(wishes))
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


async def without_file(engine: AsyncEngine, since: datetime) -> list[CallbackRequest]:
    """Those that failed since then and have no file yet, nor, where they were about a file, a note in it with their own
    id: their controller was killed between the two."""
    note = select(CaseNote.id).where(CaseNote.id == Callback.id).exists()
    about_file = Callback.kind == CallbackKind.CASE
    lacks = or_(
        and_(about_file, ~note),
        and_(~about_file, Callback.case_reference.is_not(None), CaseFile.reference.is_(None)),
    )
    return await _wishes(engine, and_(Callback.state == CallbackState.FAILED, Callback.ended >= since, lacks))
