"""Draws the pictures of the administrator's pages that show how the line is doing. A real desk and browser; callers and
acts are made up."""

import asyncio
import dataclasses
import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import chromium
import desk_server
import small_png
import try_picture
from controller import StandIn, standing_in
from line import CACHE
from pictures import CHECKOUT, LANGUAGES, SITE, names, sign_in
from playwright.async_api import Page, async_playwright
from sqlalchemy import insert

from cli.processes.check import Check, phrase
from db.engine import writing
from db.enums import AccountRole
from db.ids import uuid7
from db.tables import Audit, Call
from db.upgrade import upgrade
from desk.people import accounts
from desk.people.accounts import Person
from ivr.model import clock
from prompts import manifest
from prompts.build_report import BuildProblem, dump_problems

ME = "director"
LIKELY: dict[str, tuple[tuple[str, float], ...]] = {
    "language": (("hours", 0.75), ("welcome", 0.22)),
    "welcome": (("hours", 1.0),),
    "hours": (("main", 0.9), ("closed", 0.1)),
    "main": (("documents", 0.34), ("operator", 0.26), ("file", 0.2), ("urgent", 0.05), ("complaint", 0.04)),
    "documents": (("passport", 0.4), ("visa", 0.2), ("main", 0.1), ("operator", 0.2)),
    "operator": (("queue", 1.0),),
    "file": (("goodbye", 0.7), ("menu", 0.15)),
    "closed": (("goodbye", 0.5),),
}
"""Where made-up callers go; the rest of each leave."""


async def seed(desk: desk_server.TestDesk, nodes: list[str], now: datetime) -> None:
    chance, calls = random.Random(5), []
    for _ in range(640):
        path = ["language"]
        while ways := LIKELY.get(path[-1]):
            point, target = chance.random(), None
            for name, share in ways:
                point -= share
                if point < 0 and name in nodes:
                    target = name
                    break
            if target is None or len(path) > 9:
                break
            path.append(target)
        waits = path[-1] == "queue"
        outcome = ("answered" if chance.random() < 0.88 else "abandoned") if waits else "left_menu"
        told = path[-1] in ("goodbye", "closed") or (path[-1] == "documents" and chance.random() < 0.85)
        outcome = "self_served" if told else outcome
        by = "caller" if outcome in ("left_menu", "abandoned") else "service"
        started = now - timedelta(seconds=chance.randrange(4 * 3600))
        row = {"id": uuid7(), "node": "n", "started": started, "path": path, "outcome": outcome, "ended_by": by}
        calls.append({**row, "ended": started + timedelta(minutes=4)})
    acts: list[dict[str, Any]] = []
    for number, (by, act, about, reason) in enumerate(ACTS):
        row = {"node": "n", "boot": uuid4(), "seq": number, "at": now - timedelta(minutes=11 * number + 3), "data": {}}
        acts.append({**row, "by": by, "act": act, "about": about, "reason": reason})
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Call), calls)
        await connection.execute(insert(Audit), acts)


ACTS = (
    (ME, "site_changed", "site_change:0197", None),
    ("1901", "amendment_released", "guide:passport", None),
    ("1902", "amendment_proposed", "guide:passport", None),
    ("1002", "callback_added", "callback:0197", "wants to be called at +33612345678"),
    ("1901", "listen", "operator:1002", None),
    ("1002", "case_opened", "case:100000012", None),
    ("1002", "guide_gap", "guide", None),
    ("1901", "hours_closed", None, "fire drill"),
    ("1902", "recording_heard", "recording:0197", None),
    ("root", "telephone_password", "operator:1003", None),
)


PAGES = (("flow", ""), ("prompts", "?language=fr&state=outdated"), ("health", ""), ("audit", ""))


class Said:
    """What a command of `hatif` would say."""

    def __init__(self, document: Any) -> None:
        self._document = document

    async def read(self, _: object) -> Any:
        return self._document


def made_up_site(folder: Path) -> Path:
    """Return a copy of the example in which some French texts have changed; `folder` gets the audio of before."""
    site, sounds = folder / "site", folder / "sounds"
    shutil.copytree(SITE, site)
    french = site / "locale" / "fr" / "LC_MESSAGES" / "hatif.po"
    text = french.read_text()
    for before, after in CHANGED:
        assert before in text, before
        text = text.replace(before, after)
    french.write_text(text)
    sounds.mkdir()
    for found in (CACHE / "sounds").iterdir():
        if found.is_dir():
            (sounds / found.name).symlink_to(found)
    shutil.copy(CACHE / "sounds" / manifest.FILE, sounds)
    failed = BuildProblem("fr", "main_urgent", "pico did not answer within 20 s", "the old audio stays in use")
    (sounds / "problems.json").write_bytes(dump_problems([failed]))
    return site


