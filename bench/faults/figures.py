"""Channels, bridges, tasks, descriptors and memory of a line: what may not grow."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import psutil
from sqlalchemy import make_url

from bench.faults.line import Database
from bench.floor import left
from bench.floor.control import Control
from bench.floor.line import Line
from db.engine import CONNECTIONS
from ivr.process.process import processes

MEMORY = 1.10
DATABASE = "database"
"""The kind of a descriptor that is a connection's to the database: as many as were ever needed at once are kept."""

CONNECTION_MIB = 2.4
"""What a connection may add to a process: SQLite keeps 2,000 KiB of the database for each."""

_FILES_A_CONNECTION = 2  # SQLite's: the database and its log; their index is shared


@dataclass(frozen=True, slots=True)
class Figures:
    """What is there while nobody calls. By process: resident memory in MiB; open descriptors by kind."""

    channels: int
    bridges: int
    tasks: int
    memory: Mapping[str, float]
    descriptors: Mapping[str, Mapping[str, int]]


class FiguresError(Exception):
    """The reason why there are no figures, as a sentence."""


async def read_figures(line: Line, control: Control, database: Database) -> Figures:
    """Return what is there now. Raises FiguresError."""
    try:
        channels, bridges = len(await control.ari("/channels")), len(await control.ari("/bridges"))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise FiguresError(f"Asterisk does not answer: {error!r}") from error
    descriptors = {name: _descriptors(process, line, database) for name, process in _processes(line).items()}
    return Figures(channels, bridges, await left.idle_tasks(control) or 0, read_memory(line), descriptors)


def read_memory(line: Line) -> dict[str, float]:
    """Return the resident memory of each process in MiB."""
    found = {}
    for name, process in _processes(line).items():
        try:
            found[name] = round(process.memory_info().rss / 2**20, 1)
        except psutil.Error:
            continue  # it has just ended
    return found


def compare(before: Figures, after: Figures) -> list[str]:
    """Return what is not as at the start."""
    found = [
        f"{there} {name}, and {was} before"
        for name, was, there in (
            ("channels", before.channels, after.channels),
            ("bridges", before.bridges, after.bridges),
            ("tasks", before.tasks, after.tasks),
        )
        if there > was
    ]
    for name, was in before.descriptors.items():
        found += _more_descriptors(name, was, after.descriptors.get(name, {}))
    found += [
        f"{name} has {after.memory.get(name, 0):.0f} MiB, and {was:.0f} before"
        for name, was in before.memory.items()
        if after.memory.get(name, 0) > MEMORY * was + CONNECTION_MIB * _more_connections(name, before, after)
    ]
    return found + [f"{name} does not run" for name in before.memory if name not in after.memory]


def _more_connections(process: str, before: Figures, after: Figures) -> float:
    was, there = (figures.descriptors.get(process, {}).get(DATABASE, 0) for figures in (before, after))
    return max(0, there - was) / _FILES_A_CONNECTION


def _more_descriptors(process: str, before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    was, there = _without_database(before), _without_database(after)
    found = []
    if there > was:
        kinds = ", ".join(
            f"{kind} {count} after {before.get(kind, 0)}"
            for kind, count in after.items()
            if kind != DATABASE and count > before.get(kind, 0)
        )
        found.append(f"{process} has {there} descriptors besides the database's, and {was} before: {kinds}")
    if after.get(DATABASE, 0) > _FILES_A_CONNECTION * CONNECTIONS + 1:
        found.append(f"{process} has {after[DATABASE]} descriptors of more than {CONNECTIONS} connections")
    return found


def _without_database(kinds: Mapping[str, int]) -> int:
    return sum(count for kind, count in kinds.items() if kind != DATABASE)


def _processes(line: Line) -> dict[str, psutil.Process]:
    found = {}
    for name, info in processes(line.home / "run").items():
        try:
            if info.alive:
                found[name] = psutil.Process(info.pid)
        except psutil.Error:
            continue
    return found


def _descriptors(process: psutil.Process, line: Line, database: Database) -> dict[str, int]:
    """Return a process's open descriptors by kind: socket, pipe, the name of a file."""
    found: dict[str, int] = {}
    file = str(line.home / "hatif.db")
    folder = f"/proc/{process.pid}/fd"
    for number in os.listdir(folder):  # noqa: PTH208
        try:
            target = os.readlink(f"{folder}/{number}")  # noqa: PTH115
        except OSError:
            continue  # closed meanwhile
        kind = DATABASE if target.startswith(file) else target.partition(":")[0].rpartition("/")[2]
        found[kind] = found.get(kind, 0) + 1
    if database.line_url is not None:
        port = make_url(database.line_url).port
        count = sum(1 for one in process.net_connections("tcp") if one.raddr and one.raddr.port == port)
        found["socket"] = found.get("socket", 0) - count
        found[DATABASE] = count
    return found
