"""The site's files are changed over the control API: checked, released as a whole, in use with the next call."""

import asyncio
import json
import shutil
import subprocess
import urllib.error
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import shared_audio
from left import rows
from line import Line

from db.tables.administration import Audit
from ivr.site_changes import exchange, files
from ivr.site_changes.difference import difference_of
from ivr.softphone.telephone import Telephones

FRENCH = "locale/fr/LC_MESSAGES/hatif.po"
URGENT = {"kind": "text", "language": "fr", "id": "main_urgent", "text": "Cas urgent,"}


async def settled(line: Line, change: dict[str, Any]) -> dict[str, Any]:
    """Return a change once it is checked, and what it needs is done."""
    found = change

    def over() -> bool:
        nonlocal found
        try:
            found = line.control("GET", f"/site/changes/{change['id']}")
        except OSError:
            return False  # the controller is being restarted
        effect = found["effect"] or {"state": "done"}
        return found["state"] != "checking" and effect["state"] in ("done", "failed")

    await line.until(over, 90, "the change is checked and in use")
    return found


async def made(line: Line, *edits: dict[str, Any], title: str = "A try", **more: Any) -> dict[str, Any]:
    """Return a change that was made, and checked."""
    return await settled(line, line.control("POST", "/site/changes", {"title": title, "edits": edits, **more}))


def refused(line: Line, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    with pytest.raises(urllib.error.HTTPError) as error:
        line.control(method, path, body)
    return error.value.code, json.load(error.value)


@pytest.fixture
def git(line: Line) -> Iterator[Callable[..., str]]:
    """Run git in the line's site, which is a repository for one test."""

    def run(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *identity, "-C", str(line.site), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    yield run
    shutil.rmtree(line.site / ".git")


async def test_a_change_is_checked_released_as_a_commit_built_and_taken_back_and_overwrites_nothing(
    line: Line, git: Callable[..., str]
) -> None:
    shared_audio.own(line.home / "sounds")

    def saved() -> None:
        git("commit", "--quiet", "--all", "-m", "by an editor")

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    before = (line.site / FRENCH).read_bytes()
    change = await made(line, URGENT, title="Urgent cases")
    assert (change["state"], change["why"], change["findings"]) == ("ready", "", [])
    assert '-msgstr "Urgence,"\n+msgstr "Cas urgent,"\n' in change["difference"]
    assert (line.site / FRENCH).read_bytes() == before, "nothing is in use before the release"
    # Somebody saves a file after the check: it is not overwritten, and the change is checked again.
    path = line.site / "guide" / "visa.yaml"
    path.write_text(path.read_text() + "# by an editor\n")
    status, problem = refused(line, "POST", f"/site/changes/{change['id']}/release", {})
    assert (status, problem["code"]) == (409, "changed_meanwhile")
    assert (line.site / FRENCH).read_bytes() == before
    saved()
    again = await settled(line, line.control("POST", f"/site/changes/{change['id']}/check"))
    assert again["state"] == "ready"
    # A release in a repository is a commit, or nothing.
    lock = line.site / ".git" / "index.lock"
    lock.touch()
    status, problem = refused(line, "POST", f"/site/changes/{change['id']}/release", {"name": "Zineb Olive"})
    assert (status, problem["code"]) == (503, "git") and str(lock) in problem["detail"]
    assert git("status", "--porcelain") == ""
    lock.unlink()
    former = line.status()["flow"]
    line.control("POST", f"/site/changes/{change['id']}/release", {"name": "Zineb Olive"})
    change = await settled(line, change)
    assert (change["state"], change["effect"]["state"], change["effect"]["detail"]) == ("released", "done", "")
    assert b'msgstr "Cas urgent,"' in (line.site / FRENCH).read_bytes()
    assert path.read_text().endswith("# by an editor\n")
    assert git("log", "-1", "--format=%H %an %s").strip() == f"{change['commit']} Zineb Olive Urgent cases"
    assert git("status", "--porcelain") == ""
    heard = {row["id"]: row["text"] for row in line.json("prompts", "list") if row["language"] == "fr"}
    assert heard["main_urgent"] == "Cas urgent,"
    assert line.status()["flow"] == change["effect"]["version"] != former
    # What was changed again at the same place is not taken back; where another text of the file was, it is.
    text = (line.site / FRENCH).read_text()
    (line.site / FRENCH).write_text(text.replace('"Cas urgent,"', '"Cas très urgent,"'))
    saved()
    status, problem = refused(line, "POST", f"/site/changes/{change['id']}/take-back", {})
    assert (status, problem["code"]) == (409, "changed_meanwhile") and FRENCH in problem["detail"]
    (line.site / FRENCH).write_text(text.replace('msgstr "Passeport,"', 'msgstr "Votre passeport,"'))
    saved()
    back = await settled(line, line.control("POST", f"/site/changes/{change['id']}/take-back", {}))
    assert (back["state"], back["takes_back"], back["effect"]["state"]) == ("released", change["id"], "done")
    assert (line.site / FRENCH).read_text() == before.decode().replace(
        'msgstr "Passeport,"', 'msgstr "Votre passeport,"'
    )
    assert line.control("GET", f"/site/changes/{change['id']}")["taken_back_by"] == back["id"]
    heard = {row["id"]: row["text"] for row in line.json("prompts", "list") if row["language"] == "fr"}
    assert heard["main_urgent"] == "Urgence," and line.status()["flow"] == back["effect"]["version"]
    assert refused(line, "POST", f"/site/changes/{change['id']}/take-back", {})[1]["code"] == "not_released"
    newest = [row["id"] for row in line.control("GET", "/site/changes?last=2")]
    assert newest == [back["id"], change["id"]]
    kept: list[Audit] = []
    async with asyncio.timeout(5):
        while len(kept) < 2:
            kept = [row for row in await rows(line, Audit) if row.about and row.about.startswith("site_change:")]
    assert [(row.by, row.act, row.data["title"], row.data["files"]) for row in kept] == [
        ("tests", "site_changed", "Urgent cases", FRENCH),
        ("tests", "site_change_taken_back", "Taken back: Urgent cases", FRENCH),
    ]


async def test_a_change_with_a_mistake_is_refused_with_file_and_line(line: Line) -> None:
    before = (line.site / "guide" / "visa.yaml").read_bytes()
    change = await made(line, {"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee"]})
    assert change["state"] == "refused"
    found = [(row["code"], row["file"], row["found"]) for row in change["findings"]]
    assert ("E_GUIDE_FIELD", str(line.site / "guide/visa.yaml"), "fee is missing") in found
    status, problem = refused(line, "POST", f"/site/changes/{change['id']}/release", {})
    assert (status, problem["code"]) == (409, "not_ready")
    assert (line.site / "guide" / "visa.yaml").read_bytes() == before
    line.control("DELETE", f"/site/changes/{change['id']}")
    assert refused(line, "GET", f"/site/changes/{change['id']}")[0] == 404


async def test_an_edit_that_cannot_be_made_is_refused_at_once(line: Line) -> None:
    for edit, code in (
        ({"kind": "content", "file": "../secrets.json", "content": ""}, "not_possible"),
        ({"kind": "text", "language": "fr", "id": "main_urgent", "text": "Urgence,"}, "nothing"),
    ):
        status, problem = refused(line, "POST", "/site/changes", {"title": "x", "edits": [edit]})
        assert (status, problem["code"]) == (422, code)
    status, _ = refused(line, "POST", "/site/changes", {"title": "x", "edits": [{"kind": "dance"}]})
    assert status == 422
    assert refused(line, "GET", "/site/file?file=../secrets.json")[0] == 422
    assert refused(line, "GET", "/site/file?file=guide/none.yaml")[0] == 404
    shown = line.control("GET", "/site/file?file=site.toml")
    assert shown["content"] == (line.site / "site.toml").read_text()
    assert line.control("GET", "/site/files")["files"]["site.toml"] == shown["digest"]


async def test_a_controller_that_was_killed_between_two_files_starts_with_all_of_them_as_before(line: Line) -> None:
    edits: list[dict[str, Any]] = [
        {"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee"], "value": "It is free."},
        *(
            {"kind": "text", "language": code, "id": "guide_visa_fee", "source": "It is free."}
            for code in ("en", "fr", "ar", "es", "it", "nl", "de")
        ),
    ]
    change = await made(line, *edits)
    before = files.all_contents(line.site)
    await line.without_controller()
    folder = line.home / exchange.FOLDER
    new: dict[str, bytes | None] = {
        item["file"]: (folder / change["id"] / exchange.AFTER / item["file"]).read_bytes() for item in change["files"]
    }
    exchange.begin(folder, change["id"])
    exchanged = exchange.Exchange(line.site, new, change["id"])
    exchanged.prepare()
    exchange.Exchange(line.site, dict([*new.items()][:3]), change["id"]).put()
    assert files.all_contents(line.site) != before
    await line.controller_again()
    assert files.all_contents(line.site) == before
    assert not list(line.site.rglob(".*hatif-*"))
    assert line.control("GET", f"/site/changes/{change['id']}")["state"] == "ready"


