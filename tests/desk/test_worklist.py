"""Messages, call-back requests and procedures to be sent: oldest first, and nobody takes one twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import messages
from db.engine import open_engine, writing
from db.tables import Message

pytest_plugins = ["db_fixtures"]

FIRST, SECOND = uuid4(), uuid4()
NOW = datetime.now(UTC)


def callback(identity: str, **members: Any) -> dict[str, Any]:
    wished = (NOW - timedelta(hours=1)).isoformat()
    found = {"id": identity, "number": "+33611111111", "language": "fr", "topic": "documents", "tries": 0}
    return {**found, "wished": wished, "ended": None, **members}


async def leave(engine: AsyncEngine, identity: UUID, minutes: int, **members: Any) -> None:
    row = {"caller": "+33612345678", "file": f"messages/{identity}.wav", "language": "fr", "duration_ms": 12_000}
    async with writing(engine) as connection:
        await connection.execute(
            insert(Message).values(
                id=identity, node="n", call_id=uuid4(), at=NOW - timedelta(minutes=minutes), **{**row, **members}
            )
        )


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        over = callback("00000000-over", ended=NOW.isoformat(), number="+33699999999")
        found.answers["/callbacks?last=0"] = (200, [callback("00000000-0001"), over])
        found.answers["/guide-requests"] = (200, [])
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, tmp_path: Path) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, home=tmp_path)
        (tmp_path / "messages").mkdir()
        await found.operator("1002")
        await found.operator("1003")
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    browser = await desk.signed_in("1002")
    await browser.post("/preferences", {"language": "en"})
    await browser.get("/account")
    return browser


async def test_a_message_is_taken_once_whoever_asks_at_the_same_time(url: str) -> None:
    async with open_engine(url) as engine:
        await leave(engine, SECOND, 5)
        await leave(engine, FIRST, 9)
        await leave(engine, uuid4(), 20, erased=NOW)
        assert [row.id for row in await messages.unheard(engine)] == [FIRST, SECOND]
        assert await messages.take(engine, FIRST, "1002", NOW)
        assert not await messages.take(engine, FIRST, "1003", NOW)
        assert not await messages.take(engine, uuid4(), "1003", NOW)
        taken = await messages.find(engine, FIRST)
        assert taken is not None and taken.heard_by == "1002"
        assert await messages.count_unheard(engine) == 1


async def test_what_waits_is_listed_oldest_first(desk: TestDesk, browser: Browser) -> None:
    await leave(desk.engine, SECOND, 5)
    await leave(desk.engine, FIRST, 9)
    page = (await browser.get("/worklist")).text
    assert page.index(str(FIRST)) < page.index(str(SECOND))
    assert "+33611111111" in page and "+33699999999" not in page
    assert ">3<" in (await browser.get("/worklist/count")).text


async def test_a_message_is_heard_by_whoever_has_taken_it_only(
    desk: TestDesk, browser: Browser, controller: StandIn, tmp_path: Path
) -> None:
    await leave(desk.engine, FIRST, 9)
    (tmp_path / "messages" / f"{FIRST}.wav").write_bytes(b"RIFF....WAVE")
    row = {"id": str(FIRST), "at": NOW.isoformat(), "caller": None, "text": None, "case": None}
    controller.answers[f"/messages/{FIRST}/take"] = (200, row)
    assert (await browser.get(f"/worklist/message/{FIRST}/audio")).status == 403
    assert "<audio" in (await browser.post(f"/worklist/message/{FIRST}")).text
    assert ("POST", f"/messages/{FIRST}/take", "1002", None) in controller.asked
    await messages.take(desk.engine, FIRST, "1002", NOW)  # as the controller does
    heard = await browser.get(f"/worklist/message/{FIRST}/audio")
    assert heard.status == 200 and heard.text == "RIFF....WAVE"
    assert (await (await desk.signed_in("1003")).get(f"/worklist/message/{FIRST}/audio")).status == 403
    controller.answers[f"/messages/{FIRST}/take"] = (409, {"detail": "…", "code": "taken"})
    late = await browser.post(f"/worklist/message/{FIRST}")
    assert late.status == 409 and "Somebody else" in late.text


async def test_no_other_file_can_be_had_as_a_message(desk: TestDesk, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("secret")
    for file in ("secrets.json", "messages/../secrets.json", "/etc/hostname"):
        identity = uuid4()
        await leave(desk.engine, identity, 1, file=file, heard=NOW, heard_by="1002")
        assert (await browser.get(f"/worklist/message/{identity}/audio")).status == 404


async def test_a_call_back_request_and_a_procedure_are_taken_in_the_operators_name(
    browser: Browser, controller: StandIn
) -> None:
    assert (await browser.post("/worklist/callback/00000000-0001")).status == 200
    assert (await browser.post("/worklist/guide/00000000-0002")).status == 200
    changes = [(path, who, body) for method, path, who, body in controller.asked if method == "POST"]
    assert changes == [
        ("/callbacks/00000000-0001/take", "1002", {"operator": "1002"}),
        ("/guide-requests/00000000-0002/end", "1002", {"outcome": "sent"}),
    ]
    controller.answers["/callbacks/00000000-0001/take"] = (409, {"detail": "over already"})
    assert (await browser.post("/worklist/callback/00000000-0001")).status == 409
