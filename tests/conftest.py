"""Fixtures that all tests share: one running line, and telephones for each test."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

# Before numpy is imported, here and in what the tests start: its threads wait busily, and the others share two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from line import Line, running

from ivr.home import credentials
from ivr.model import clock
from ivr.softphone.telephone import Telephones

clock.prepare()

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

OFFSET = int(os.environ.get("HATIF_TEST_OFFSET", "2000")) + 10_000 * (WORKER // 2) + 2000 * (WORKER % 2)
"""Of all ports of the line, for each of the processes that run tests side by side; `HATIF_TEST_OFFSET` moves all.

The next 1000 are a lone line's. No two lines are 5000 apart: the one's SIP port would be one of the other's for sound.
"""


@contextlib.contextmanager
def short_folder(prefix: str) -> Iterator[str]:
    """Removed at the end, unless HATIF_TEST_KEEP is set: then one can look at the logs and the database."""
    folder = tempfile.mkdtemp(prefix=prefix)
    yield folder
    if not os.environ.get("HATIF_TEST_KEEP"):
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def shared_line() -> AsyncIterator[Line]:
    """The line that all tests share. A test asks for `line`."""
    # Short: a socket's path has 107 bytes at most.
    with short_folder("hatif-line-") as folder:
        async with running(Path(folder), OFFSET) as up:
            yield up


@pytest.fixture
async def line(shared_line: Line) -> AsyncIterator[Line]:
    """The shared line for one test, which asks for it before `telephones`: these are closed first then.

    Afterwards nobody may be left on it; its site, what its administrator has said and its operators' states are put
    back.
    """
    before = shared_line.site_files()
    yield shared_line
    try:
        await shared_line.controller_again()
        shared_line.put_back(before)
    finally:
        await shared_line.cleared()


@dataclass(frozen=True)
class RunningAsterisk:
    """The line's Asterisk, for tests of what speaks to it."""

    etc: Path
    ami_port: int
    ami_user: str
    ami_password: str


@pytest.fixture
def asterisk(line: Line) -> RunningAsterisk:
    secrets = credentials.load(line.home, ())
    etc = line.home / "asterisk" / "etc"
    return RunningAsterisk(etc, 5038 + line.offset, secrets.ami_user, secrets.ami_password)


@pytest.fixture
async def telephones() -> AsyncIterator[Telephones]:
    async with Telephones() as open_telephones:
        yield open_telephones


@pytest.fixture
async def lone_line(telephones: Telephones) -> AsyncIterator[Line]:
    """A line of its own for one test, which may change its audio, or stop its controller for good."""
    with short_folder("hatif-lone-") as folder:
        async with running(Path(folder), OFFSET + 1000) as up:
            yield up


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files: those with telephones first, the longest before the others, then those that only compute.

    Workers take one file after the other, so all would wait for a long file that starts last. The number of `await` in
    a file is a good estimate of its duration: each stands for about a second, measured.
    """
    real = {item.path for item in items if {"telephones", "shared_line"} & set(getattr(item, "fixturenames", ()))}
    awaits = {path: path.read_text(encoding="utf-8").count("await ") for path in {item.path for item in items}}
    items.sort(key=lambda item: (item.path not in real, -awaits[item.path], str(item.path)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have measured and only state, such as the longest silence that a caller heard."""
    stated = [each for report in terminalreporter.getreports("passed") for each in report.user_properties]
    if stated:
        terminalreporter.section("measured")
        for what, value in stated:
            terminalreporter.write_line(f"{what}: {value}")