@pytest.fixture
async def as_before(line: Line) -> AsyncIterator[None]:
    """Put the site's files back, and start the controller with them: a release may have restarted it with others. Then
    give them to Asterisk, whose dialplan has some of their values."""
    before = line.site_files()
    yield
    line.write_site(before)
    await line.restart()
    reloaded = await asyncio.to_thread(line.run, "reload")
    assert reloaded.returncode == 0, reloaded.stderr


async def test_values_of_the_site_reach_the_running_line_and_no_call_is_cut_off(
    line: Line, telephones: Telephones, as_before: None
) -> None:
    call = await line.dial(telephones, "+33622000001")
    # Nobody is added, whose name would be a prompt afterwards (test_site_browser adds somebody).
    change = await made(
        line,
        {"kind": "toml", "place": ["operators", "ring_s"], "value": 21},
        {"kind": "row", "file": "operators.csv", "row": "1019", "cells": {"languages": "fr:5 de:4 ar:4"}},
        release=True,
    )
    assert (change["state"], change["why"]) == ("released", "")
    assert (change["effect"]["state"], change["effect"]["detail"]) == ("done", "")
    values = line.control("GET", "/site/values")["values"]
    assert values["operators.ring_s"] == "21.0"
    assert values["operator.1019.languages"] == '["fr:5", "de:4", "ar:4"]'
    await call.press("2")
    await call.hangup()
    story = await line.story("+33622000001")
    assert [event["data"]["by"] for event in story["events"] if event["kind"] == "ended"] == ["caller"]


def test_a_password_in_an_address_is_not_in_a_difference() -> None:
    before, after = (f'url = "postgresql://a:secret@h/d"\nx = {value}\n'.encode() for value in (1, 2))
    shown = difference_of({"site.toml": before}, {"site.toml": after})
    assert "secret" not in shown and "-x = 1" in shown and "postgresql://a:…@h/d" in shown
