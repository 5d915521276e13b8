"""A home that an earlier day's code made is upgraded with a call up, and loses nothing: README.md says what it has."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import kept_home
import pytest
import shared_audio
from conftest import LONE_OFFSET, short_folder
from desk_server import Browser
from kept_home import HOMES
from line import Line
from shell import Shell

from db import pin_hashes
from db.upgrade import current
from ivr.data import archive
from ivr.flow.missing_audio import missing_on_disk
from ivr.home import credentials
from ivr.softphone.telephone import Telephones

pytest_plugins = ["browser"]

CALLER, CALLER_HZ, OPERATOR_HZ = "+33639000099", 1130.0, 1870.0

CHANGES = {
    "account": {"gone"},
    "caller": {"last_call_id", "last_called"},
    "callback": {"state", "ended", "reason"},
    "case_file": {"pin_hash"},
    "desk_session": {*kept_home.BY_TIME},
    "operator": {"changed"},
    "wall_link": {"seen"},
}
"""Columns that change by themselves when a line starts or is used; PINs and the session are tried instead."""


@pytest.fixture(params=HOMES, ids=lambda file: file.name.partition(".")[0])
def home(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


@pytest.fixture
async def kept(home: Path, scripts: None) -> AsyncIterator[tuple[Line, dict[str, Any]]]:
    """A line whose home is the kept one; it is not up."""
    with short_folder("hatif-kept-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        shutil.rmtree(line.site)
        (line.home / "hatif.db").unlink()
        manifest = kept_home.unpack(home, line.home, line.offset)
        if missing_on_disk(line.site, line.home / "sounds", line.settings):
            shared_audio.own(line.home / "sounds")  # `hatif up` speaks what the kept site has and ours has not
        try:
            yield line, manifest
        finally:
            await line.down()


@contextmanager
def nobody_writes(line: Line) -> Iterator[None]:
    """Keep everybody from writing to the database inside the block: its tables stay those of the earlier version."""
    with closing(sqlite3.connect(line.home / "hatif.db")) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.rollback()


async def test_a_kept_home_is_upgraded_with_a_call_up_and_loses_nothing(
    kept: tuple[Line, dict[str, Any]], telephones: Telephones
) -> None:
    line, manifest = kept
    with nobody_writes(line):
        await line.up()
        phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
        call = await line.asks_for_operator(telephones, CALLER)
        talking = await phone.next_call()
        call.tone(CALLER_HZ)
        await talking.hears_tone(CALLER_HZ)
        assert await current(line.database) == manifest["migration"]
        only_in_journals = sum(manifest["undelivered"].values())
        assert len(lost(line, manifest)) == only_in_journals > 0
    upgraded = await asyncio.to_thread(line.run, "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    await line.restart()  # the rest of docs/production.md's upgrade: the other processes began with the new code
    await call.hears_tone(OPERATOR_HZ)
    await talking.hears_tone(CALLER_HZ)
    assert line.operator_state(manifest["paused"]) == "paused"
    await call.hangup()
    await line.story(CALLER)
    await line.until(lambda: not lost(line, manifest), 60, "the journals of the kept home are delivered")
    assert not [*(line.home / "journal").glob("rejected/*")]
    pepper = credentials.load(line.home, ()).pin_pepper
    hashes = {row["reference"]: row["pin_hash"] for row in kept_home.rows(line.home / "hatif.db")["case_file"]}
    assert all(pin_hashes.matches(secret, hashes[plain(case)], pepper) for case, secret in manifest["pins"].items())
    assert kept_home.digests(line.home, "messages") == digests(manifest, "messages/")
    waiting = {change["id"]: (change["title"], change["state"]) for change in line.control("GET", "/site/changes")}
    assert waiting == {identity: (title, "ready") for identity, title in manifest["site_changes"].items()}
    for by, document in manifest["report"].items():
        assert json.loads(line.run("report", *manifest["period"], "--by", by, "--json").stdout) == document
    await line.desk_answers()
    browser = Browser(line.json("status")["addresses"]["desk"])
    browser.has_session(f"hatif-{8080 + line.offset}", manifest["session"]["token"])
    page = await browser.get("/account")
    await browser.close()
    assert page.status == 200 and "Amal Fern" in page.text, "they are still signed in"


def lost(line: Line, manifest: dict[str, Any]) -> list[str]:
    return kept_home.lost(manifest["rows"], kept_home.rows(line.home / "hatif.db"), CHANGES)


def plain(reference: str) -> str:
    return reference.replace("-", "")


def digests(manifest: dict[str, Any], folder: str) -> dict[str, str]:
    return {name: digest for name, digest in manifest["files"].items() if name.startswith(folder)}


def test_a_kept_home_that_is_not_upgraded_can_be_saved_and_what_is_restored_lacks_nothing(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    manifest = kept_home.unpack(home, folder, 19_000)
    first = Shell(folder, folder / "site")
    saved = first.run("backup", str(tmp_path / "b.tar"))
    assert saved.returncode == 0, saved.stderr
    assert archive.read_about(tmp_path / "b.tar").migration == manifest["migration"]
    second = Shell(tmp_path / "second")
    restored = second.run("restore", str(tmp_path / "b.tar"))
    assert restored.returncode == 0, restored.stderr
    assert kept_home.lost(manifest["rows"], kept_home.rows(second.home / "hatif.db"), CHANGES) == []
    assert kept_home.digests(second.home, "messages") == digests(manifest, "messages/")


def test_a_row_a_value_or_a_column_that_is_gone_is_found() -> None:
    rows: dict[str, list[dict[str, Any]]] = {"case_note": [{"id": "1", "text": "one"}, {"id": "2", "text": None}]}
    assert kept_home.lost(rows, {"case_note": [{"new": 0, **row} for row in rows["case_note"]]}, {}) == []
    assert kept_home.lost(rows, {"case_note": rows["case_note"][:1]}, {}) == ["case_note: {'id': '2', 'text': None}"]
    assert kept_home.lost(rows, {"case_note": [{"id": "1", "text": "x"}, rows["case_note"][1]]}, {}) != []
    assert "case_note.text" in kept_home.lost(rows, {"case_note": [{"id": "1"}, {"id": "2"}]}, {})
    assert kept_home.lost(rows, {}, {}) == ["case_note: all rows"]
    assert kept_home.lost(rows, {"case_note": [{"id": "1"}, {"id": "2"}]}, {"case_note": {"text"}}) == []
