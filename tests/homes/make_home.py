"""Makes a kept home with today's code: a line of its own, real calls, the usual commands, made-up people.

    PYTHONPATH=.:tests:tests/db:tests/desk:tests/homes:tests/ivr .venv/bin/python tests/homes/make_home.py 2026-12

README.md says what is in it.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import conftest  # noqa: F401 - the same settings of the process as in the tests
import kept_home
from desk_server import PASSWORD, Browser
from left import begins, speaks
from line import Line
from offsets import OFFSET

from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from db.upgrade import current
from ivr.home.version import VERSION
from ivr.process.process import processes
from ivr.softphone.telephone import Telephones

DAYS = 3
"""Of the history: whole days, the last of them the day before yesterday."""
PAUSED, AWAY = "1003", "1009"
"""An operator who is at lunch, and one whom a caller wants to be called by."""
ANSWERED, LEFT_MESSAGE, LOST, LAST = (f"+3363900000{number}" for number in range(4))
"""Callers: who talked to an operator, left a message, gave up, and called while nothing was delivered."""
WRAP_UP = timedelta(seconds=20)


def history(home: Path, days: list[datetime]) -> None:
    """Put calls of earlier days into the journal, as a controller of those days wrote them."""
    journal, made = Journal(home / "journal", "node1"), 0
    for day in days:
        for number, language in enumerate(("ar", "fr", "es", "fr", "ar")):
            made += 1
            call, began = uuid7(), day + timedelta(hours=9 + number, minutes=7 * number)
            queued, operator = began + timedelta(seconds=30), f"100{2 + number % 3}"
            row: dict[str, Any] = {"started": began, "live": True, "number": "+33800212000", "country": "FR"}
            row |= {"caller": f"+336390001{made:02}", "language": language, "topic": "file", "path": ["main", "wait"]}
            row |= {"line_answered": began, "queued": queued}
            if number == 3:
                left = queued + timedelta(seconds=70)
                row |= {"dequeued": left, "ended": left, "outcome": "abandoned", "ended_by": "caller"}
            else:
                connected = queued + timedelta(seconds=6 + 9 * number)
                ended = connected + timedelta(seconds=95 + 20 * number)
                row |= {"dequeued": connected, "connected": connected, "ended": ended, "outcome": "answered"}
                row |= {"operator_id": operator, "ended_by": "caller"}
                offer = uuid7()
                of = {"call_id": call, "operator_id": operator}
                journal.put("offer", id=offer, offered=queued, ended=connected, state="accepted", **of)
                journal.put("pairing", id=uuid7(), offer_id=offer, began=connected, ended=ended, **of)
                for at, state in ((connected, "talking"), (ended, "wrapping_up"), (ended + WRAP_UP, "ready")):
                    journal.put("operator_state", at=at, operator_id=operator, state=state, by="service")
            journal.put("call", id=call, **row)
    at = days[-1] + timedelta(hours=22)
    asked = {"kind": "operator", "state": "wished", "operator_id": AWAY, "number": "+33639000008", "country": "FR"}
    journal.put("callback", id=uuid7(), **asked, language="fr", wished=at, due=at)
    written = {"call_id": call, "procedure": "passport", "number": "+33639000007", "country": "FR", "language": "fr"}
    journal.put("guide_request", id=uuid7(), **written, requested=at, due=at + timedelta(days=2))
    journal.close()


async def calls(line: Line, telephones: Telephones) -> None:
    """Have callers talk to an operator, leave a message, and give up."""
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    call = await line.dial(telephones, ANSWERED)
    await call.press("20")
    await call.hears_tone(1870.0)
    await call.hangup()
    await line.story(ANSWERED)
    call = await line.dial(telephones, LEFT_MESSAGE)
    await call.press("25")
    await speaks(call, line, "fr", LEFT_MESSAGE, 1400, 1.0)
    await call.press("#")
    await begins(call, line.audio("fr", "record_send"))
    await call.press("1")
    await begins(call, line.audio("fr", "reference_is"))
    await call.hangup()
    await line.story(LEFT_MESSAGE)
    await phone.unregister()
    call = await line.dial(telephones, LOST)
    await call.press("20")
    await line.story(LOST, ended=False, told=lambda story: story["call"]["queued"] is not None)
    await call.hangup()
    await line.story(LOST)


def commands(line: Line) -> dict[str, str]:
    """Open and change cases, ask for calls, pause an operator, add people; return the cases' PINs."""
    pins = {}
    for title, applicant, language in (
        ("A passport for a child", "Nadia Fern", "fr"),
        ("Une procuration", "Zoë Laurel", "fr"),
        ("تأشيرة", "غالي خروب", "ar"),
    ):
        about = (
            "--topic",
            "file",
            "--language",
            language,
            "--country",
            "FR",
            "--title",
            title,
            "--applicant",
            applicant,
        )
        opened = json.loads(run(line, "case", "open", *about, "--caller", "+33639000009", "--json"))
        pins[opened["reference"]] = opened["pin"]
    first, second, third = pins
    later = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}"
    run(line, "case", "set", first, "--state", "incomplete", "--missing", "photograph,fee", "--owner", "1002")
    run(line, "case", "set", first, "--priority", "high", "--follow-up", later, "--post", "Lyon")
    run(line, "case", "set", second, "--state", "ready", "--expected", later)
    run(line, "case", "note", first, "The photographs were too dark.")
    run(line, "case", "note", third, "ستعود غدا")
    run(line, "case", "close", second)
    run(line, "operators", "set", PAUSED, "paused", "--reason", "lunch")
    run(line, "hours", "holiday", "add", later, "--name", "A day of the test")
    run(line, "accounts", "add", "amal", "--name", "Amal Fern", "--role", "supervisor")
    run(line, "accounts", "add", "root", "--name", "Rachid Root")
    run(line, "accounts", "add", "former", "--name", "Former Person")
    run(line, "accounts", "disable", "former")
    run(line, "walls", "add", "The hall", "--language", "fr")
    texts = {"guide_visa_documents_1": {"fr": "Une photographie récente."}}
    line.control_as("1002", "POST", "/guide/amendments", {"procedure": "visa", "texts": texts, "why": "One is enough"})
    return pins


