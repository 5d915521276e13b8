"""Requests for the guide in writing are taken by one person, end once, and each step is audited. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from db_helpers import rows
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import writing
from db.enums import AccountRole, GuideOutcome
from db.guide_request_data import GuideRequest
from db.ids import uuid7
from db.journal import Journal
from db.rows import NotFoundError
from db.tables import Audit
from db.tables import GuideRequest as Row
from office import guide_requests
from office.context import Office
from office.people import Actor, NotAllowedError
from office.reading import ByCommand, PartOfList
from office.taking import TakenError

pytest_plugins = ["db_fixtures"]

DAY = datetime(2026, 11, 26, 9, tzinfo=UTC)
LATER = DAY + timedelta(hours=1)
LEILA, OMAR = (Actor(who, AccountRole.OPERATOR, who) for who in ("1002", "1003"))
SAFAE = Actor("1040", AccountRole.SUPERVISOR, "1040")
VISITOR, COMMAND = Actor("visitor", AccountRole.VISITOR), Actor("root", None)


@pytest_asyncio.fixture
async def office(engine: AsyncEngine, folder: Path) -> AsyncIterator[Office]:
    journal = Journal(folder, "test-1")
    yield Office(engine, journal, "test-1", now=lambda: LATER)
    journal.close()


async def put(office: Office, **columns: Any) -> UUID:
    identity = uuid7()
    row = {"id": identity, "node": "node1", "call_id": uuid7(), "procedure": "visa", "number": "+33612345678",
           "requested": DAY, "due": LATER}  # fmt: skip
    async with writing(office.engine) as connection:
        await connection.execute(insert(Row).values(row | columns))
    return identity


async def refused(change: Any, office: Office, actor: Actor, identity: UUID) -> str:
    """Return the sentence with which a change is refused."""
    with pytest.raises(TakenError) as error:
        await change(office, actor, identity)
    return str(error.value)


async def test_a_request_for_the_guide_in_writing_is_taken_by_one(office: Office) -> None:
    identity = await put(office)
    people = [Actor(f"100{who}", AccountRole.OPERATOR, f"100{who}") for who in range(5)]
    tried = await asyncio.gather(
        *(guide_requests.take(office, who, identity) for who in people), return_exceptions=True
    )
    taken = [isinstance(one, GuideRequest) for one in tried]
    assert sum(taken) == 1
    (found,) = await guide_requests.latest(office, COMMAND, ByCommand())
    owner = people[taken.index(True)]
    assert found.taken_by == owner.id
    other = people[0] if owner is not people[0] else people[1]
    assert await refused(guide_requests.take, office, other, identity) == f"{owner.id} has taken that request."
    assert await refused(guide_requests.release, office, LEILA, identity) == f"{owner.id} has taken that request."
    assert (await guide_requests.release(office, owner, identity)).taken_by is None
    assert await refused(guide_requests.release, office, SAFAE, identity) == "Nobody has taken that request."
    await guide_requests.take(office, LEILA, (await guide_requests.find(office, LEILA, str(identity)[:30])).id)
    assert (await guide_requests.release(office, SAFAE, identity)).taken_by is None, "a supervisor gives it back"


@pytest.mark.parametrize(("act", "owner"), [("take", None), ("take", "1002"), ("release", "1002"), ("end", "1003")])
async def test_a_change_is_answered_and_in_the_audit(office: Office, url: str, act: str, owner: str | None) -> None:
    identity = await put(office, taken=DAY if owner else None, taken_by=owner)
    answer = await getattr(guide_requests, act)(office, LEILA, identity)
    (stored,) = await rows(url, Row)
    names = ("taken", "taken_by", "outcome", "reason", "ended", "ended_by")
    assert [getattr(answer, name) for name in names] == [getattr(stored, name) for name in names]
    (entry,) = await rows(url, Audit)
    assert (entry.by, entry.about) == ("1002", f"guide_request:{identity}")


async def test_a_request_ends_once_with_its_reason(office: Office, url: str) -> None:
    identity = await put(office)
    ended = await guide_requests.end(office, LEILA, identity, GuideOutcome.NOT_POSSIBLE, "no\nsuch  fax" + "!" * 400)
    assert (ended.outcome, ended.ended, ended.ended_by) == ("not_possible", LATER, "1002")
    assert ended.reason is not None and ended.reason.startswith("nosuch  fax!") and len(ended.reason) == 300
    assert "has ended already" in await refused(guide_requests.end, office, OMAR, identity)
    assert await refused(guide_requests.take, office, OMAR, identity) == "1002 has ended that request."
    (entry,) = await rows(url, Audit)
    assert (entry.act, entry.reason, entry.data["outcome"]) == ("guide_request_ended", ended.reason, "not_possible")


async def test_who_takes_no_calls_sees_and_changes_no_request(office: Office) -> None:
    identity = await put(office)
    for change in (guide_requests.take, guide_requests.release, guide_requests.end):
        with pytest.raises(NotAllowedError):
            await change(office, VISITOR, identity)
    with pytest.raises(NotAllowedError):
        await guide_requests.latest(office, VISITOR, PartOfList())
    with pytest.raises(NotAllowedError):
        await guide_requests.find(office, VISITOR, str(identity))


async def test_what_no_request_is_is_not_said_to_be_somebodys(office: Office) -> None:
    for change in (guide_requests.take, guide_requests.release, guide_requests.end):
        with pytest.raises(NotFoundError):
            await change(office, LEILA, uuid7())
