"""Call-back requests are taken over and cancelled: each step is in the audit. On both databases."""

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

from db.callback_requests import CallbackRequest
from db.engine import writing
from db.enums import AccountRole
from db.ids import uuid7
from db.journal import Journal
from db.rows import NotFoundError
from db.tables import Audit, Callback, CallbackTry
from ivr.home.settings import CHECKOUT
from ivr.site import site
from ivr.site.callbacks import Callbacks
from office import callbacks
from office.callback_reasons import LineNow
from office.context import Office
from office.people import Actor, NotAllowedError
from office.reading import ByCommand, NotOnRecordError, PartOfList
from office.taking import TakenError

pytest_plugins = ["db_fixtures"]

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NUMBER = "+33612345678"
SITE = site.load(CHECKOUT / "sites" / "consulate").model_copy(update={"callbacks": Callbacks(trunk="one", share=0.5)})
LEILA = Actor("1002", AccountRole.OPERATOR, "1002")
VISITOR, COMMAND = Actor("visitor", AccountRole.VISITOR), Actor("root", None)


@pytest_asyncio.fixture
async def office(engine: Any, folder: Path) -> AsyncIterator[Office]:
    journal = Journal(folder, "test-1")
    yield Office(engine, journal, "test-1", now=lambda: NOON)
    journal.close()


async def ask_to_be_called(office: Office, **columns: Any) -> UUID:
    given = {"id": uuid7(), "node": "test-1", "kind": "closed", "number": NUMBER, "wished": NOON, "due": NOON}
    async with writing(office.engine) as connection:
        await connection.execute(insert(Callback).values({**given, **columns}))
    return UUID(str(given["id"]))


def journalled(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.glob("*.jsonl"))


async def acts(url: str) -> list[tuple[str, str, str | None, str | None, Any]]:
    return [(row.by, row.act, row.about, row.reason, row.data) for row in await rows(url, Audit)]


async def test_a_request_that_a_person_takes_or_cancels_is_over_and_in_the_audit(office: Office, url: str) -> None:
    one, other = await ask_to_be_called(office), await ask_to_be_called(office)
    taken = await callbacks.take(office, COMMAND, str(one), operator="1002", why="they know them")
    assert (taken.state, taken.operator_id, taken.reason, taken.ended) == ("done", "1002", "taken over by 1002", NOON)
    cancelled = await callbacks.cancel(office, COMMAND, str(other), why="they came in person")
    assert (cancelled.state, cancelled.reason) == ("cancelled", "they came in person")
    listed = await callbacks.latest(office, COMMAND, PartOfList(), SITE, LineNow(lambda _: True), 9)
    assert {row.request for row in listed} == {taken, cancelled}
    assert sorted(await acts(url)) == [
        ("root", "callback_cancelled", f"callback:{other}", "they came in person",
         {"number": NUMBER, "state": "cancelled"}),
        ("root", "callback_taken", f"callback:{one}", "they know them", {"number": NUMBER, "state": "done"}),
    ]  # fmt: skip
    with pytest.raises(TakenError, match="over already"):
        await callbacks.take(office, COMMAND, str(one))
    with pytest.raises(NotFoundError):
        await callbacks.cancel(office, COMMAND, str(uuid7()))


async def test_of_ten_people_who_take_a_request_over_one_does(office: Office, url: str) -> None:
    identity = str(await ask_to_be_called(office))
    people = [Actor(f"10{number:02}", AccountRole.OPERATOR, f"10{number:02}") for number in range(10)]
    tried = await asyncio.gather(
        *(callbacks.take(office, who, identity, operator=who.id) for who in people), return_exceptions=True
    )
    (taken,) = [one for one in tried if isinstance(one, CallbackRequest)]
    assert sum(isinstance(one, TakenError) for one in tried) == 9
    assert [row[0] for row in await acts(url)] == [taken.operator_id]


