"""Commands, and a release, that are killed in the middle of their work. The next one must complete."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from bench import hatif
from bench.faults.fault import CONTROLLER, Comes, Scene, send

COMMAND_S = 120.0
"""For a command to complete, after one was killed."""


@asynccontextmanager
async def release_killed(scene: Scene) -> AsyncIterator[None]:
    edit = {
        "kind": "row",
        "file": "operators.csv",
        "row": scene.line.team.consuls[0],
        "cells": {"name": f"Bench {scene.draw.randrange(10**6)}"},  # in a soak it comes again
    }
    body: dict[str, Any] = {"title": "A name", "name": "bench", "edits": [edit], "release": True}
    status = await scene.control.post("/site/changes", body)
    if status not in (200, 201, 202):
        scene.failed.append(f"the change was answered with {status}")
    await asyncio.sleep(scene.draw.uniform(0.1, 4.0))
    changes = await scene.control.get("/site/changes") or []
    scene.notes.append(f"killed while the change was {_state_of(changes)}")
    send(scene, CONTROLLER, signal.SIGKILL)
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


def command_killed(words: tuple[str, ...], within_s: float) -> Comes:
    """Kill a command at some moment of its work; the next one must complete."""

    @asynccontextmanager
    async def comes(scene: Scene) -> AsyncIterator[None]:
        await _killed(scene, hatif.command(*words), scene.draw.uniform(0.2, within_s))
        yield
        await _completes(scene, *words)

    return comes


@asynccontextmanager
async def backup_killed(scene: Scene) -> AsyncIterator[None]:
    file = scene.line.home / "backup-killed.tar"
    await _killed(scene, hatif.command("backup", str(file)), scene.draw.uniform(0.3, 1.0))
    yield
    file.unlink(missing_ok=True)
    await _completes(scene, "backup", str(file))
    file.unlink(missing_ok=True)
    for rest in scene.line.home.glob("*backup-killed*"):
        scene.notes.append(f"{rest.name} was left behind")
        rest.unlink()


@asynccontextmanager
async def upgrade_killed(scene: Scene) -> AsyncIterator[None]:
    url = f"sqlite:///{scene.line.home / 'upgraded.db'}"
    if scene.database.server is not None:
        await scene.server.execute("DROP DATABASE IF EXISTS upgraded")
        await scene.server.execute("CREATE DATABASE upgraded")
        url = scene.server.url("upgraded")
    program = "import asyncio, sys; from db.upgrade import upgrade; print(asyncio.run(upgrade(sys.argv[1])))"
    words = (sys.executable, "-c", program, url)
    for _ in range(3):
        await _killed(scene, words, scene.draw.uniform(0.4, 0.9))
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
async def build_killed(scene: Scene) -> AsyncIterator[None]:
    spoken = sorted((scene.line.home / "sounds" / "de").glob("guide*"))[:60]
    for path in spoken:  # our own links: nobody calls in German
        path.unlink()
    await _killed(scene, hatif.command("prompts", "build"), scene.draw.uniform(0.7, 1.5))
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
        *words, env=scene.line.running.environment, cwd=hatif.CHECKOUT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
