"""The faults: how each comes and how it is healed."""

import asyncio
import os
import random
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import hatif
from bench.faults import disk
from bench.faults.line import Database, Kind
from bench.floor.control import Control
from bench.floor.heard import LONG_S
from bench.floor.line import Line
from bench.postgresql import Server
from db.engine import open_engine
from db.records import files
from ivr.process.process import process_of, processes
from ivr.process.supervisor import OWN_NAME

STOPPED_S = 20.0
"""How long a process stays stopped (SIGSTOP) that nobody ends."""

SERVICE_MANAGER_S = 2.0
"""How soon systemd would start a killed `hatif up` again; here the bench does."""

AWAY_S = 40.0  # of the database
LOCKED_S = 60.0
FULL_S = 20.0
COMMAND_S = 120.0  # for a command to complete, after one was killed

ASTERISK = "asterisk"
BESIDE = ("journal", "guard", "monitor", "desk", "gate", "hear", OWN_NAME)
"""Processes besides the controller and Asterisk, as `hatif status` names them."""

OURS = (OWN_NAME, hatif.CONTROLLER, *BESIDE[:-1])


@dataclass(slots=True)
class Scene:
    """Where a fault comes. `notes`: what it has to say in the result; `failed`: what went wrong with it."""

    line: Line
    database: Database
    control: Control
    draw: random.Random
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def pid(self, process: str) -> int | None:
        found = process_of(self.line.home / "run", process)
        return found.pid if found is not None and found.alive else None

    @property
    def server(self) -> Server:
        assert self.database.server is not None
        return self.database.server