def run(line: Line, *words: str) -> str:
    answer = line.run(*words)
    assert answer.returncode == 0, (words, answer.stderr)
    return answer.stdout


async def change(line: Line, title: str, *edits: dict[str, Any]) -> None:
    """Make a change of the site, which waits for a release once it is checked."""
    made = line.control_as("amal", "POST", "/site/changes", {"title": title, "edits": edits, "name": "Amal Fern"})
    find = f"/site/changes/{made['id']}"
    await line.until(lambda: line.control("GET", find)["state"] != "checking", 120, "the change is checked")


async def sign_in(line: Line, account: str) -> str:
    """Sign somebody in at the desk by a link, and choose a password; return the session's token."""
    url = line.json("status")["addresses"]["desk"]
    link = re.search(r"/link/\S+", run(line, "accounts", "login", account))
    assert link is not None
    browser = Browser(url)
    try:
        await browser.get(link[0])
        assert (await browser.post(link[0])).status == 303
        await browser.get("/account")
        assert (await browser.post("/account/password", {"password": PASSWORD, "again": PASSWORD})).status == 303
        assert (await browser.get("/account")).status == 200
        name = f"hatif-{8080 + line.offset}"
        return next(str(cookie.value) for cookie in browser._session.cookie_jar if cookie.key == name)
    finally:
        await browser.close()


