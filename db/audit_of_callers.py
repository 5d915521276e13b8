"""The audit's records about one caller: who has seen what is kept of them. Functions raise DatabaseError."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import AuditEntry, entries_of
from db.engine import reading
from db.masking import Spellings
from db.tables import Audit, Call, Callback, CaseFile, GuideRequest, Message, Recording
from db.traces import Read

_AT_ONCE = 200
_PART = 4
"""Digits of a number from which on a search finds its cases."""


async def audit_of_caller(
    engine: AsyncEngine, number: str, writings: Collection[str], spellings: Spellings, last: int, act: str | None = None
) -> list[AuditEntry]:
    """Return the last records about a caller's calls, cases, messages, recordings and requests, and of searches that
    named the number or showed one of the cases, newest first.

    Args:
        number: In E.164; `writings`: others under which an older version may have kept it.
        spellings: How it may be written in a search.
        act: Only records of this act.
    """
    known = (number, *writings)
    found: dict[tuple[Any, ...], Any] = {}
    async with reading(engine) as connection:
        calls = list(await connection.scalars(select(Call.id).where(_is_of(known))))
        cases = await cases_of(connection, known)
        abouts = [f"case:{reference}" for reference in cases] + [f"call:{call}" for call in calls]
        mine = select(Call.id).where(_is_of(known))
        for kind, query in (
            ("message", select(Message.id).where(or_(Message.caller.in_(known), Message.call_id.in_(mine)))),
            ("recording", select(Recording.id).where(Recording.call_id.in_(mine))),
            ("callback", select(Callback.id).where(Callback.number.in_(known))),
            ("guide_request", select(GuideRequest.id).where(GuideRequest.number.in_(known))),
        ):
            abouts += [f"{kind}:{identity}" for identity in await connection.scalars(query)]
        # What somebody has read during the call may be about others.
        of_calls = ~Audit.act.startswith("read_", autoescape=True)
        conditions: list[ColumnElement[bool]] = [Audit.about.in_(some) for some in parts(abouts)]
        conditions += [and_(of_calls, Audit.call_id.in_(some)) for some in parts(calls)]
        conditions += [searches_of(some, spellings.likes) for some in parts(cases)]
        conditions += [and_(Audit.act.like("read_%"), _names(spellings.likes))]
        for condition in conditions:
            of_audit = select(Audit, Call.ended.label("call_ended")).outerjoin(Call, Call.id == Audit.call_id)
            rows = await connection.execute(of_audit.where(condition))
            found.update({(row.node, row.boot, row.seq): row for row in rows})
    about = {*abouts}
    concerned = sorted(
        (row for row in found.values() if row.about in about or _is_about(row, cases, spellings)),
        key=lambda row: (row.at, row.seq),
        reverse=True,
    )
    return entries_of(concerned, act)[:last]


async def cases_of(connection: AsyncConnection, known: Collection[str]) -> list[str]:
    """Return the references of a number's cases."""
    mine = select(Call.id).where(_is_of(known))
    where = or_(CaseFile.caller.in_(known), CaseFile.notify_number.in_(known), CaseFile.call_id.in_(mine))
    return list(await connection.scalars(select(CaseFile.reference).where(where)))


def searches_of(cases: Sequence[str], likes: Sequence[str] = ()) -> Any:
    """Return the condition of searches that showed one of the cases, or whose records fit one of the patterns."""
    shown = [f'%"{reference}"%' for reference in cases]
    return and_(Audit.act == Read.SEARCH.value, _names((*shown, *likes)))


def part_of_number(number: str) -> Any:
    """Return the condition of searches that may be for a part of a number, as it is without its +; see `is_part`."""
    digits, terms = re.sub(r"\D", "", number), Audit.data["terms"].as_string()
    windows = {digits[at : at + _PART] for at in range(len(digits) - _PART + 1)}
    return and_(
        Audit.act == Read.SEARCH.value, or_(*(terms.like(f"%{'%'.join(window)}%") for window in sorted(windows)))
    )


def is_part(terms: str, number: str) -> bool:
    """Return whether a search was for a part of a number, with which it finds the number's cases."""
    digits = re.sub(r"[-+/() ]", "", terms)
    forms = (digits, digits.removeprefix("00").lstrip("0"))
    return digits.isdigit() and any(len(form) >= _PART and form in number for form in forms)


def _is_of(known: Collection[str]) -> Any:
    return or_(Call.caller.in_(known), Call.caller_raw.in_(known))


def _names(likes: Sequence[str]) -> Any:
    return or_(*(cast(Audit.data, Text).like(like) for like in likes))


def _is_about(row: Any, cases: Collection[str], spellings: Spellings) -> bool:
    """Return whether a record that a condition has found names the number, or has shown a case. A pattern for SQL fits
    other digits too."""
    if not row.act.startswith("read_"):
        return True
    return spellings.is_in(row.data) or bool({*row.data.get("cases", ())} & {*cases})


def parts(of: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield as many at a time as a statement may name."""
    for start in range(0, len(of), _AT_ONCE):
        yield of[start : start + _AT_ONCE]
