"""Recordings are heard by supervisors only, each time on record; scores are kept, and seen by whom they are about."""

import dataclasses
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import desk_server
import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from sqlalchemy import insert, select, update

from db.engine import reading, writing
from db.ids import uuid7
from db.journal import Journal
from db.tables import Audit, Call, Pairing, Recording, ScoreSheet

pytest_plugins = ["db_fixtures"]


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.scoring = {"greeting": {"en": "Greeting", "fr": "Accueil"}, "closing": {"en": "Closing"}}
        yield found


@pytest_asyncio.fixture
async def desk(
    sqlite_url: str, controller: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TestDesk]:
    plain = desk_server.settings_for
    monkeypatch.setattr(desk_server, "settings_for", lambda *given: dataclasses.replace(plain(*given), home=tmp_path))
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.operator("1040", supervisor=True)
        await controller.followed(found)
        yield found


async def recorded(desk: TestDesk, home: Path, operator: str = "1002", file: str | None = None) -> UUID:
    """Store a conversation of three seconds, which the supervisor has said why they look at."""
    identity, call, began = uuid7(), uuid7(), desk.desk.now() - timedelta(hours=1)
    name = file or f"recordings/{identity}.wav"
    path = home / name
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 188)
    consent = {"consented": began, "consent_key": "1", "consent_text": "record_question", "consent_language": "fr"}
    row = {"id": identity, "node": "n", "call_id": call, "file": name, "started": began, **consent}
    pairing = {"id": identity, "node": "n", "call_id": call, "operator_id": operator, "began": began, "ended": began}
    async with writing(desk.engine) as connection:
        await connection.execute(
            insert(Call).values(id=call, node="n", started=began, language="fr", topic="documents")
        )
        await connection.execute(insert(Recording).values(row | {"ended": began, "duration_ms": 3008}))
        await connection.execute(insert(Pairing).values(pairing))
    desk.says_why("1040", f"recording:{identity}", reason="complaint")
    return identity


async def call_of(desk: TestDesk, identity: UUID) -> UUID | None:
    async with reading(desk.engine) as connection:
        return await connection.scalar(select(Recording.call_id).where(Recording.id == identity))


@contextmanager
def unwritable(desk: TestDesk) -> Iterator[None]:
    """Have the office work with a journal that cannot be written."""
    office, broken = desk.desk.office, desk.journal.parent / f"{desk.journal.name}-file"
    broken.write_text("")
    whole, office.journal = office.journal, Journal(broken, "n")
    try:
        yield
    finally:
        office.journal.close()
        office.journal = whole
        broken.unlink()


async def test_a_recording_is_heard_in_parts_and_the_first_one_is_on_record(desk: TestDesk, tmp_path: Path) -> None:
    identity = await recorded(desk, tmp_path)
    browser = await desk.signed_in("1040", "en")
    listed = (await browser.get("/recordings")).text
    assert str(identity) in listed and "Operator 1002" in listed and "0:03" in listed
    assert "There are no recordings" in (await browser.get("/recordings?until=2020-01-01")).text
    assert str(identity) not in (await browser.get("/recordings?operator=1003")).text
    address = f"/recordings/{identity}/audio"
    whole = await browser.bytes(address)
    assert (whole.status, len(whole.body)) == (200, (tmp_path / f"recordings/{identity}.wav").stat().st_size)
    assert whole.headers["Cache-Control"] == "private, no-store"
    part = await browser.bytes(address, Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, whole.body[1000:2000])
    (heard,) = desk.traces("recording_heard")
    assert (heard["by"], heard["about"], heard["reason"]) == ("1040", f"recording:{identity}", "complaint")
    assert heard["data"] == {"operator": "1002"} and heard["call_id"] == str(await call_of(desk, identity))
    with unwritable(desk):
        assert (await browser.bytes(address)).status == 503  # without a record, nobody listens


