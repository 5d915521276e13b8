"""Queries about callers and their cases. Functions raise DatabaseError if it is away."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.of_tests import is_of_test
from db.read_cases import applicant_has
from db.references import is_valid, normalize
from db.rows import from_row
from db.tables import Call, CaseFile, Message, Operator

EARLIER = 5
CASES = 8
FOUND = 20
SHORTEST = 2
"""Letters of a search."""


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


async def caller(engine: AsyncEngine, number: str, but: str) -> Caller:
    """Return what is known of a number, apart from the call `but`."""
    others = (Call.caller == number, Call.id != UUID(but), Call.live)
    calls = (
        select(Call.started, Call.language, Call.topic, Call.outcome, Operator.name, Call.case_reference)
        .outerjoin(Operator, Operator.id == Call.operator_id)
        .where(*others)
        .order_by(Call.started.desc())
        .limit(EARLIER)
    )
    closed = CaseFile.closed.is_not(None)
    cases = (
        select(*_CASE)
        .where(CaseFile.caller == number, or_(CaseFile.call_id.is_(None), CaseFile.call_id != UUID(but)))
        .order_by(closed, CaseFile.opened.desc())
        .limit(CASES)
    )
    async with reading(engine) as connection:
        earlier = [EarlierCall(*row) for row in await connection.execute(calls)]
        count = await connection.scalar(select(func.count()).select_from(Call).where(*others)) or 0
        own = [from_row(CaseRow, row) for row in await connection.execute(cases)]
        unheard = select(func.count()).select_from(Message).where(Message.caller == number, Message.heard.is_(None))
        return Caller(earlier, count, own, await connection.scalar(unheard) or 0)


async def search(engine: AsyncEngine, text: str) -> list[CaseRow]:
    """Return the cases with a reference, with a number that has these digits, or with these words.

    Words are looked for in the applicant's name, the title, and the texts of voice messages.
    """
    wanted = text.strip()
    digits = "".join(letter for letter in wanted if letter.isdigit())
    if is_valid(wanted):
        where = CaseFile.reference == normalize(wanted)
    elif len(digits) >= 4 and all(letter in "+-/() 0123456789" for letter in wanted):
        where = CaseFile.caller.contains(digits.removeprefix("00").lstrip("0"), autoescape=True)
    elif len(wanted) >= SHORTEST:
        said = select(Message.case_reference).where(Message.text.icontains(wanted, autoescape=True))
        where = or_(
            applicant_has(wanted), CaseFile.title.icontains(wanted, autoescape=True), CaseFile.reference.in_(said)
        )
    else:
        return []
    query = select(*_CASE).where(where).order_by(CaseFile.closed.is_not(None), CaseFile.opened.desc()).limit(FOUND)
    async with reading(engine) as connection:
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
