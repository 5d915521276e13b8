"""Erasing a caller's number from the whole database."""

import asyncio
import sqlite3
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, String, Text, cast, delete, insert, or_, select, text, tuple_, update
from sqlalchemy import Table as SQLTable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit_of_callers import cases_of, is_part, part_of_number, parts, searches_of
from db.copying import tables
from db.engine import DatabaseError, outside_transactions, reading, writing
from db.enums import CallbackState, GuideOutcome
from db.ids import uuid7
from db.masking import MASK, Spellings
from db.retention import Audio
from db.tables import Audit, Call, Callback, Caller, CaseChange, CaseFile, GuideRequest, Message, Recording

FORGOTTEN = "the number was forgotten"
"""The reason with which requests of an erased number end."""
_NEVER_A_NUMBER = {"reference", "case_reference"}
"""Columns of digits that are not telephone numbers."""
_CALLS_LAST = timedelta(days=1)
"""A call that began earlier and has no end is not going on: its end was lost."""
_VACUUM_S = 60.0


@dataclass(frozen=True, slots=True)
class Erasure:
    """The result of an erasure.

    `remembered`: whether the number was known; `requests`: the number of cancelled call-back requests;
    `guide_requests`: that of withdrawn requests for a procedure of the guide in writing; `cases`: that of cases whose
    applicant's name was removed; `calls`: that of calls without a number now; `rows`: that of all rows that named it.
    `recordings` and `messages`: how many of them were deleted before.
    """

    remembered: bool
    requests: int
    guide_requests: int = 0
    cases: int = 0
    calls: int = 0
    rows: int = 0
    recordings: int = 0
    messages: int = 0

    @property
    def is_empty(self) -> bool:
        counts = (self.remembered, self.requests, self.guide_requests, self.cases, self.calls, self.rows)
        return not any((*counts, self.recordings, self.messages))


class BeingCalledError(Exception):
    """The number is in a call, or is being called back; nothing was changed. The text says what to do."""


async def erase(
    engine: AsyncEngine,
    number: str,
    node: str,
    by: str,
    writings: Collection[str] = (),
    spellings: Spellings | None = None,
    proof: str | None = None,
    recordings: int = 0,
    messages: int = 0,
    *,
    at_rest: bool = False,
) -> Erasure:
    """Delete what is remembered about a number, end its pending requests, and remove it from every row, all or nothing.

    Calls and case files stay, without the number and the applicants' names. The audit records who did it, without the
    number, unless there was nothing to erase.

    Args:
        writings: Other spellings under which an older version may have remembered the number.
        spellings: How the number may be written in any text; default: as `number` and `writings`.
        proof: What the audit has instead of the number.
        recordings, messages: How many were deleted before, for the result and the audit.
        at_rest: Nothing of the line runs, so calls and requests that seem to go on do not: nothing is refused.

    Raises:
        BeingCalledError: The number is being called back or in a call; nothing was changed.
    """
    now, known = datetime.now(UTC), (number, *writings)
    spellings = spellings or Spellings([form.removeprefix("+") for form in known])
    named = await _named(engine, spellings)
    async with writing(engine) as connection:
        if not at_rest:
            await _refuse_while_calling(connection, known, now)
        remembered = (await connection.execute(delete(Caller).where(Caller.number.in_(known)))).rowcount > 0
        over = {"state": CallbackState.CANCELLED.value, "ended": now, "reason": FORGOTTEN}
        mine = Callback.number.in_(known) & Callback.ended.is_(None)
        free = mine & (Callback.state == CallbackState.REQUESTED) & Callback.claimed_node.is_(None)
        if at_rest:
            free, over = mine, {**over, "claimed_node": None, "claimed_boot": None}
        requests = (await connection.execute(update(Callback).where(free).values(over))).rowcount
        # If a controller claims a request at the same time, either the claim is visible here or the controller finds
        # the request cancelled.
        await _refuse_while_called_back(connection, mine)
        gone = {"outcome": GuideOutcome.WITHDRAWN.value, "ended": now, "ended_by": by, "reason": FORGOTTEN}
        wanted = GuideRequest.number.in_(known) & GuideRequest.ended.is_(None)
        guide_requests = (await connection.execute(update(GuideRequest).where(wanted).values(gone))).rowcount
        searches = await _forget_searches(connection, number, known)
        own = select(CaseFile.reference).where(CaseFile.caller.in_(known))
        await connection.execute(delete(CaseChange).where(CaseChange.case_reference.in_(own)))
        theirs = CaseFile.caller.in_(known) & CaseFile.applicant.is_not(None)
        without = {"applicant": None, "applicant_folded": None, "version": CaseFile.version + 1}
        nameless = update(CaseFile).where(theirs).values(without)
        cases = (await connection.execute(nameless)).rowcount
        of_calls = select(Call.id).where(or_(Call.caller.in_(known), Call.caller_raw.in_(known)))
        calls = list(await connection.scalars(of_calls))
        # As the carrier sent it, the number may have a prefix that no spelling has.
        await connection.execute(update(Call).where(Call.caller.in_(known)).values(caller_raw=None))
        rows = searches
        for table, keys in named.items():
            rows += await _mask(connection, table, keys, spellings)
        erasure = Erasure(remembered, requests, guide_requests, cases, len(calls), rows, recordings, messages)
        if not erasure.is_empty:
            await connection.execute(insert(Audit).values(_entry(erasure, node, by, now, proof)))
    return erasure