@pytest.mark.parametrize("wanted", ["bytes=1-", "bytes=-99999999", "bytes=1-1,0-"])
async def test_whichever_part_of_a_recording_is_asked_for_first_it_is_on_record_before_it_is_heard(
    desk: TestDesk, tmp_path: Path, wanted: str
) -> None:
    address = f"/recordings/{await recorded(desk, tmp_path)}/audio"
    browser = await desk.signed_in("1040", "en")
    with unwritable(desk):
        assert (await browser.bytes(address, Range=wanted)).status == 503
    await browser.bytes(address, Range=wanted)
    assert (await browser.bytes(address, Range="bytes=100-199")).status == 206, "which goes on with it"
    desk.moved = timedelta(hours=1)
    assert (await browser.bytes(address, Range="bytes=100-199")).status == 403, "nobody knows why any more"
    desk.says_why("1040", address.replace("/recordings/", "recording:").replace("/audio", ""))
    await browser.bytes(address, Range="bytes=100-199")
    assert len(desk.traces("recording_heard")) == 2, "each of the two that were heard"


async def test_nothing_but_the_sound_of_a_recording_is_sent(desk: TestDesk, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    browser = await desk.signed_in("1040", "en")
    for file in ("../secrets.json", "secrets.json", "recordings/../secrets.json", "recordings/x.txt"):
        identity = await recorded(desk, tmp_path)
        async with writing(desk.engine) as connection:
            await connection.execute(update(Recording).where(Recording.id == identity).values(file=file))
        assert (await browser.get(f"/recordings/{identity}/audio")).status == 404, file
    erased = await recorded(desk, tmp_path)
    async with writing(desk.engine) as connection:
        await connection.execute(update(Recording).where(Recording.id == erased).values(erased=desk.desk.now()))
    assert (await browser.get(f"/recordings/{erased}/audio")).status == 404
    assert "not there any more" in (await browser.get(f"/recordings/{erased}")).text
    assert (await browser.get(f"/recordings/{uuid7()}")).status == 404
    operator = await desk.signed_in("1002", "en")
    assert (await operator.get(f"/recordings/{erased}/audio")).status == 403


async def test_scores_are_asked_for_by_the_sites_sheet_and_seen_by_the_operator(desk: TestDesk, tmp_path: Path) -> None:
    identity = await recorded(desk, tmp_path)
    supervisor, operator = await desk.signed_in("1040", "fr"), await desk.signed_in("1002", "en")
    page = (await supervisor.get(f"/recordings/{identity}")).text
    assert "Accueil" in page and "Closing" in page  # English where the site has no French
    form = {"score-greeting": "4", "score-closing": "6", "score-other": "5", "remark": " Clear <and> kind. "}
    answer = await supervisor.post(f"/recordings/{identity}/scores", form)
    assert answer.status == 200 and "Clear &lt;and&gt; kind." in answer.text
    assert f'<span id="average-{identity}" hx-swap-oob="true"><bdi dir="ltr">4.0</bdi>' in answer.text  # the list's
    async with reading(desk.engine) as connection:
        kept = (await connection.execute(select(ScoreSheet.by, ScoreSheet.scores, ScoreSheet.remark))).all()
        on_record = (await connection.execute(select(Audit.by, Audit.about, Audit.act, Audit.call_id))).all()
    assert [tuple(row) for row in kept] == [("1040", {"greeting": 4}, "Clear <and> kind.")]
    call = await call_of(desk, identity)
    assert ("1040", f"recording:{identity}", "recording_scored", call) in [tuple(row) for row in on_record]
    assert (await supervisor.post(f"/recordings/{identity}/scores", {"remark": "x"})).status == 409
    own = (await operator.get("/scores")).text
    assert "Greeting" in own and ">4<" in own and "4.0" in own and "Clear &lt;and&gt; kind." in own
    assert "Clear" not in (await supervisor.get("/scores")).text  # theirs are others
    assert "4.0" in (await supervisor.get("/recordings")).text