async def test_an_account_cancels_only_what_its_operator_has_taken(office: Office, url: str) -> None:
    free, own = await ask_to_be_called(office), await ask_to_be_called(office, kind="operator", operator_id="1002")
    theirs = await ask_to_be_called(office, kind="operator", operator_id="1003")
    for identity in (free, theirs):
        with pytest.raises(NotAllowedError):
            await callbacks.cancel(office, LEILA, str(identity))
    with pytest.raises(NotAllowedError):
        await callbacks.take(office, VISITOR, str(free))
    with pytest.raises(NotAllowedError):
        await callbacks.pending(office, VISITOR, PartOfList())
    assert await acts(url) == []
    assert (await callbacks.cancel(office, LEILA, str(own))).reason == "cancelled"


async def test_what_a_controller_works_on_is_left_to_it_unless_its_node_is_gone(office: Office, url: str) -> None:
    rings = {"state": "ringing_caller", "tries": 1, "claimed_boot": UUID(int=9)}
    here = await ask_to_be_called(office, claimed_node="test-1", **rings)
    elsewhere = await ask_to_be_called(office, claimed_node="node9", **rings)
    dialled = {"callback_id": elsewhere, "try_number": 1, "node": "node9", "number": NUMBER, "dialled": NOON}
    async with writing(office.engine) as connection:
        await connection.execute(insert(CallbackTry).values(dialled))
    with pytest.raises(TakenError, match="wait until that is over"):
        await callbacks.cancel(office, COMMAND, str(here), node_gone=True)
    with pytest.raises(TakenError, match=r"node9.*--node-gone"):
        await callbacks.cancel(office, COMMAND, str(elsewhere))
    assert (await callbacks.cancel(office, COMMAND, str(elsewhere), node_gone=True)).claim is None
    assert [(row.outcome, row.ended) for row in await rows(url, CallbackTry)] == [("lost", NOON)]


async def test_the_list_says_why_each_is_not_dialled_now(office: Office, url: str) -> None:
    """By what is live: the queue, the hours, and how many operators may call back at once."""
    first = await ask_to_be_called(office, language="fr", wished=NOON - timedelta(minutes=5))
    closed = await ask_to_be_called(office, number="+31612345678", language="nl")
    dials = {"callback_id": first, "try_number": 1, "node": "n", "number": "+33612345670", "dialled": NOON}

    async def why(line: LineNow) -> dict[UUID, str]:
        found = await callbacks.latest(office, COMMAND, PartOfList(), SITE, line, 0)
        return {row.request.id: row.why_not for row in found}

    no_controller = await why(LineNow(lambda language: language == "fr"))
    assert no_controller == {first: "the controller does not answer: nobody is called", closed: "the line is closed"}
    waits = await why(LineNow(lambda _: True, {str(first): 2}, on_duty=2))
    assert waits == {
        first: "waits for an operator who speaks fr, at position 2", closed: "an operator is offered it in a moment",
    }  # fmt: skip
    await ask_to_be_called(office, number="+33612345679", state="connected", claimed_node="n", claimed_boot=uuid7())
    async with writing(office.engine) as connection:
        await connection.execute(insert(CallbackTry).values(dials))
    full = await why(LineNow(lambda _: True, {str(first): 1}, on_duty=2))  # one of two calls back
    assert "`share` in [callbacks]" in full[closed] and "position 1" in full[first]
    assert "in a moment" in (await why(LineNow(lambda _: True, {str(first): 1}, on_duty=4)))[closed]


async def test_the_list_is_shown_once_it_is_on_record(office: Office, folder: Path) -> None:
    line = LineNow(lambda _: True)
    assert await callbacks.latest(office, COMMAND, ByCommand(), SITE, line, 5) == []
    await ask_to_be_called(office)
    assert len(await callbacks.latest(office, COMMAND, ByCommand(), SITE, line, 5)) == 1
    assert journalled(folder).count('"list:callbacks"') == 1
    office.journal = None
    with pytest.raises(NotOnRecordError):
        await callbacks.latest(office, COMMAND, ByCommand(), SITE, line, 5)