Comes = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Entering `comes` brings it, leaving heals it, `hold_s` later.

    `silence_s`: the longest silence that is wanted beyond the site's own pauses, None for any; `loses`: whether calls
    must be lost, since Asterisk dies; `damages`: whether records must be lost; `recover_s`: the limit until all is well
    again. `process`, `kind`, `mounts`: what it needs, a process, a database, the right to mount.
    """

    name: str
    what: str
    comes: Comes
    hold_s: float = 0.0
    silence_s: float | None = LONG_S
    loses: bool = False
    damages: bool = False
    recover_s: float = 100.0
    process: str | None = None
    kind: Kind | None = None
    mounts: bool = False

    def missing(self, line: Line, kind: Kind) -> str | None:
        """Return why it cannot come on this line; None if it can."""
        if self.process is not None and self.process not in running_names(line):
            return f"{self.process} does not run on this line"
        if self.kind not in (None, kind):
            return f"it needs --database {self.kind}"
        if self.mounts and not disk.may_mount():
            return "it needs the right to mount a disk in a namespace (unshare --mount), as root has"
        return None


LEFT_OUT = {
    "clock-stepped": "the clock is the machine's own: a time namespace shifts only the monotonic clocks, "
    "and setting the other would step everybody's"
}
"""Faults that cannot be brought here, and why."""


def catalogue() -> list[Fault]:
    """Return all faults, in the order in which they come."""
    return [
        Fault("nothing", "nothing happens: what is usual", _nothing, hold_s=5.0),
        *(_one(name) for name in (hatif.CONTROLLER, *BESIDE)),
        *(replace(_one(name), name=f"stop-{_short(name)}", what=f"{name} stopped (SIGSTOP)", comes=_stop(name))
          for name in (hatif.CONTROLLER, *BESIDE)),
        Fault("kill-controller-guard", "kill -9 of both", _kill(hatif.CONTROLLER, "guard"), silence_s=None),
        Fault("stop-controller-guard", "both stopped", _stop(hatif.CONTROLLER, "guard"), silence_s=None),
        Fault("kill-all", "kill -9 of all ours at once", _kill(*OURS), silence_s=None),
        Fault("stop-all", "all ours stopped at once", _stop(*OURS), silence_s=None),
        Fault("kill-asterisk", "kill -9 of Asterisk", _kill(ASTERISK), silence_s=None, loses=True),
        *(_asterisk_stops(seconds) for seconds in (8, 20, 60)),
        *_postgresql(),
        Fault("sqlite-locked", f"another writer for {LOCKED_S:g} s", _sqlite_locked, LOCKED_S, kind="sqlite"),
        Fault("home-full", "HATIF_HOME's disk full", _home_full, FULL_S, mounts=True),
        Fault("home-full-kill", "the same, and kill -9 of the controller", _home_full_kill, FULL_S, silence_s=None,
              mounts=True),
        Fault("home-read-only", "HATIF_HOME read-only for what is opened", _home_read_only, FULL_S, mounts=True),
        Fault("descriptors", "the controller can open nothing more", _descriptors, FULL_S),
        Fault("journal-cut", "kill -9 of the controller, the journal's last bytes missing", _journal_cut, 3.0,
              silence_s=None, damages=True),
        Fault("journal-garbled", "bytes in the journal's middle overwritten", _journal_garbled, 3.0, damages=True),
        Fault("astdb-gone", "AstDB deleted, and kill -9 of Asterisk", _astdb_gone, silence_s=None, loses=True),
        Fault("prompts-gone", "the prompts' folder renamed", _prompts_gone, FULL_S),
        Fault("release-killed", "kill -9 of the controller in a release", _release_killed, silence_s=None),
        Fault("reload-killed", "kill -9 of `hatif reload`", _command_killed(("reload",), 2.0)),
        Fault("backup-killed", "kill -9 of `hatif backup`", _backup_killed),
        Fault("upgrade-killed", "kill -9 of an upgrade of an empty database, three times", _upgrade_killed),
        Fault("build-killed", "kill -9 of `hatif prompts build`", _build_killed),
    ]  # fmt: skip


def _short(process: str) -> str:
    return "controller" if process == hatif.CONTROLLER else process


def _one(process: str) -> Fault:
    return Fault(f"kill-{_short(process)}", f"kill -9 of {process}", _kill(process), process=process)


def _asterisk_stops(seconds: int) -> Fault:
    # After 20 s the guard ends it, which ends every call.
    return Fault(
        f"stop-asterisk-{seconds}", f"Asterisk stopped for {seconds} s", _asterisk_stopped, float(seconds),
        silence_s=None, loses=seconds >= 20,
    )  # fmt: skip


def _postgresql() -> list[Fault]:
    return [
        Fault(f"postgresql-{name}", what, comes, hold_s, kind="postgresql", mounts=name == "full")
        for name, what, comes, hold_s in (
            ("stopped", f"PostgreSQL stopped in order for {STOPPED_S:g} s", _postgresql_away(signal.SIGINT), STOPPED_S),
            ("killed", f"PostgreSQL killed, back after {STOPPED_S:g} s", _postgresql_away(signal.SIGKILL), STOPPED_S),
            ("frozen", f"all of PostgreSQL stopped (SIGSTOP) for {AWAY_S:g} s", _postgresql_frozen, AWAY_S),
            ("cut", f"everything to and from PostgreSQL dropped for {AWAY_S:g} s", _postgresql_cut, AWAY_S),
            ("locked", f"the table of calls locked for {LOCKED_S:g} s", _postgresql_locked, LOCKED_S),
            ("full", f"PostgreSQL's disk full for {FULL_S:g} s", _postgresql_full, FULL_S),
        )
    ]


# Processes


@asynccontextmanager
async def _nothing(scene: Scene) -> AsyncIterator[None]:
    yield


def _kill(*names: str) -> Comes:
    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        for name in names:
            send(scene, name, signal.SIGKILL)
        yield
        if OWN_NAME in names:
            await asyncio.sleep(SERVICE_MANAGER_S)
            await scene.line.running.start_again()

    return comes


def _stop(*names: str) -> Comes:
    """Stop processes. Those that nobody ends within `STOPPED_S` go on then."""

    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        stopped = {name: pid for name in names if (pid := send(scene, name, signal.SIGSTOP)) is not None}
        try:
            yield
            loop = asyncio.get_running_loop()
            until = loop.time() + STOPPED_S
            while (  # noqa: ASYNC110 - others end them
                loop.time() < until and any(scene.pid(name) == pid for name, pid in stopped.items())
            ):
                await asyncio.sleep(0.2)
        finally:
            for name, pid in stopped.items():
                if scene.pid(name) == pid:
                    scene.notes.append(f"nobody ended {name}: it went on after {STOPPED_S:g} s")
                    send(scene, name, signal.SIGCONT)

    return comes


@asynccontextmanager
async def _asterisk_stopped(scene: Scene) -> AsyncIterator[None]:
    pid = send(scene, ASTERISK, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid is not None and scene.pid(ASTERISK) == pid:
            send(scene, ASTERISK, signal.SIGCONT)
        else:
            scene.notes.append("Asterisk was ended meanwhile")


def send(scene: Scene, name: str, number: signal.Signals) -> int | None:
    """Send a signal to a process of the line, and return its pid; None if it does not run."""
    pid = scene.pid(name)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return pid


def running_names(line: Line) -> set[str]:
    """Return the processes of the line that run."""
    return {name for name, info in processes(line.home / "run").items() if info.alive}


# The database


def _postgresql_away(number: signal.Signals) -> Comes:
    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        if number is signal.SIGKILL:
            scene.server.signal_all(number)
            await asyncio.to_thread(scene.server.wait)
        else:
            await asyncio.to_thread(scene.server.stop, crash=False)
        try:
            yield
        finally:
            await asyncio.to_thread(scene.server.start)

    return comes


@asynccontextmanager
async def _postgresql_frozen(scene: Scene) -> AsyncIterator[None]:
    scene.server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        scene.server.signal_all(signal.SIGCONT)


@asynccontextmanager
async def _postgresql_cut(scene: Scene) -> AsyncIterator[None]:
    assert scene.database.relay is not None
    scene.database.relay.send_signal(signal.SIGUSR1)
    try:
        yield
    finally:
        scene.database.relay.send_signal(signal.SIGUSR2)


@asynccontextmanager
async def _postgresql_locked(scene: Scene) -> AsyncIterator[None]:
    async with open_engine(scene.line.database) as engine, engine.begin() as connection:
        await connection.execute(text("LOCK TABLE call IN ACCESS EXCLUSIVE MODE"))
        yield


@asynccontextmanager
async def _postgresql_full(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(disk.fill, scene.server.folder)
    try:
        yield
    finally:
        disk.empty(scene.server.folder)
        if not scene.server.runs:
            scene.notes.append("PostgreSQL had ended; the bench started it again, as its service manager does")
            await asyncio.to_thread(scene.server.start)


@asynccontextmanager
async def _sqlite_locked(scene: Scene) -> AsyncIterator[None]:
    connection = sqlite3.connect(scene.line.home / "hatif.db", isolation_level=None, timeout=10)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.rollback()
        connection.close()


# Disk and descriptors


@asynccontextmanager
async def _home_full(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(disk.fill, scene.line.home)
    try:
        yield
    finally:
        disk.empty(scene.line.home)


@asynccontextmanager
async def _home_full_kill(scene: Scene) -> AsyncIterator[None]:
    async with _home_full(scene):
        send(scene, hatif.CONTROLLER, signal.SIGKILL)
        yield


@asynccontextmanager
async def _home_read_only(scene: Scene) -> AsyncIterator[None]:
    disk.make_read_only(scene.line.home)
    try:
        yield
    finally:
        disk.unmount(scene.line.home)


@asynccontextmanager
async def _descriptors(scene: Scene) -> AsyncIterator[None]:
    pid = scene.pid(hatif.CONTROLLER)
    assert pid is not None, "the controller runs before each fault"
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


# Files


@asynccontextmanager
async def _journal_cut(scene: Scene) -> AsyncIterator[None]:
    """Cut the last record in two, as a machine that loses power does."""
    stopped = send(scene, "journal", signal.SIGSTOP)  # else it has delivered the record
    try:
        yield
        send(scene, hatif.CONTROLLER, signal.SIGKILL)
        path = files(scene.line.home / "journal")[-1].path
        os.truncate(path, path.stat().st_size - 20)
        scene.notes.append(f"{path.name} lost its last 20 bytes")
    finally:
        if stopped is not None:
            send(scene, "journal", signal.SIGCONT)


@asynccontextmanager
async def _journal_garbled(scene: Scene) -> AsyncIterator[None]:
    stopped = send(scene, "journal", signal.SIGSTOP)
    path = files(scene.line.home / "journal")[-1].path
    delivered = path.stat().st_size
    try:
        yield
        middle = (delivered + path.stat().st_size) // 2
        with path.open("r+b") as file:
            file.seek(middle)
            file.write(bytes(scene.draw.randrange(256) for _ in range(16)))
        scene.notes.append(f"16 bytes of {path.name} were overwritten at {middle}")
    finally:
        if stopped is not None:
            send(scene, "journal", signal.SIGCONT)


@asynccontextmanager
async def _astdb_gone(scene: Scene) -> AsyncIterator[None]:
    for path in (scene.line.home / "asterisk" / "db").glob("astdb*"):
        path.unlink()
    send(scene, ASTERISK, signal.SIGKILL)
    yield


@asynccontextmanager
async def _prompts_gone(scene: Scene) -> AsyncIterator[None]:
    sounds = scene.line.home / "sounds"
    gone = sounds.rename(sounds.with_name("sounds-gone"))
    try:
        yield
    finally:
        gone.rename(sounds)


# In the middle of work


@asynccontextmanager
async def _release_killed(scene: Scene) -> AsyncIterator[None]:
    edit = {
        "kind": "row",
        "file": "operators.csv",
        "row": scene.line.team.consuls[0],
        "cells": {"name": "Bench renamed"},
    }
    body: dict[str, Any] = {"title": "A name", "name": "bench", "edits": [edit], "release": True}
    status = await scene.control.post("/site/changes", body)
    if status not in (200, 201, 202):
        scene.failed.append(f"the change was answered with {status}")
    await asyncio.sleep(scene.draw.uniform(0.1, 4.0))
    changes = await scene.control.get("/site/changes") or []
    scene.notes.append(f"killed while the change was {_state_of(changes)}")
    send(scene, hatif.CONTROLLER, signal.SIGKILL)
    yield
    for _ in range(60):
        changes = await scene.control.get("/site/changes") or []
        if _state_of(changes) not in ("checking", "releasing", "unknown"):
            break
        await asyncio.sleep(0.5)
    scene.notes.append(f"afterwards it is {_state_of(changes)}")
    await _completes(scene, "check")


def _state_of(changes: Any) -> str:
    rows = changes.get("changes", []) if isinstance(changes, dict) else changes
    return str(rows[0].get("state", "unknown")) if rows else "unknown"


def _command_killed(words: tuple[str, ...], within_s: float) -> Comes:
    """Kill a command at some moment of its work; the next one must complete."""

    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        await _killed(scene, hatif.command(*words), scene.draw.uniform(0.2, within_s))
        yield
        await _completes(scene, *words)

    return comes


@asynccontextmanager
async def _backup_killed(scene: Scene) -> AsyncIterator[None]:
    file = scene.line.home / "backup-killed.tar"
    await _killed(scene, hatif.command("backup", str(file)), scene.draw.uniform(0.5, 3.0))
    yield
    file.unlink(missing_ok=True)
    await _completes(scene, "backup", str(file))
    file.unlink(missing_ok=True)
    for rest in scene.line.home.glob("*backup-killed*"):
        scene.notes.append(f"{rest.name} was left behind")
        rest.unlink()


@asynccontextmanager
async def _upgrade_killed(scene: Scene) -> AsyncIterator[None]:
    url = f"sqlite:///{scene.line.home / 'upgraded.db'}"
    if scene.database.server is not None:
        await scene.server.execute("DROP DATABASE IF EXISTS upgraded")
        await scene.server.execute("CREATE DATABASE upgraded")
        url = scene.server.url("upgraded")
    program = "import asyncio, sys; from db.upgrade import upgrade; print(asyncio.run(upgrade(sys.argv[1])))"
    words = (sys.executable, "-c", program, url)
    for _ in range(3):
        await _killed(scene, words, scene.draw.uniform(0.8, 2.5))
    yield
    for wanted in ("to the end", "once more"):
        done = await _ends(scene, words)
        if done is None or done[0]:
            scene.failed.append(f"the upgrade does not come {wanted}: {done}")
            return
    if done is not None and done[1].strip() != "[]":
        scene.failed.append(f"the upgrade is never done: {done[1]}")
    for path in scene.line.home.glob("upgraded.db*"):
        path.unlink()


@asynccontextmanager
async def _build_killed(scene: Scene) -> AsyncIterator[None]:
    spoken = sorted((scene.line.home / "sounds" / "de").glob("guide*"))[:60]
    for path in spoken:  # our own links: nobody calls in German
        path.unlink()
    await _killed(scene, hatif.command("prompts", "build"), scene.draw.uniform(1.0, 4.0))
    yield
    await _completes(scene, "prompts", "build")
    if missing := [path.name for path in spoken if not path.exists()]:
        scene.failed.append(f"{len(missing)} prompts were not built again")


async def _killed(scene: Scene, words: tuple[str, ...], after_s: float) -> None:
    process = await _start(scene, words)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), after_s)
        scene.notes.append(f"{' '.join(words[-2:])} had ended before it was killed")
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        scene.notes.append(f"killed after {after_s:.1f} s")


async def _completes(scene: Scene, *words: str) -> None:
    done = await _ends(scene, hatif.command(*words))
    if done is None or done[0]:
        scene.failed.append(f"hatif {words[0]} does not complete afterwards: {done or 'it does not end'}")


async def _ends(scene: Scene, words: tuple[str, ...]) -> tuple[int, str] | None:
    """Run a program to its end; return its status and output, None if it does not end."""
    process = await _start(scene, words)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return None
    return process.returncode or 0, output.decode(errors="replace")[-300:]


async def _start(scene: Scene, words: tuple[str, ...]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *words, env=scene.line.running.environment, cwd=Path(hatif.CHECKOUT), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
