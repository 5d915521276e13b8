"""The audit in pages, filtered. Functions raise DatabaseError if the database is away."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import ENDED, SUPERVISIONS, AuditEntry
from db.engine import reading
from db.tables import Audit, Call

_AT_ONCE = 5_000
"""Supervisions that are named in one query, which may have 32,767 parameters on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records. The period is from `begins` up to, not including, `ends`.

    `by`: who acted; `prefixes`: how an act may begin; `without`: how it may not. None, or nothing: all.
    """

    begins: datetime
    ends: datetime
    by: str | None = None
    prefixes: Sequence[str] = ()
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Records, the newest first, and how many there are in all."""

    entries: Sequence[AuditEntry]
    total: int


async def audit_page(engine: AsyncEngine, wanted: AuditFilter, limit: int, offset: int = 0) -> AuditPage:
    """Return a part of the records. The end of a supervision is part of the record of its beginning."""
    where = _where(wanted)
    query = (
        select(Audit, Call.ended.label("call_ended"))
        .outerjoin(Call, Call.id == Audit.call_id)
        .where(where)
        .order_by(Audit.at.desc(), Audit.seq.desc(), Audit.node, Audit.boot)
        .limit(limit)
        .offset(offset)
    )
    async with reading(engine) as connection:
        total = await connection.scalar(select(func.count()).select_from(Audit).where(where)) or 0
        rows = (await connection.execute(query)).all()
        entries = [_entry(row) for row in rows]
        ends = {row.call_id: row.call_ended for row in rows if row.call_ended is not None}
        return AuditPage(await _with_ends(connection, entries, ends), total)


async def people_of(engine: AsyncEngine, begins: datetime, ends: datetime) -> Sequence[str]:
    """Return who acted in a period."""
    query = select(Audit.by).where(Audit.at >= begins, Audit.at < ends).distinct().order_by(Audit.by)
    async with reading(engine) as connection:
        return [*await connection.scalars(query)]


def _where(wanted: AuditFilter) -> ColumnElement[bool]:
    parts = [Audit.at >= wanted.begins, Audit.at < wanted.ends, Audit.act != ENDED]
    if wanted.by is not None:
        parts.append(Audit.by == wanted.by)
    if wanted.prefixes:
        parts.append(or_(*(Audit.act.startswith(prefix, autoescape=True) for prefix in wanted.prefixes)))
    parts += [~Audit.act.startswith(prefix, autoescape=True) for prefix in wanted.without]
    return and_(*parts)


def _entry(row: Any) -> AuditEntry:
    data = row.data if isinstance(row.data, dict) else {}
    return AuditEntry(row.at, row.by, row.act, row.about, row.call_id, None, row.reason, data)


async def _with_ends(
    connection: AsyncConnection, entries: Sequence[AuditEntry], ends: dict[Any, datetime]
) -> Sequence[AuditEntry]:
    """Return the entries with the ends of supervisions: the next record of the same one, else the end of the call."""
    names = sorted({_supervision(entry) for entry in entries if entry.act in SUPERVISIONS})
    if not names:
        return entries
    first = min(entry.at for entry in entries if entry.act in SUPERVISIONS)
    name = Audit.data["supervision"].as_string()
    query = select(name, Audit.at, Audit.reason).where(Audit.act.in_((*SUPERVISIONS, ENDED)), Audit.at >= first)
    later: dict[str, list[tuple[datetime, str | None]]] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = query.where(name.in_(names[start : start + _AT_ONCE])).order_by(Audit.at, Audit.seq)
        for supervision, at, reason in await connection.execute(some):
            later.setdefault(supervision, []).append((at, reason))

    def ended(entry: AuditEntry) -> AuditEntry:
        if entry.act not in SUPERVISIONS:
            return entry
        following = next((row for row in later.get(_supervision(entry), ()) if row[0] > entry.at), None)
        until, reason = following or (ends.get(entry.call), None)
        return replace(entry, until=until, reason=reason)

    return [ended(entry) for entry in entries]


def _supervision(entry: AuditEntry) -> str:
    return str(entry.data.get("supervision"))
