"""Fixtures: fresh, upgraded databases of both kinds for each test, and programs that can be killed.

Not a `conftest.py`, because mypy allows only one module of that name, and `tests/` has it.
"""

import asyncio
import shutil
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import forked_programs
import made_databases
import pytest
import pytest_asyncio
import relay
from db_server import INSTALL, Server
from relay import Relay
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.upgrade import upgrade

NUMBERS = count(1)
TEMPLATE = "template_hatif"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="hatif-pg-") as folder:  # short: the path of a socket has at most 107 bytes
        made = Server(Path(folder), made_databases.made(INSTALL, make_postgresql))
        yield made
        made.stop()


def make_postgresql(folder: Path) -> None:
    """Make the files of a server that has `TEMPLATE`."""
    with tempfile.TemporaryDirectory(prefix="hatif-pg-") as elsewhere, ThreadPoolExecutor(1) as thread:
        server = Server(Path(elsewhere))

        async def make() -> None:
            await server.execute(f"CREATE DATABASE {TEMPLATE}")
            await upgrade(server.url(TEMPLATE))

        thread.submit(asyncio.run, make()).result()
        server.stop(crash=False)
        made_databases.copy_tree(server.data, folder)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(made_databases.sqlite(), tmp_path_factory.mktemp("sqlite") / "template.db"))


@pytest_asyncio.fixture
async def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "hatif.db")
    return f"sqlite:///{tmp_path}/hatif.db"


@pytest_asyncio.fixture
async def postgresql_url(server: Server, template: str) -> str:
    name = f"test_{next(NUMBERS)}"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return server.url(name)  # not dropped before the server: that takes as long as creating it


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an upgraded database without rows."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    found: str = request.getfixturevalue("empty_postgresql_url")
    return found


@pytest_asyncio.fixture
async def empty_postgresql_url(server: Server) -> str:
    """The URL of a PostgreSQL database without tables."""
    name = f"empty_{next(NUMBERS)}"
    await server.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    return server.url(name)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten how long a database may be silent, so that the tests need not wait for it."""
    monkeypatch.setattr("db.engine.ANSWER_S", 1.0)
    monkeypatch.setattr("db.engine._MORE_S", 0.5)
    monkeypatch.setattr("db.engine._REACH_S", 1.5)


@pytest.fixture
def between(server: Server) -> Iterator[Relay]:
    """A relay to the tests' PostgreSQL."""
    with relay.relaying(server.data / ".s.PGSQL.5432") as made:
        yield made


@pytest.fixture
def relayed_url(postgresql_url: str, between: Relay) -> str:
    """An upgraded database behind the relay."""
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    return f"postgresql://postgres@127.0.0.1:{between.port}/{name}"


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine for an upgraded database without rows."""
    async with open_engine(url) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a journal, which does not exist yet."""
    return tmp_path / "journal"


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts Python programs with arguments and piped standard output; those still running at the end are killed.

    They are forked from a process that has loaded `db`.
    """
    started: list[Process] = []

    async def begin(program: str, *arguments: object) -> Process:
        process: Process = await forked_programs.start(program, *map(str, arguments))
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()
