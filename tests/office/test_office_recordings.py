"""Recorded conversations, by the office's functions: rights, scores, the audit. On both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from db.engine import open_engine, reading, writing
from db.enums import AccountRole
from db.ids import uuid7
from db.journal import Journal
from db.recording_data import RecordedCall
from db.recordings import find, sheets_of
from db.tables import Audit, Pairing, Recording
from office import recordings
from office.context import Office
from office.people import Actor, NotAllowedError
from office.reading import ByCommand
from office.recordings import ScoreError

pytest_plugins = ["db_fixtures"]

FARID = Actor("1040", AccountRole.SUPERVISOR, "1040")
OMAR = Actor("1003", AccountRole.OPERATOR, "1003")
CRITERIA = ("greeting", "closing")


@pytest_asyncio.fixture
async def office(url: str, folder: Path) -> AsyncIterator[Office]:
    async with open_engine(url) as engine:
        journal = Journal(folder, "test-1")
        yield Office(engine, journal, "test-1")
        journal.close()


async def recorded(office: Office, *, operator: str | None = "1002") -> RecordedCall:
    now, identity, call = datetime.now(UTC), uuid7(), uuid7()
    consent = {"consented": now, "consent_key": "1", "consent_text": "t", "consent_language": "fr"}
    row = {"id": identity, "node": "n", "call_id": call, "file": "recordings/a.wav", "started": now, **consent}
    async with writing(office.engine) as connection:
        await connection.execute(insert(Recording).values(row))
        if operator is not None:
            pairing = {"id": identity, "node": "n", "call_id": call, "operator_id": operator, "began": now}
            await connection.execute(insert(Pairing).values(pairing))
    return await find(office.engine, identity)


async def acts(office: Office) -> list[tuple[str, str, str | None, UUID | None, object]]:
    columns = (Audit.by, Audit.act, Audit.about, Audit.call_id, Audit.data)
    async with reading(office.engine) as connection:
        return [tuple(row) for row in await connection.execute(select(*columns).order_by(Audit.at))]


def heard(folder: Path) -> int:
    """Return how many records of hearing are in the journal."""
    return sum(path.read_text().count("recording_heard") for path in folder.glob("*.jsonl"))


async def test_scores_sent_again_replace_those_of_the_same_person_and_each_time_is_on_record(office: Office) -> None:
    call = await recorded(office)
    other = Actor("amal", AccountRole.ADMINISTRATOR)
    await recordings.score(office, FARID, call, {"greeting": 2, "closing": 5}, "Early.", CRITERIA)
    await recordings.score(office, other, call, {"closing": 1}, "", CRITERIA)
    await recordings.score(office, FARID, call, {"greeting": 4}, "Late.", CRITERIA)
    sheets = {sheet.by: sheet for sheet in (await sheets_of(office.engine, [call.id]))[call.id]}
    assert {by: (sheet.scores, sheet.remark) for by, sheet in sheets.items()} == {
        "1040": ({"greeting": 4}, "Late."),
        "amal": ({"closing": 1}, ""),
    }
    assert (sheets["1040"].operator, sheets["1040"].recorded) == ("1002", call.started)
    scored = ("recording_scored", f"recording:{call.id}", call.call, {"operator": "1002"})
    assert await acts(office) == [("1040", *scored), ("amal", *scored), ("1040", *scored)]


async def test_what_cannot_be_a_score_is_refused_and_nothing_is_kept(office: Office) -> None:
    call, nobodys = await recorded(office), await recorded(office, operator=None)
    for of, scores, sentence in (
        (call, {"nothing": 3}, "nothing is not a criterion of this site: greeting, closing."),
        (call, {"greeting": 6}, "1 to 5 by criterion"),
        (call, {}, "at least one of them"),
        (nobodys, {"greeting": 3}, "Nobody knows whose conversation that was."),
    ):
        with pytest.raises(ScoreError, match=sentence):
            await recordings.score(office, FARID, of, scores, "", CRITERIA)
    assert await acts(office) == [] and await sheets_of(office.engine, [call.id, nobodys.id]) == {}


async def test_nobody_but_a_supervisor_hears_and_scores(office: Office, folder: Path) -> None:
    call = await recorded(office)
    for asked in (
        recordings.hear(office, OMAR, call, ByCommand()),
        recordings.score(office, OMAR, call, {"greeting": 3}, "", CRITERIA),
    ):
        with pytest.raises(NotAllowedError, match="may not do that"):
            await asked
    assert await acts(office) == []
    assert heard(folder) == 0
    await recordings.hear(office, FARID, call, ByCommand())
    assert heard(folder) == 1
