"""The line of this measurement: the example site with a small team, and SQLite or a PostgreSQL of its own."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import hatif, media
from bench.faults import clock, disk
from bench.faults.callers import APOLOGY, RECORD_TONE, team
from bench.floor.line import RING_S, Line, LineError, change_site, line_of, write_site
from bench.postgresql import Server
from bench.queue_lines import installed, share_sounds
from prompts import manifest

Kind = Literal["sqlite", "postgresql"]
HOME_MB, DATABASE_MB = 320, 320
NAME = "hatif"

CHANGES = (
    ("site.toml", rf"^ring_s = {RING_S}", "ring_s = 15"),  # a telephone may ring throughout a fault
    ("site.toml", r"^free_gb = \S+", "free_gb = 0.01"),  # on a small disk
)

SPEECH = (("site.toml", r"\Z", "\n[speech]\nmenus = true\nworkers = 1\npackaged = true\n"),)
"""Callers may say an option, so that the process `hear` runs."""

_CONTROLLER = ("language_", "another_", "key_", "main_", "greeting")  # the beginnings of texts that only it plays
_FALLBACK = ("moment", "fallback_wait", "fallback_nobody")
_APOLOGY = ("record_failed",)


@dataclass(slots=True)
class Database:
    """The line's database. `server`, `relay`: PostgreSQL, and what the line reaches it through; None for SQLite."""

    kind: Kind
    server: Server | None = None
    relay: asyncio.subprocess.Process | None = None
    url: str | None = None  # for the bench
    line_url: str | None = None  # for the line


@asynccontextmanager
async def up(
    home: Path, beside: Path, offset: int, kind: Kind, *, speech: bool = False, own_clock: bool = False
) -> AsyncIterator[tuple[Line, Database]]:
    """Start the line. `beside`: a folder for what shall not be on its small disk; `speech`: whether callers may speak;
    `own_clock`: whether the line's clock can be stepped.

    Raises LineError and `bench.hatif.UpError`.
    """
    of, site = team(), home / "site"
    if disk.may_mount():
        disk.mount(home, HOME_MB)
    try:
        share_sounds(beside)
        if (beside / "sounds").is_dir():
            (home / "sounds").symlink_to(beside / "sounds")
        write_site(site, of)
        change_site(site, (*CHANGES, *SPEECH) if speech else CHANGES)
        if own_clock and not disk.may_mount():
            raise LineError("--clock needs the right to mount in a namespace (unshare --mount), as root has")
        variables = await asyncio.to_thread(clock.prepare, home, installed()) if own_clock else {}
        async with (
            database(beside, offset, kind) as stored,
            hatif.run_hatif(home, site, offset, database=stored.line_url, variables=variables) as running,
        ):
            yield line_of(home, offset, of, running, stored.url), stored
    finally:
        _keep(home, beside / "kept")
        if disk.may_mount():
            disk.unmount(home)


def _keep(home: Path, folder: Path) -> None:
    """Copy from the small disk, which ends with the program, what tells what happened."""
    for part in ("log", "asterisk/log", "journal", "hatif.db", "hatif.db-wal", hatif.SETUP_LOG, hatif.UP_LOG):
        source, target = home / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("wake"))
        elif source.is_file():
            shutil.copy2(source, target)


@asynccontextmanager
async def database(beside: Path, offset: int, kind: Kind) -> AsyncIterator[Database]:
    """Run PostgreSQL, if that is wanted, with a relay before it."""
    if kind == "sqlite":
        yield Database(kind)
        return
    folder = beside / "pg"
    if disk.may_mount():
        disk.mount(folder, DATABASE_MB)
    folder.mkdir(exist_ok=True)
    beside.chmod(0o755)  # noqa: ASYNC240 - before anything runs; PostgreSQL's user is nobody
    server = await asyncio.to_thread(Server, folder)
    try:
        await server.execute(f"CREATE DATABASE {NAME}")
        port = 5432 + offset
        relay = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.faults.relay", str(port), str(server.data / ".s.PGSQL.5432"),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert relay.stdout is not None
            if (await asyncio.wait_for(relay.stdout.readline(), 20)).strip() != b"ready":
                raise LineError(f"the relay to PostgreSQL does not listen on port {port}")
            yield Database(kind, server, relay, server.url(NAME), f"postgresql://postgres@127.0.0.1:{port}/{NAME}")
        finally:
            with suppress(ProcessLookupError):
                relay.kill()
            await relay.wait()
    finally:
        if server.runs:
            server.signal_all(signal.SIGCONT)
            await asyncio.to_thread(server.stop)
        if disk.may_mount():
            disk.unmount(folder)


def voices(home: Path) -> Mapping[bytes, str]:
    """Return by whom a packet of sound is played: controller or fallback, for what only one of them plays.

    Of messages, it is the tone before one or the apology for one that could not be recorded.
    """
    names = manifest.load(home / "sounds" / manifest.FILE)
    found: dict[bytes, str] = {}
    both: set[bytes] = {media.SILENCE}
    found |= dict.fromkeys(media.frames([home / "sounds" / "beep.alaw"]) - both, RECORD_TONE)
    for who, beginnings in (("controller", _CONTROLLER), ("fallback", _FALLBACK), (APOLOGY, _APOLOGY)):
        for language in names.languages:
            for text in names.ids:
                if text.startswith(beginnings) and (file := names.file(language, text)) is not None:
                    paths = [path for path in manifest.paths(home / "sounds", file) if path.suffix == ".alaw"]
                    for frame in media.frames(path for path in paths if path.is_file()):
                        if found.setdefault(frame, who) != who:
                            both.add(frame)
    return {frame: who for frame, who in found.items() if frame not in both}
