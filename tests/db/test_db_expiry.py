"""A callback request that was not served in time becomes one case file, whatever other controllers do; both
databases."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from db_helpers import put_request, rows
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks
from db.callback_requests import CallbackRequest, Claim
from db.callback_states import RequestEvent, advance
from db.delivery import deliver_all
from db.engine import writing
from db.ids import uuid7
from db.journal import Journal
from db.references import ReferenceAllocator
from db.tables import CallEvent, CaseFile, CaseNote
from ivr.callbacks.expiry import expire_if_late
from ivr.callbacks.repository import CallbackRepository
from ivr.home.settings import CHECKOUT
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.site import site
from ivr.site.callback_rules import Not
from ivr.trial.opening import planned_hours

pytest_plugins = ["db_fixtures"]

SITE = site.load(CHECKOUT / "sites" / "consulate")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OPEN_24_H = timedelta(days=2)
"""In these two days, from noon to noon, the line of the example site is open for 24 hours; no holiday is near."""
LONG_AGO = NOW - OPEN_24_H
NUMBER = "+33612345678"


async def put(engine: AsyncEngine, **columns: Any) -> CallbackRequest:
    row = {"kind": "closed", "number": NUMBER, "wished": LONG_AGO, "due": LONG_AGO}
    return await put_request(engine, **{**row, **columns})


class Node:
    """The parts of a node's controller that deal with callback requests; `delivered` delivers its journal."""

    def __init__(self, number: int, url: str, folder: Path) -> None:
        self.claim = Claim(f"node{number}", UUID(int=number))
        self.book = CallbackRepository(SharedEngine(url), self.claim)
        self.journal = Journal(folder / f"journal{number}", self.claim.node)
        self.recorder = Recorder(self.journal, ReferenceAllocator(folder / f"references{number}", number))
        self._url, self._journal = url, folder / f"journal{number}"

    async def expires(
        self,
        request: CallbackRequest,
        why: Not | None = None,
        now: datetime = NOW,
        *,
        chance: datetime | None = LONG_AGO,
        other: CallbackRequest | None = None,
    ) -> bool:
        opening = planned_hours(SITE, self.recorder)
        known: dict[str, Any] = {"site": SITE, "opening": opening, "repository": self.book, "recorder": self.recorder}
        return await expire_if_late(request, why, now, chance=chance, other=other, **known)

    async def delivered(self) -> None:
        self.journal.close()
        await self.book.shared.close()
        await deliver_all(self._journal, self._url)


@contextmanager
def nodes(count: int, url: str, folder: Path) -> Iterator[list[Node]]:
    with ExitStack() as stack:
        made = [Node(number, url, folder) for number in range(1, count + 1)]
        for node in made:
            stack.callback(node.journal.close)
        yield made