def language_row(code: str, number: int) -> dict[str, Any]:
    slow = {"voice": "kokoro", "made": 412, "of": 412, "state": "in use", "left_s": None, "why": None}
    if code == "nl":
        slow |= {"made": 268, "state": "speaking", "left_s": 1260.0}
    counts = {"texts": 412, "translated": 412, "recorded": 0, "synthesised": 412, "stale": 0, "missing": 0, "names": 43}
    if code == "fr":
        counts |= {"translated": 411, "recorded": 6, "synthesised": 406, "stale": 3}
    voice = "kokoro" if code != "nl" else "pico"
    return {"language": code, "on": True, "voices": [{"voice": voice}], "problem": None, "slow": slow, **counts}


def health(now: datetime) -> dict[str, Any]:
    began = f"{now - timedelta(days=3):%Y-%m-%d %H:%M:%S}"
    up = [
        Check(f"process {name}", True, False, phrase("it runs since %(since)s UTC, pid %(pid)d", since=began, pid=pid))
        for pid, name in enumerate(PROCESSES, 4100)
    ]
    remedy = "see log/gate.log; `hatif up` starts it by itself, with systemd: `systemctl start hatif-gate`"
    gate = Check("process gate", False, False, phrase("it does not run"), remedy)
    answered = phrase("%(number)s answered after %(seconds).3f s", number="+33800212000", seconds=0.021)
    registered = {"state": "Registered", "user": "hatif", "server": "sip.carrier.example"}
    waiting = phrase("records that wait: %(count)d, the oldest for %(seconds)d s", count=0, seconds=0)
    database = phrase("%(version)s answered within %(ms)d ms", version="PostgreSQL 17.6", ms=4)
    old = phrase("the newest of %(count)d is %(days)d days old", count=14, days=11)
    more = (
        Check("controller", True, True, phrase("connected to Asterisk")),
        Check("test call", True, True, answered),
        Check("numbers", True, True, phrase("all in Asterisk's dialplan")),
        Check("disk", True, False, phrase("%(free)d MiB free in %(folder)s", free=41276, folder="/srv/hatif")),
        Check("certificate", True, False, phrase("it ends on %(day)s", day="2027-03-02")),
        Check("carrier first", True, False, phrase("%(state)s, as %(user)s at %(server)s", **registered)),
        Check("journal", True, False, waiting),
        Check("database", True, False, database),
        Check("backup", False, False, old, "run `hatif backup`, each night"),
    )
    versions = {"hatif": "0.1.0", "asterisk": "22.10.1", "database": "PostgreSQL 17.6", "python": "3.13.5"}
    parts = [check.as_data() for check in (*up, gate, *more)]
    return {"at": now.timestamp(), "serves": True, "parts": parts, "versions": versions}


PROCESSES = ("asterisk", "ivr", "guard", "journal", "monitor", "desk")
CHANGED = (("État de votre dossier", "Suivi de votre dossier"), ("Réclamation ou suggestion", "Plainte ou suggestion"))
FINDINGS = [
    {"code": "W_RECORDING_OLD", "file": "sounds/manifest.json", "line": 1,
     "found": "2 of 412 texts in fr have changed since they were recorded", "remedy": "record them again"},
]  # fmt: skip


async def draw(folder: Path) -> None:
    clock.prepare()
    url = f"sqlite:///{folder / 'pictures.db'}"
    await upgrade(url)
    plain = desk_server.settings_for
    site = made_up_site(folder)
    desk_server.settings_for = lambda *given: dataclasses.replace(
        plain(*given), site_folder=site, home=folder, languages=LANGUAGES
    )
    async with (
        standing_in(StandIn()) as state,
        desk_server.serving(url, state.port) as desk,
        async_playwright() as playwright,
    ):
        noon = datetime.now(UTC).replace(hour=14, minute=12, second=0)
        desk.moved = noon - datetime.now(UTC)
        state.answers |= try_picture.answers(SITE)
        picture: Any = state.answers["/flow/picture?language=en"][1]
        await accounts.add(desk.engine, Person(ME, "Amal Juniper", AccountRole.ADMINISTRATOR, None), noon)
        for who in ("1002", "1901", "1902"):
            await accounts.ensure_operator(desk.engine, who, names()[who], who != "1002", noon)
        desk.app.state.prompt_counts = Said([language_row(code, number) for number, code in enumerate(LANGUAGES)])
        desk.app.state.health_command = Said(health(noon))
        desk.app.state.check_command = Said({"findings": FINDINGS})
        await seed(desk, [*picture["nodes"]], noon)
        browser = await playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        for language in ("en", "ar"):
            viewport: Any = {"width": 1440, "height": 1000}
            context = await browser.new_context(locale=language, reduced_motion="reduce", viewport=viewport)
            page = await context.new_page()
            await sign_in(desk, page, ME)
            for name, question in PAGES:
                await page.goto(f"{desk.url}/site/{name}{question}")
                await take(page, f"site-{name}-{language}")
            await context.close()
        await browser.close()


async def take(page: Page, name: str) -> None:
    await page.evaluate("document.activeElement.blur()")
    await asyncio.sleep(1.2)
    await small_png.take(page, CHECKOUT / "docs" / f"{name}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
    sys.stderr.write("the administrator's pictures are drawn\n")