def _entry(erasure: Erasure, node: str, by: str, now: datetime, proof: str | None) -> Mapping[str, Any]:
    counts = {
        "callbacks": erasure.requests,
        "guide_requests": erasure.guide_requests,
        "cases": erasure.cases,
        "calls": erasure.calls,
        "recordings": erasure.recordings,
        "messages": erasure.messages,
    }
    data = counts if proof is None else {**counts, "proof": proof}
    return {
        "node": node, "boot": uuid7(), "seq": 1, "at": now,
        "by": by, "act": "caller_erased", "about": None, "data": data,
    }  # fmt: skip


async def _refuse_while_calling(connection: AsyncConnection, known: Collection[str], now: datetime) -> None:
    going_on = select(Call.id).where(Call.caller.in_(known), Call.ended.is_(None), Call.started > now - _CALLS_LAST)
    if (call := await connection.scalar(going_on.limit(1))) is not None:
        raise BeingCalledError(f"is in a call at this moment (call {call}). Wait until that is over")


async def _refuse_while_called_back(connection: AsyncConnection, mine: Any) -> None:
    """Raise BeingCalledError if any of these requests is pending."""
    left = select(Callback.id, Callback.state, Callback.claimed_node).where(mine).limit(1)
    if (at_work := (await connection.execute(left)).one_or_none()) is not None:
        raise BeingCalledError(
            f"is being called back at this moment ({at_work.state}, by node {at_work.claimed_node}; callback "
            f"request {at_work.id}). Wait until that is over or, if that node is gone for good, end it with "
            f"`hatif callbacks cancel {at_work.id} --node-gone`"
        )


async def audio_of(
    engine: AsyncEngine, known: Collection[str], *, at_rest: bool = False
) -> tuple[list[Audio], list[Audio]]:
    """Return the recordings and the messages of a number that are still there, to be deleted before it is erased:
    afterwards nobody could say whose they are. `at_rest`: as in `erase`.

    Raises:
        BeingCalledError: The number is being called back or in a call.
    """
    at_work = or_(Callback.state != CallbackState.REQUESTED, Callback.claimed_node.is_not(None))
    async with reading(engine) as connection:
        if not at_rest:
            await _refuse_while_calling(connection, known, datetime.now(UTC))
            mine = Callback.number.in_(known) & Callback.ended.is_(None)
            await _refuse_while_called_back(connection, mine & at_work)
        calls = select(Call.id).where(or_(Call.caller.in_(known), Call.caller_raw.in_(known)))
        theirs = or_(Message.call_id.in_(calls), Message.caller.in_(known))
        return (
            await _audio(connection, Recording, Recording.call_id.in_(calls)),
            await _audio(connection, Message, theirs),
        )


async def _audio(connection: AsyncConnection, table: type[Recording] | type[Message], where: Any) -> list[Audio]:
    found = await connection.execute(select(table.id, table.file).where(where, table.erased.is_(None)))
    return [Audio(*row) for row in found]


