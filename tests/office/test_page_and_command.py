"""A case that a page and a command change at once, on both databases: neither overwrites the other."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from controller import standing_in
from desk_server import TestDesk, serving
from shell import Answer, command
from stored_cases import REFERENCE, store_case
from test_desk_case import fields_of

from cli.composition import account
from db.case_files import story
from ivr.home import credentials

pytest_plugins = ["db_fixtures"]

PATH = f"/case/file/{REFERENCE}"


@pytest_asyncio.fixture
async def desk(url: str) -> AsyncIterator[TestDesk]:
    async with standing_in() as controller, serving(url, controller.port) as found:
        await store_case(found.engine)
        await found.operator("1002")
        found.says_why("1002", f"case:{REFERENCE}")
        await controller.followed(found)
        yield found


async def run(home: Path, url: str, *arguments: str) -> Answer:
    given = {"HATIF_HOME": str(home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": url}
    return await asyncio.to_thread(command, ("case", *arguments), os.environ | given)


async def test_a_page_and_a_command_that_change_one_case_overwrite_nothing_of_each_other(
    desk: TestDesk, url: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    credentials.load(home, ())
    browser = await desk.signed_in("1002", "en")
    form = fields_of((await browser.get(PATH)).text)
    seen = json.loads((await run(home, url, "show", REFERENCE, "--json")).stdout)["version"]
    assert seen == form["version"] == "1"
    changed = await run(home, url, "set", REFERENCE, "--state", "incomplete", "--post", "Lyon")
    assert changed.returncode == 0 and "state open → incomplete" in changed.stdout, changed.stderr
    met = await browser.post(PATH, {**form, "state": "ready", "title": "Lost passport"})
    assert met.status == 422 and "Somebody else wrote: Incomplete" in met.text
    assert (await story(desk.engine, REFERENCE)).file.title == "First passport", "nothing of it"
    saved = await browser.post(PATH, fields_of(met.text))
    assert saved.status == 200 and "Saved." in saved.text
    late = await run(home, url, "set", REFERENCE, "--owner", "1002", "--version", seen)
    assert late.returncode == 1 and "was changed meanwhile" in late.stderr
    case = await story(desk.engine, REFERENCE)
    assert (case.file.state, case.file.post, case.file.title, case.file.owner, case.file.version) == (
        "ready", "Lyon", "Lost passport", "1003", 3,
    )  # fmt: skip
    assert [note.author for note in case.notes[1:]] == [account(), "1002"]
