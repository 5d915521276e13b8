"""Reports that are sent by e-mail: what was handed to the mail server, so that nothing is sent twice.

A row is inserted before a report is sent. A row that neither says that it was sent nor why not belongs to a desk that
ended in between: its report may have arrived, and is not sent again.

Functions take an engine and raise DatabaseError if the database is away.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import insert_of, reading, writing
from db.tables import ReportMail


@dataclass(frozen=True, slots=True)
class Mailing:
    """A report for one address. `every`: `day`, `week` or `month`; `first`: the first day that it is about."""

    every: str
    first: date
    address: str


@dataclass(frozen=True, slots=True)
class MailingState:
    """The state of a mailing. `tries`: how often it was begun; `problem`: why the last one failed."""

    mailing: Mailing
    begun: datetime
    sent: datetime | None
    tries: int
    problem: str | None


async def claim(engine: AsyncEngine, mailing: Mailing, now: datetime, *, tries: int = 0) -> bool:
    """Take a mailing on; return False if somebody else has. `tries`: how often it was begun and failed before."""
    async with writing(engine) as connection:
        if tries:
            again = (
                update(ReportMail)
                .where(
                    _is(mailing), ReportMail.tries == tries, ReportMail.sent.is_(None), ReportMail.problem.is_not(None)
                )
                .values(begun=now, tries=tries + 1, problem=None)
            )
            return (await connection.execute(again)).rowcount == 1
        row = {"every": mailing.every, "first": mailing.first, "address": mailing.address, "begun": now, "tries": 1}
        insert = insert_of(connection.dialect.name)(ReportMail).values(row).on_conflict_do_nothing()
        return (await connection.execute(insert)).rowcount == 1


async def note(
    engine: AsyncEngine, mailing: Mailing, *, sent: datetime | None = None, problem: str | None = None
) -> None:
    """Note that a mailing was sent, or why it was not."""
    async with writing(engine) as connection:
        await connection.execute(update(ReportMail).where(_is(mailing)).values(sent=sent, problem=problem))


async def known(engine: AsyncEngine, since: date) -> list[MailingState]:
    """Return the mailings about days since then, the newest first."""
    columns = (ReportMail.every, ReportMail.first, ReportMail.address, ReportMail.begun, ReportMail.sent)
    query = (
        select(*columns, ReportMail.tries, ReportMail.problem)
        .where(ReportMail.first >= since)
        .order_by(ReportMail.first.desc(), ReportMail.every, ReportMail.address)
    )
    async with reading(engine) as connection:
        return [MailingState(Mailing(*row[:3]), *row[3:]) for row in await connection.execute(query)]


async def failed(engine: AsyncEngine, since: date) -> list[MailingState]:
    """Return the mailings about days since then that failed, unless a later one of the same kind has arrived."""
    found, arrived = [], set[tuple[str, str]]()
    for state in await known(engine, since):
        kind = (state.mailing.every, state.mailing.address)
        if state.sent is not None:
            arrived.add(kind)
        elif state.problem is not None and kind not in arrived:
            found.append(state)
    return found


async def first_mailings(engine: AsyncEngine, every: str) -> dict[str, date]:
    """Return for each address the first day of the first such report that it was to get."""
    query = (
        select(ReportMail.address, func.min(ReportMail.first))
        .where(ReportMail.every == every)
        .group_by(ReportMail.address)
    )
    async with reading(engine) as connection:
        return {row[0]: row[1] for row in await connection.execute(query)}


def _is(mailing: Mailing) -> ColumnElement[bool]:
    return and_(
        ReportMail.every == mailing.every, ReportMail.first == mailing.first, ReportMail.address == mailing.address
    )