async def _forget_searches(connection: AsyncConnection, number: str, known: Collection[str]) -> int:
    """Erase the terms of searches that showed one of the number's cases, such as by the applicant's name, or were for a
    part of the number; return how many. That somebody searched stays. Terms with the whole number are masked as all
    texts are."""
    cases = await cases_of(connection, known)
    shown = [searches_of(some) for some in parts(cases)]
    forgotten = 0
    for condition in (*shown, part_of_number(number)):
        for row in (await connection.execute(select(Audit).where(condition))).all():
            terms = row.data.get("terms") or MASK
            if terms != MASK and ({*row.data.get("cases", ())} & {*cases} or is_part(terms, number)):
                this = (Audit.node == row.node, Audit.boot == row.boot, Audit.seq == row.seq)
                await connection.execute(update(Audit).where(*this).values(data={**row.data, "terms": MASK}))
                forgotten += 1
    return forgotten


def _texts(table: SQLTable) -> list[Any]:
    """Return the columns in which somebody may have written a number."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, (String, Text, JSON)) and not column.primary_key
        and column.name not in _NEVER_A_NUMBER
    ]  # fmt: skip


async def _named(engine: AsyncEngine, spellings: Spellings) -> dict[SQLTable, list[tuple[Any, ...]]]:
    """Return the keys of all rows that may name the number. Reads every text once, so nobody waits meanwhile."""
    found = {}
    async with reading(engine) as connection:
        for table in tables():
            if columns := _texts(table):
                likely = or_(*(cast(column, Text).like(like) for column in columns for like in spellings.likes))
                rows = await connection.execute(select(*table.primary_key).where(likely))
                if keys := [tuple(row) for row in rows]:
                    found[table] = keys
    return found


async def _mask(connection: AsyncConnection, table: SQLTable, keys: list[tuple[Any, ...]], spellings: Spellings) -> int:
    """Remove the number from these rows; return how many named it."""
    primary, changed = list(table.primary_key), 0
    for start in range(0, len(keys), 500):
        group = keys[start : start + 500]
        mine = primary[0].in_([key[0] for key in group]) if len(primary) == 1 else tuple_(*primary).in_(group)
        for row in (await connection.execute(select(table).where(mine))).mappings().all():
            values: dict[str, Any] = {}
            for column in _texts(table):
                if spellings.is_in(row[column]):
                    masked = spellings.masked(row[column])
                    values[column.name] = MASK if masked is None and not column.nullable else masked
            if values:
                if table is CaseFile.__table__:
                    values["version"] = row["version"] + 1
                this = [column == row[column] for column in primary]
                await connection.execute(update(table).where(*this).values(values))
                changed += 1
    return changed


async def numbers(engine: AsyncEngine) -> set[str]:
    """Return all callers' numbers in the database."""
    columns = (Caller.number, Call.caller, Message.caller, Callback.number, GuideRequest.number, CaseFile.caller)
    found: set[str] = set()
    async with reading(engine) as connection:
        for column in (*columns, CaseFile.notify_number):
            found.update(await connection.scalars(select(column).where(column.is_not(None)).distinct()))
    return found - {MASK}


async def overwrite_deleted(engine: AsyncEngine) -> None:
    """Have the database's files hold no more of what was deleted.

    Raises:
        DatabaseError: Another process reads or writes for too long.
    """
    if engine.dialect.name == "postgresql":
        async with outside_transactions(engine) as connection:
            await connection.execute(text("VACUUM"))
        return
    await asyncio.to_thread(vacuum, Path(engine.url.database or ""))


def vacuum(file: Path) -> None:
    """Write an SQLite file anew, without remnants of deleted rows. Others may use it, and wait meanwhile.

    Raises:
        DatabaseError: Another process reads or writes for too long.
    """
    try:
        with closing(sqlite3.connect(file, timeout=_VACUUM_S)) as connection:
            connection.execute("VACUUM")
            deadline = time.monotonic() + _VACUUM_S
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    raise DatabaseError(
                        f"{file} still has remnants of what was deleted, because it is in use: repeat this"
                    )
                time.sleep(0.1)
    except sqlite3.Error as error:
        raise DatabaseError(f"{file} still has remnants of what was deleted ({error}): repeat this") from None
