"""Work that a page and a command do at once, on both databases: neither overwrites what the other has done."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from controller import standing_in
from desk_server import TestDesk, serving
from shell import Answer, command
from sqlalchemy import insert
from stored_cases import REFERENCE, store_case
from test_desk_case import fields_of

from cli.composition import account
from db.case_files import story
from db.engine import writing
from db.ids import uuid7
from db.tables import Callback, GuideRequest, Message
from ivr.home import credentials

pytest_plugins = ["db_fixtures"]

PATH = f"/case/file/{REFERENCE}"


@pytest_asyncio.fixture
async def desk(url: str) -> AsyncIterator[TestDesk]:
    async with standing_in() as controller, serving(url, controller.port) as found:
        controller.answers["/guide?language=en"] = (200, {"notice": "", "procedures": []})
        await store_case(found.engine)
        await found.operator("1002")
        found.says_why("1002", f"case:{REFERENCE}")
        await controller.followed(found)
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    credentials.load(made, ())
    return made


async def run(home: Path, url: str, *arguments: str) -> Answer:
    given = {"HATIF_HOME": str(home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": url}
    return await asyncio.to_thread(command, arguments, os.environ | given)


async def test_a_page_and_a_command_that_change_one_case_overwrite_nothing_of_each_other(
    desk: TestDesk, url: str, home: Path
) -> None:
    browser = await desk.signed_in("1002", "en")
    form = fields_of((await browser.get(PATH)).text)
    seen = json.loads((await run(home, url, "case", "show", REFERENCE, "--json")).stdout)["version"]
    assert seen == form["version"] == "1"
    changed = await run(home, url, "case", "set", REFERENCE, "--state", "incomplete", "--post", "Lyon")
    assert changed.returncode == 0 and "state open → incomplete" in changed.stdout, changed.stderr
    met = await browser.post(PATH, {**form, "state": "ready", "title": "Lost passport"})
    assert met.status == 422 and "Somebody else wrote: Incomplete" in met.text
    assert (await story(desk.engine, REFERENCE)).file.title == "First passport", "nothing of it"
    saved = await browser.post(PATH, fields_of(met.text))
    assert saved.status == 200 and "Saved." in saved.text
    late = await run(home, url, "case", "set", REFERENCE, "--owner", "1002", "--version", seen)
    assert late.returncode == 1 and "was changed meanwhile" in late.stderr
    case = await story(desk.engine, REFERENCE)
    assert (case.file.state, case.file.post, case.file.title, case.file.owner, case.file.version) == (
        "ready", "Lyon", "Lost passport", "1003", 3,
    )  # fmt: skip
    assert [note.author for note in case.notes[1:]] == [account(), "1002"]


async def test_a_message_is_worked_off_by_page_and_command_and_one_of_them_has_it(
    desk: TestDesk, url: str, home: Path
) -> None:
    identity, me = uuid7(), account()
    row = {"id": identity, "node": "n", "call_id": uuid7(), "caller": "+33612345670", "file": "messages/x.wav"}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Message).values(**row, duration_ms=2500, at=datetime.now(UTC)))
    browser = await desk.signed_in("1002", "en")
    assert (await browser.post(f"/worklist/message/{identity}", {"change": "take"})).status == 200
    (listed,) = json.loads((await run(home, url, "messages", "--json")).stdout)
    assert (listed["caller"], listed["seconds"], listed["taken_by"]) == ("+33612345670", 2.5, "1002")
    for change in ("take", "done"):
        refused = await run(home, url, "message", change, str(identity))
        assert refused.returncode == 1 and "1002 has that message." in refused.stderr, refused.stdout
    heard = await run(home, url, "message", "hear", str(identity))
    assert heard.stdout.strip() == str(home / "messages" / "x.wav")
    assert (await run(home, url, "message", "release", str(identity))).returncode == 0
    taken = json.loads((await run(home, url, "message", "take", str(identity), "--json")).stdout)
    assert (taken["taken_by"], taken["heard_by"], taken["call"]) == (me, me, str(row["call_id"]))
    assert (
        "Somebody else has just taken that."
        in (await browser.post(f"/worklist/message/{identity}", {"change": "take"})).text
    )
    assert (await run(home, url, "message", "done", str(identity))).stdout == f"{identity}: done.\n"
    late = await run(home, url, "message", "take", str(identity))
    assert f"{me} has done that message already." in late.stderr
    assert json.loads((await run(home, url, "messages", "--json")).stdout) == []
    (over,) = json.loads((await run(home, url, "messages", "--last", "5", "--json")).stdout)
    assert over["done_by"] == me
    unknown = await run(home, url, "message", "take", str(uuid7()))
    assert unknown.returncode == 1 and "no message has the id" in unknown.stderr
    entries = json.loads((await run(home, url, "audit", "--last", "50", "--json")).stdout)
    acts = [(row["by"], row["act"]) for row in reversed(entries) if row["about"] == f"message:{identity}"]
    assert acts == [
        ("1002", "message_taken"), (me, "read_message"), (me, "message_heard"), (me, "message_released"),
        (me, "message_taken"), (me, "message_done"),
    ]  # fmt: skip


async def test_a_request_in_writing_is_taken_on_the_page_and_given_back_and_ended_by_commands(
    desk: TestDesk, url: str, home: Path
) -> None:
    identity, now = str(uuid7()), datetime.now(UTC)
    row = {"node": "n", "call_id": uuid7(), "procedure": "visa", "number": "+33612345670", "requested": now, "due": now}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(GuideRequest).values(id=UUID(identity), **row))
    browser = await desk.signed_in("1002", "en")
    assert (await browser.post(f"/worklist/request/{identity}", {"change": "take"})).status == 200
    refused = await run(home, url, "waiting", "take", identity)
    assert refused.returncode == 1 and "1002 has taken that request." in refused.stderr
    assert (await run(home, url, "waiting", "release", identity)).stdout == "visa for +33612345670: given back.\n"
    assert (await run(home, url, "waiting", "take", identity[:30])).stdout == "visa for +33612345670: taken.\n"
    late = await browser.post(f"/worklist/request/{identity}", {"change": "take"})
    assert late.status == 409 and "Somebody else has just taken that." in late.text
    assert (await run(home, url, "waiting", "sent", identity)).stdout == "visa for +33612345670: sent.\n"
    assert identity not in (await browser.get("/worklist")).text


async def test_a_request_to_be_called_is_let_go_on_the_page_or_ended_by_commands_without_a_controller(
    desk: TestDesk, url: str, home: Path
) -> None:
    own, other = uuid7(), uuid7()
    row = {"node": "node1", "number": "+33612345670", "wished": datetime.now(UTC)}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Callback).values(id=own, kind="operator", operator_id="1002", **row))
        await connection.execute(insert(Callback).values(id=other, kind="closed", **row))
    browser = await desk.signed_in("1002", "en")
    assert (await browser.post(f"/worklist/callback/{own}", {"change": "cancel"})).status == 200
    late = await run(home, url, "callbacks", "take", str(own))
    assert late.returncode == 1 and "over already (cancelled)" in late.stderr
    unknown = await run(home, url, "callbacks", "take", str(other), "--operator", "9")
    assert unknown.returncode == 1 and "There is no operator '9'" in unknown.stderr
    taken = await run(home, url, "callbacks", "take", str(other), "--operator", "1002")
    assert taken.stdout == f"{other}: done (taken over by 1002).\n", taken.stderr
    again = await browser.post(f"/worklist/callback/{other}", {"change": "cancel"})
    assert again.status == 403, "they have not taken it to call for it here"
    listed = await run(home, url, "callbacks", "--json")
    assert "the controller does not answer" in listed.stderr
    rows = {row["id"]: row for row in json.loads(listed.stdout)}
    assert [(rows[str(identity)]["state"], rows[str(identity)]["why_not"]) for identity in (own, other)] == [
        ("cancelled", "is finished"), ("done", "is finished"),
    ]  # fmt: skip
