"""Reading case files. That somebody reads one is on record before they see it, whichever way they ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db import case_files, read_cases
from db.case_files import FileStory
from db.engine import DatabaseError
from db.engine import reading as reads
from db.of_tests import is_of_test
from db.read_cases import applicant_has
from db.references import is_valid, normalize
from db.rows import NotFoundError, from_row
from db.tables import Call, CaseChange, CaseFile, Message, Operator
from db.traces import Read
from office.cases.references import UnknownCaseError, digits_of
from office.context import Office
from office.people import Actor, Permission, require
from office.reading import Reading, put_on_record, record

EARLIER = 5
CASES = 8
FOUND = 20
SHORTEST = 2
"""Letters of a search."""

_NEW = timedelta(seconds=10)
"""For this time after a call has opened a case, nobody else has changed it."""


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call of the same number."""

    started: datetime
    language: str | None
    topic: str | None
    outcome: str | None
    operator: str | None
    """The operator's name."""
    case: str | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in a list."""

    reference: str
    title: str | None
    kind: str
    state: str
    topic: str | None
    opened: datetime
    due: datetime | None
    owner: str | None
    applicant: str | None
    """Their name."""
    test: bool
    """Whether it was opened in a test call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A number's history: its latest calls, its cases (open ones first), and its messages not heard yet."""

    calls: list[EarlierCall]
    count: int
    """Of all earlier calls."""
    cases: list[CaseRow]
    messages: int

    @property
    def name(self) -> str | None:
        """The applicant's name in the first case that has one."""
        return next((row.applicant for row in self.cases if row.applicant), None)


@dataclass(frozen=True, slots=True)
class Unmade:
    """A change of the person's own that was not made, since the case had been changed meanwhile."""

    id: UUID
    case_reference: str
    columns: Mapping[str, Any]
    at: datetime


async def read(office: Office, actor: Actor, reference: str, reading: Reading) -> FileStory:
    """Return a case with its notes and messages, oldest first.

    The one that the call on the screen has just opened is there as well if the database does not have it yet, or is
    away.

    Raises NotAllowedError, UnknownCaseError, DatabaseError, NotOnRecordError, and what `reading` raises.
    """
    require(actor, Permission.TAKE_CALLS)
    digits = digits_of(reference)
    story = await _story(office, digits)
    await put_on_record(office, actor, Read.CASE, f"case:{digits}", reading, story.file)
    return story


async def _story(office: Office, digits: str) -> FileStory:
    opened = office.opened(digits)
    try:
        return await case_files.story(office.engine, digits)
    except NotFoundError:
        if opened is None:
            raise UnknownCaseError(digits) from None
    except DatabaseError:
        if opened is None or opened["opened"] < office.now() - _NEW:
            raise
    return case_files.new_story(office.node, opened)


async def search(office: Office, actor: Actor, text: str, reading: Reading) -> list[CaseRow]:
    """Return the cases with a reference, with a number that has these digits, or with these words.

    Words are looked for in the applicant's name, the title, and the texts of voice messages. Raises as `read` does.
    """
    require(actor, Permission.TAKE_CALLS)
    if len(terms := text.strip()) < SHORTEST:
        return []
    why = await reading.why(None)
    found = await _search(office.engine, terms)
    shown = [row.reference for row in found]
    if why is not None:
        record(office, actor, Read.SEARCH, None, why, {"terms": terms, "cases": shown})
        reading.recorded(shown)
    return found


async def cases(
    office: Office, actor: Actor, reading: Reading, last: int = 20, *, applicant: str = "", **chosen: Any
) -> list[read_cases.Case]:
    """Return the last opened cases, newest first; filters as those of `db.read_cases.cases`. Raises as `read` does."""
    require(actor, Permission.TAKE_CALLS)
    rows = await read_cases.cases(office.engine, last, applicant=applicant or None, **chosen)
    if rows and (why := await reading.why(None)) is not None:
        shown = [row.reference for row in rows]
        filters = {name: bool(value) if isinstance(value, datetime) else value for name, value in chosen.items()}
        data = {"terms": applicant, "cases": shown, **filters}
        data = {name: value for name, value in data.items() if value not in (None, "", False)}
        record(office, actor, Read.SEARCH, None, why, data)
        reading.recorded(shown)
    return rows


async def caller(office: Office, actor: Actor, call: str, number: str | None, reading: Reading) -> Caller | None:
    """Return what is known of a call's caller, apart from that call; None of a number that is withheld. Raises as
    `read` does."""
    require(actor, Permission.TAKE_CALLS)
    await put_on_record(office, actor, Read.CALLER, f"call:{call}", reading)
    return await _caller(office.engine, number, call) if number else None


async def unmade(office: Office, actor: Actor) -> list[Unmade]:
    """Return the actor's own changes that were not made, oldest first. Raises NotAllowedError, DatabaseError."""
    require(actor, Permission.TAKE_CALLS)
    mine = (CaseChange.author == actor.id) & CaseChange.done.is_(None)
    query = select(CaseChange.id, CaseChange.case_reference, CaseChange.columns, CaseChange.at)
    async with reads(office.engine) as connection:
        return [Unmade(*row) for row in await connection.execute(query.where(mine).order_by(CaseChange.at))]


async def _caller(engine: AsyncEngine, number: str, but: str) -> Caller:
    others = (Call.caller == number, Call.id != UUID(but), Call.live)
    calls = (
        select(Call.started, Call.language, Call.topic, Call.outcome, Operator.name, Call.case_reference)
        .outerjoin(Operator, Operator.id == Call.operator_id)
        .where(*others)
        .order_by(Call.started.desc())
        .limit(EARLIER)
    )
    closed = CaseFile.closed.is_not(None)
    own_cases = (
        select(*_CASE)
        .where(CaseFile.caller == number, or_(CaseFile.call_id.is_(None), CaseFile.call_id != UUID(but)))
        .order_by(closed, CaseFile.opened.desc())
        .limit(CASES)
    )
    async with reads(engine) as connection:
        earlier = [EarlierCall(*row) for row in await connection.execute(calls)]
        count = await connection.scalar(select(func.count()).select_from(Call).where(*others)) or 0
        own = [from_row(CaseRow, row) for row in await connection.execute(own_cases)]
        unheard = select(func.count()).select_from(Message).where(Message.caller == number, Message.heard.is_(None))
        return Caller(earlier, count, own, await connection.scalar(unheard) or 0)


async def _search(engine: AsyncEngine, wanted: str) -> list[CaseRow]:
    digits = "".join(letter for letter in wanted if letter.isdigit())
    if is_valid(wanted):
        where = CaseFile.reference == normalize(wanted)
    elif len(digits) >= 4 and all(letter in "+-/() 0123456789" for letter in wanted):
        where = CaseFile.caller.contains(digits.removeprefix("00").lstrip("0"), autoescape=True)
    else:
        said = select(Message.case_reference).where(Message.text.icontains(wanted, autoescape=True))
        where = or_(
            applicant_has(wanted), CaseFile.title.icontains(wanted, autoescape=True), CaseFile.reference.in_(said)
        )
    query = select(*_CASE).where(where).order_by(CaseFile.closed.is_not(None), CaseFile.opened.desc()).limit(FOUND)
    async with reads(engine) as connection:
        return [from_row(CaseRow, row) for row in await connection.execute(query)]


_CASE = (
    CaseFile.reference,
    CaseFile.title,
    CaseFile.kind,
    CaseFile.state,
    CaseFile.topic,
    CaseFile.opened,
    CaseFile.due,
    CaseFile.owner,
    CaseFile.applicant,
    is_of_test(CaseFile.call_id).label("test"),
)
