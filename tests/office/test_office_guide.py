"""What people note about the guide, and its amendments: rights, the second person, the audit. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from db_helpers import rows
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import amendments as stored
from db import second_person
from db.delivery import deliver_all
from db.engine import writing
from db.enums import AccountRole
from db.ids import uuid7
from db.journal import Journal
from db.rows import NotFoundError
from db.tables import Account, Audit, QuestionDone
from office import amendments, guide
from office.amendments import AmendmentError
from office.context import Office
from office.people import Actor, NotAllowedError

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
FEE = "guide_visa_fee"
HEARD = {FEE: {"fr": "Le visa coûte 20 euros.", "en": "The visa costs 20 euros."}}
OPERATOR = Actor("1002", AccountRole.OPERATOR, "1002")
SELMA, KAY, MAY = (Actor(who, AccountRole.SUPERVISOR, who) for who in ("1901", "1902", "1903"))


@pytest_asyncio.fixture
async def office(engine: AsyncEngine, folder: Path) -> AsyncIterator[Office]:
    journal = Journal(folder, "test-1")
    yield Office(engine, journal, "test-1", now=lambda: NOW)
    journal.close()


async def propose(office: Office, actor: Actor = SELMA, french: str = "Le visa est gratuit.", **more: Any) -> Any:
    texts = {FEE: {"fr": french, "en": HEARD[FEE]["en"]}}
    return await amendments.propose(office, actor, "visa", texts, HEARD, **more)


async def refused(decision: Any) -> str:
    """Return the code with which something is refused."""
    with pytest.raises(AmendmentError) as error:
        await decision
    return error.value.code


async def acts(url: str) -> list[tuple[str, str, str | None]]:
    return [(row.by, row.act, row.reason) for row in await rows(url, Audit, Audit.boot)]


async def test_what_the_guide_does_not_have_and_what_was_sent_is_in_the_audit(
    office: Office, folder: Path, url: str
) -> None:
    call = uuid7()
    guide.note_gap(office, OPERATOR, "  Dog\npassport ", "en", call=call, topic="documents")
    guide.note_sent(office, OPERATOR, "visa", "fr", " example.org\n", call=call)
    assert (await deliver_all(folder, url)).rejected == 0
    gap, sent = await rows(url, Audit, Audit.seq)
    assert (gap.by, gap.act, gap.about, gap.call_id, gap.at) == ("1002", "guide_gap", "guide", call, NOW)
    assert gap.data == {"words": "Dog passport", "language": "en", "topic": "documents"}
    assert (sent.act, sent.about, sent.call_id) == ("guide_sent", "guide:visa", call)
    assert sent.data == {"language": "fr", "domain": "example.org"}


async def test_a_question_that_was_dealt_with_has_its_last_note(office: Office, url: str) -> None:
    for note in ("Soon", " Written\n"):
        await guide.note_answered(office, SELMA, "gap:en:dog", note)
    (done,) = await rows(url, QuestionDone)
    assert (done.question, done.done, done.done_by, done.note) == ("gap:en:dog", NOW, "1901", "Written")
    assert await acts(url) == [("1901", "question_done", "Soon"), ("1901", "question_done", "Written")]


async def test_an_amendment_has_the_texts_that_callers_do_not_hear_yet(office: Office, url: str) -> None:
    made = await propose(office, french=" Le  visa est\ngratuit. ", why=" So\n")
    assert made == await stored.find(office.engine, made.id)
    assert (made.texts, made.before) == ({FEE: {"fr": "Le visa est gratuit."}}, {FEE: {"fr": HEARD[FEE]["fr"]}})
    assert (made.state, made.proposed, made.proposed_by, made.why, made.meaning) == (
        "proposed", NOW, "1901", "So", True,
    )  # fmt: skip
    (entry,) = await rows(url, Audit)
    assert (entry.act, entry.about) == ("amendment_proposed", "guide:visa")
    assert entry.data == {"amendment": str(made.id), "texts": 1, "languages": "fr"}
    assert await refused(propose(office, french=HEARD[FEE]["fr"])) == "nothing"
    for wrong in (" ", "Gratuit 😀"):
        assert await refused(propose(office, french=wrong)) == "unspeakable"
    assert await refused(amendments.propose(office, SELMA, "visa", {"other": {"fr": "x"}}, HEARD)) == "unspeakable"
    assert await refused(amendments.propose(office, SELMA, "visa", {FEE: {"xx": "x"}}, HEARD)) == "unspeakable"


async def test_another_person_refuses_an_amendment_and_whoever_proposed_it_withdraws_it(
    office: Office, url: str
) -> None:
    one, other = (await propose(office)).id, (await propose(office)).id
    assert await refused(amendments.refuse(office, SELMA, one, "No")) == "own"
    with pytest.raises(NotAllowedError):
        await amendments.withdraw(office, KAY, one)
    await amendments.refuse(office, KAY, one, "No\n")
    await amendments.withdraw(office, SELMA, other)
    found = [await stored.find(office.engine, identity) for identity in (one, other)]
    assert [(row.state, row.decided, row.decided_by, row.reason) for row in found] == [
        ("refused", NOW, "1902", "No"), ("withdrawn", NOW, "1901", None),
    ]  # fmt: skip
    for decision in (amendments.refuse(office, KAY, other, "No"), amendments.withdraw(office, SELMA, one)):
        assert await refused(decision) == "taken"
    assert (await acts(url))[2:] == [("1902", "amendment_refused", "No"), ("1901", "amendment_withdrawn", None)]
    with pytest.raises(NotFoundError):
        await amendments.refuse(office, KAY, uuid7(), "No")


async def test_whoever_was_let_in_by_the_other_is_no_second_person(office: Office) -> None:
    async with writing(office.engine) as connection:
        for who in (SELMA, KAY, MAY):
            row = {"id": who.id, "name": who.id, "role": "supervisor", "created": NOW}
            await connection.execute(insert(Account).values(row))
        await second_person.tie(connection, KAY.id, SELMA.id, NOW)
    for proposer, other in ((SELMA, KAY), (KAY, SELMA)):
        amendment = await propose(office, proposer)
        assert await refused(amendments.refuse(office, other, amendment.id, "No")) == "let_in"
        await amendments.refuse(office, MAY, amendment.id, "No")


async def test_of_ten_people_who_decide_at_once_one_does(office: Office) -> None:
    amendment = await propose(office)
    people = [Actor(f"20{number:02}", AccountRole.SUPERVISOR, None) for number in range(10)]
    tried = await asyncio.gather(
        *(amendments.refuse(office, who, amendment.id, "No") for who in people), return_exceptions=True
    )
    assert tried.count(None) == 1 and sum(isinstance(one, AmendmentError) for one in tried) == 9
    decided_by = (await stored.find(office.engine, amendment.id)).decided_by
    assert decided_by == people[tried.index(None)].id


async def test_who_supervises_nobody_amends_nothing(office: Office) -> None:
    amendment = await propose(office)
    for decision in (
        propose(office, OPERATOR),
        amendments.refuse(office, OPERATOR, amendment.id, "No"),
        amendments.withdraw(office, OPERATOR, amendment.id),
        guide.note_answered(office, OPERATOR, "gap:en:dog"),
    ):
        with pytest.raises(NotAllowedError):
            await decision
    visitor = Actor("visitor", AccountRole.VISITOR)
    with pytest.raises(NotAllowedError):
        guide.note_gap(office, visitor, "dog passport", "en")
    with pytest.raises(NotAllowedError):
        guide.note_sent(office, visitor, "visa", "fr", "example.org")