async def make(home: Path, out: Path) -> None:
    line = Line(home, OFFSET)
    site = line.site / "site.toml"
    site.write_text(site.read_text().replace("[desk]\nenabled = false", "[desk]\nenabled = true"))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=ago) for ago in range(DAYS + 1, 1, -1)]
    history(home, days)
    try:
        await line.up()
        await line.desk_answers()
        async with Telephones() as telephones:
            await calls(line, telephones)
            pins = await asyncio.to_thread(commands, line)
            token = await sign_in(line, "amal")
            await change(line, "Longer wrap-up", {"kind": "toml", "place": ["operators", "wrap_up_s"], "value": 30})
            row = {"kind": "row", "file": "operators.csv", "row": "1050", "cells": OPERATOR}
            await change(line, "A new operator", row)
            period = ("--from", f"{days[0]:%Y-%m-%d}", "--to", f"{days[-1]:%Y-%m-%d}")
            report = {by: json.loads(run(line, "report", *period, "--by", by, "--json")) for by in ("day", "language")}
            # From here on nothing is delivered: a call, a case and a note stay in the journal.
            await line.stop_process("journal")
            call = await line.dial(telephones, LAST)
            await call.press("20")
            await line.until(lambda: bool(line.control("GET", "/calls")), 10, "the last call waits")
            await asyncio.sleep(0.5)
            await call.hangup()
            await line.until(lambda: not line.control("GET", "/calls"), 10, "the last call has ended")
            pins |= await asyncio.to_thread(undelivered, line, next(iter(pins)))
            await asyncio.sleep(2)  # Asterisk writes its database once a second
            lose_power(line)
    finally:
        await line.down()
    for file in (home / "hatif.db", home / "asterisk" / "db" / "astdb.sqlite3"):
        with closing(sqlite3.connect(file)) as database:  # its WAL is in the file then
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept_home.pack(home, out)
    before = kept_home.rows(home / "hatif.db")
    await deliver_all(home / "journal", line.database)
    after = kept_home.rows(home / "hatif.db")
    listed = {name: found for name, found in after.items() if found and name not in NOT_LISTED}
    assert not [*(home / "journal").glob("rejected/*")], "what is kept is whole"
    new = {name: len(found) - len(before[name]) for name, found in listed.items()}
    assert new["call"] == new["case_file"] == 1 <= new["case_note"], "a call, a case and a note are only in the journal"
    manifest = {
        "made": datetime.now(UTC).isoformat(),
        "hatif": VERSION,
        "migration": await current(line.database),
        "undelivered": {name: number for name, number in new.items() if number},
        "session": {"account": "amal", "token": token},
        "pins": pins,
        "paused": PAUSED,
        "site_changes": {path.parent.name: json.loads(path.read_text())["title"] for path in changes(home)},
        "period": list(period),
        "report": report,
        "files": kept_home.digests(home, "messages", "site_changes"),
        "rows": listed,
    }
    kept_home.manifest_of(out).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


OPERATOR = {"name": "Hind Myrtle", "languages": "ar:5 fr:3", "topics": "", "supervisor": "no"}
NOT_LISTED = {"alembic_version", "journal_position", "case_reference"}
"""Tables whose rows are no facts of the line's: they say how far something is, or can be made again."""


def lose_power(line: Line) -> None:
    """Kill all processes at once, the supervisor first, so that none delivers what is in the journal."""
    assert line._up is not None
    line._up.send_signal(signal.SIGKILL)
    for info in processes(line.home / "run").values():
        if info.alive:
            os.kill(info.pid, signal.SIGKILL)


def changes(home: Path) -> list[Path]:
    return sorted((home / "site_changes").glob("*/change.json"))


def undelivered(line: Line, reference: str) -> dict[str, str]:
    """Have the controller write a note and open a case; a command would deliver the journal itself."""
    note = {"text": "Written while nothing was delivered."}
    line.control_as("1002", "POST", f"/cases/{reference.replace('-', '')}/notes", note)
    case = {"topic": "travel", "language": "fr", "country": "FR", "title": "Opened while nothing was delivered"}
    opened = line.control_as("1002", "POST", "/cases", case)
    return {opened["reference"]: opened["pin"]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hatif-home-") as folder:
        asyncio.run(make(Path(folder), Path(__file__).with_name(f"{sys.argv[1]}.tar.xz")))
