"""Voice messages are worked off: each by one person, and each step is in the audit. On both databases."""

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
from db.enums import AccountRole
from db.ids import uuid7
from db.journal import Journal
from db.message_data import VoiceMessage
from db.rows import NotFoundError
from db.tables import Audit, Message
from office import messages
from office.context import Office
from office.people import Actor, NotAllowedError
from office.reading import ByCommand, NotOnRecordError, PartOfList
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


async def put(office: Office, at: datetime = DAY, **columns: Any) -> UUID:
    row = {"id": uuid7(), "node": "node1", "call_id": uuid7(), "file": "messages/x.wav", "at": at, **columns}
    async with writing(office.engine) as connection:
        await connection.execute(insert(Message).values(row))
    identity: UUID = row["id"]
    return identity


async def stored(office: Office, identity: UUID) -> VoiceMessage:
    return await messages.own(office, COMMAND, identity)


def journalled(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.glob("*.jsonl"))


async def refused(change: Any, office: Office, actor: Actor, identity: UUID) -> str:
    """Return the sentence with which a change is refused."""
    with pytest.raises(TakenError) as error:
        await change(office, actor, identity)
    return str(error.value)


async def test_of_ten_people_who_take_a_message_one_has_it(office: Office) -> None:
    message = await put(office)
    people = [Actor(f"10{number:02}", AccountRole.OPERATOR, f"10{number:02}") for number in range(10)]
    tried = await asyncio.gather(*(messages.take(office, who, message) for who in people), return_exceptions=True)
    taken = [isinstance(one, VoiceMessage) for one in tried]
    assert sum(taken) == 1
    found = await stored(office, message)
    owner = people[taken.index(True)]
    assert found.taken_by == owner.id and found.taken == LATER
    office.now = lambda: LATER + timedelta(hours=1)
    assert await messages.take(office, owner, message), "idempotent"
    assert (await stored(office, message)).taken == LATER


async def test_a_message_is_given_back_and_finished_by_whoever_has_it(office: Office) -> None:
    message = await put(office)
    assert await refused(messages.release, office, LEILA, message) == "Nobody has that message."
    await messages.take(office, LEILA, message)
    assert await refused(messages.release, office, OMAR, message) == "1002 has that message."
    assert await refused(messages.finish, office, OMAR, message) == "1002 has that message."
    assert await messages.release(office, LEILA, message) and await messages.take(office, OMAR, message)
    assert await messages.release(office, SAFAE, message), "a supervisor gives it back for them"
    assert await messages.finish(office, LEILA, message)
    done = "1002 has done that message already."
    assert await refused(messages.finish, office, LEILA, message) == done
    assert await refused(messages.take, office, LEILA, message) == done
    assert (await stored(office, message)).done_by == "1002"


async def test_the_first_who_hears_a_message_is_kept(office: Office, url: str) -> None:
    message = await put(office)
    await messages.hear(office, LEILA, unheard := await stored(office, message))
    await messages.hear(office, OMAR, unheard)  # both at once
    assert (await stored(office, message)).heard_by == "1002"
    assert [(row.act, row.by) for row in await rows(url, Audit)] == [("message_heard", "1002")]
    with pytest.raises(NotFoundError):
        await stored(office, uuid7())


@pytest.mark.parametrize(
    ("act", "owner"), [("take", None), ("take", "1002"), ("release", "1002"), ("hear", None), ("finish", None)]
)
async def test_a_change_is_answered_and_in_the_audit(office: Office, url: str, act: str, owner: str | None) -> None:
    message = await put(office, taken=DAY if owner else None, taken_by=owner)
    if act == "hear":
        await messages.hear(office, LEILA, await stored(office, message))
        answer = await stored(office, message)
    else:
        answer = await getattr(messages, act)(office, LEILA, message)
    (row,) = await rows(url, Message)
    names = ("heard", "heard_by", "taken", "taken_by", "done", "done_by")
    assert [getattr(answer, name) for name in names] == [getattr(row, name) for name in names]
    (entry,) = await rows(url, Audit)
    assert (entry.by, entry.about, entry.call_id) == ("1002", f"message:{message}", row.call_id)


async def test_only_whoever_has_taken_a_message_has_its_sound_and_it_is_on_record_first(
    office: Office, folder: Path
) -> None:
    message = await put(office)
    assert await refused(messages.own, office, LEILA, message) == "Nobody has that message."
    taken = await messages.take(office, LEILA, message)
    assert await messages.own(office, LEILA, message) == taken
    await messages.hear(office, LEILA, taken)
    await messages.hear(office, COMMAND, taken)
    traces = [line for line in journalled(folder).splitlines() if '"read_message"' in line]
    assert ['"task"' in line for line in traces] == [True, False] and f"message:{message}" in traces[0]
    office.journal = None
    with pytest.raises(NotOnRecordError):
        await messages.hear(office, LEILA, taken)


async def test_a_list_is_on_record_unless_it_is_a_part_of_one_that_is(office: Office, folder: Path) -> None:
    def is_recorded() -> bool:
        return "list:messages" in journalled(folder)

    assert await messages.latest(office, COMMAND, ByCommand()) == [] and not is_recorded(), "nobody was seen"
    await put(office)
    assert len(await messages.latest(office, LEILA, PartOfList())) == 1 and not is_recorded()
    assert len(await messages.latest(office, COMMAND, ByCommand())) == 1 and is_recorded()


async def test_who_takes_no_calls_sees_and_changes_no_message(office: Office) -> None:
    message = await put(office)
    for change in (messages.own, messages.take, messages.release, messages.finish):
        with pytest.raises(NotAllowedError):
            await change(office, VISITOR, message)
    with pytest.raises(NotAllowedError):
        await messages.latest(office, VISITOR, PartOfList())
    with pytest.raises(NotAllowedError):
        await messages.hear(office, VISITOR, await stored(office, message))