async def test_of_several_controllers_one_opens_the_case_file_that_is_due_in_48_hours(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    request = await put(engine, call_id=uuid7(), language="fr", topic="file", country="FR", reason="1001: later")
    with nodes(5, url, tmp_path) as controllers:
        assert all(await asyncio.gather(*(node.expires(request) for node in controllers)))
        for node in controllers:
            await node.delivered()
    found = await callbacks.find_request(engine, str(request.id))
    assert (found.state, found.ended, found.claim, found.tries) == ("failed", NOW, None, 0)
    assert found.reason == "not within 24 open hours: no operator took it (last: 1001: later)"
    (file,) = await rows(url, CaseFile)
    assert (file.reference, file.kind, file.caller, file.language) == (found.case_reference, "callback", NUMBER, "fr")
    assert (file.topic, file.opened, file.due) == ("file", NOW, NOW + timedelta(hours=48))
    assert NUMBER in file.title and found.reason in file.title and "dialled" not in file.title
    (event,) = await rows(url, CallEvent)
    assert (event.kind, event.call_id) == ("callback_expired", request.call_id)


async def test_a_controller_that_claims_the_request_at_that_instant_goes_on_and_no_file_is_opened(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    request = await put(engine)
    with nodes(2, url, tmp_path) as (one, other):
        assert await callbacks.move(engine, request, advance(request, RequestEvent.CLAIMED, NOW, by=other.claim))
        assert await one.expires(request)  # by the state that it knew: this node offers it to nobody
        assert not await one.expires(await callbacks.find_request(engine, str(request.id)))
        await one.delivered()
        await other.delivered()
    assert (await callbacks.find_request(engine, str(request.id))).state == "ringing_operator"
    assert await rows(url, CaseFile) == []


async def test_a_request_that_is_declined_again_and_again_expires_by_its_first_due_time(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    request = await put(engine, due=NOW, wished=NOW)
    with nodes(1, url, tmp_path) as (one,):
        now = NOW
        while now < NOW + OPEN_24_H:
            assert not await one.expires(request, now=now)
            for what, claimed in ((RequestEvent.CLAIMED, False), (RequestEvent.DECLINED, True)):
                moved = advance(request, what, now, by=one.claim, wait=timedelta(hours=5), reason="1001: later")
                assert await callbacks.move(engine, request, moved)
                request = await callbacks.find_request(engine, str(request.id))
                assert (request.claim is None) is claimed
            now += timedelta(hours=5)
        assert request.due == now
        assert await one.expires(request, Not.NOT_DUE, now=NOW + OPEN_24_H)
        await one.delivered()
    assert (await callbacks.find_request(engine, str(request.id))).reason == (
        "not within 24 open hours: no operator took it (last: 1001: later)"
    )


async def test_an_expired_request_about_a_file_becomes_a_note_and_one_with_an_unchanged_file_stays_pending(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    changed, unchanged = "100000017", "100000025"
    async with writing(engine) as connection:
        for reference, at in ((changed, LONG_AGO), (unchanged, LONG_AGO - timedelta(days=300))):
            row = {"reference": reference, "node": "n", "kind": "procedure", "opened": at, "changed": at}
            await connection.execute(insert(CaseFile).values(row))
    before = LONG_AGO - timedelta(days=200)
    about = {"kind": "case", "due": None, "wished": before}
    expiring, waits = [await put(engine, **about, case_reference=reference) for reference in (changed, unchanged)]
    with nodes(1, url, tmp_path) as (one,):
        assert not await one.expires(waits, Not.UNCHANGED)
        assert await one.expires(expiring, Not.LIMIT_NUMBER)
        once = await put(
            engine, kind="case", case_reference=changed, due=LONG_AGO, tries=1, tried=LONG_AGO, reason="busy"
        )
        assert not await one.expires(once, Not.CLOSED, chance=None)
        assert await one.expires(once, Not.LIMIT_DAY)
        await one.delivered()
    assert (await callbacks.find_request(engine, str(waits.id))).state == "wished"
    failed = await callbacks.find_request(engine, str(expiring.id))
    assert (failed.state, failed.case_reference) == ("failed", changed)
    assert failed.reason == "not within 24 open hours: the number has reached its limit of calls for today"
    assert (
        await callbacks.find_request(engine, str(once.id))
    ).reason == "not within 24 open hours: the limit of outgoing calls for today is reached (last: busy)"
    (note, after_one_try) = await rows(url, CaseNote, CaseNote.id)
    assert after_one_try.id == once.id and "was not called back" in after_one_try.text
    assert (note.id, note.case_reference) == (expiring.id, changed)
    assert NUMBER in note.text and str(failed.reason) in note.text
    assert len(await rows(url, CaseFile)) == 2  # no further one


async def test_a_request_blocked_by_another_one_of_its_number_fails_with_that_reason(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    stale = await put(engine, state="connected", claimed_node="gone7", claimed_boot=uuid7(), tries=1)
    started = await put(engine)  # started by this node a moment ago, and not written yet
    by = {}
    with nodes(1, url, tmp_path) as (one,):
        for other, why in ((stale, None), (stale, Not.NIGHT), (started, None), (stale, Not.NO_TRUNK)):
            request = await put(engine)
            assert await one.expires(request, why, other=other)
            by[other.id, why] = str((await callbacks.find_request(engine, str(request.id))).reason)
        await one.delivered()
    blocked = "not within 24 open hours: another request of its number was at work"
    assert by[stale.id, None] == by[stale.id, Not.NIGHT] == f"{blocked} ({stale.id}, by the node gone7)"
    assert by[started.id, None] == f"{blocked} ({started.id}, by the node {SITE.node})"
    assert "outgoing calls are off" in by[stale.id, Not.NO_TRUNK]  # another cause why nobody is called
    assert len([file for file in await rows(url, CaseFile) if str(stale.id) in file.title]) == 2


async def test_a_request_stays_pending_while_no_reference_can_be_allocated(
    engine: AsyncEngine, url: str, tmp_path: Path
) -> None:
    request = await put(engine)
    with nodes(1, url, tmp_path) as (one,):
        (tmp_path / "references1.lock").mkdir()  # like a disk that cannot be written
        assert await one.expires(request)
        assert (await callbacks.find_request(engine, str(request.id))).state == "wished"
        (tmp_path / "references1.lock").rmdir()
        assert await one.expires(request)
        await one.delivered()
    assert len(await rows(url, CaseFile)) == 1
