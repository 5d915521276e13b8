"""Fixtures for all tests: one running line, and telephones for each test."""

import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Set before numpy is imported, here and in what the tests start: its threads busy-wait, and all share two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# No line of the tests makes slow voices in the background, unless a test is about that.
os.environ["HATIF_VOICES"] = "quick"

import compiled_once
import durations
import forked_workers
import properties
import pytest
import read_once
import restore
import side_by_side
import warm_up
from argon2 import PasswordHasher
from line import CACHE, CHECKOUT, Line, running
from offsets import LONE_OFFSET as LONE_OFFSET
from offsets import OFFSET, WORKER

from db import pin_hashes
from ivr.home import credentials
from ivr.model import clock
from ivr.softphone.telephone import Telephones

# Until the tests are collected nothing becomes garbage, and each look for some goes through all that was loaded.
gc.disable()
clock.prepare()
read_once.install()
compiled_once.install()
properties.load()

DURATIONS = CACHE / "durations.json"
FAILED = pytest.StashKey[bool]()


@contextlib.contextmanager
def short_folder(prefix: str) -> Iterator[str]:
    """Yield a folder that is removed at the end, unless HATIF_TEST_KEEP is set to keep logs and database."""
    folder = tempfile.mkdtemp(prefix=prefix)
    yield folder
    if not os.environ.get("HATIF_TEST_KEEP"):
        shutil.rmtree(folder)


@pytest.hookimpl(tryfirst=True)  # before a line is started
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("telephone"):
        side_by_side.restore_priority()


@pytest.fixture(scope="session")
async def shared_line() -> AsyncIterator[Line]:
    """The line that all tests share. A test uses `line`."""
    # The path is short because a socket's path has 107 bytes at most.
    with short_folder("hatif-line-") as folder:
        async with running(Path(folder), OFFSET) as up:
            yield up


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test has failed, for the fixtures that clear up after it."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
async def line(shared_line: Line, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """The shared line for one test. Request it before `telephones`, so that these are closed first.

    Afterwards it must have no calls; its site, the administrator's changes and the operators' states are restored.
    After a test that failed it starts anew.
    """
    before = shared_line.site_files()
    yield shared_line
    restored = False
    try:
        if FAILED not in request.node.stash:
            await shared_line.controller_again()
            shared_line.put_back(before)
            await shared_line.cleared()
            restored = True
    finally:
        if not restored:
            await restore.start_anew(shared_line, before)


@pytest.fixture
async def words(line: Line) -> AsyncIterator[None]:
    """The shared line's prompts are spoken for one test, not short."""
    line.speak(words=True)
    line.control("POST", "/flow/reload")
    yield
    line.speak(words=False)
    line.control("POST", "/flow/reload")


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """PINs are hashed in no time, for tests that are not about how dear that is."""
    cheapest = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(pin_hashes, "_hasher", lambda: cheapest)


@pytest.fixture
def cold_starts(line: Line) -> Iterator[None]:
    """Processes of the shared line start for one test as an administrator's do, not as tests/warm_up.py does it."""
    with line.cold_starts():
        yield


@dataclass(frozen=True)
class RunningAsterisk:
    """The line's Asterisk, for tests of the code that talks to it."""

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
        async with running(Path(folder), LONE_OFFSET, words=True) as up:
            yield up


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by telephone, and sort the files: processes take one after the other, and a long one that starts
    last would keep all waiting."""
    for item in items:
        if {"telephones", "shared_line", "desk_line"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.telephone)
            if not side_by_side.on_a_line(item.path):
                raise pytest.UsageError(f"{item.path}: tests/side_by_side.py does not see that it needs a line")
    known = durations.read_durations(durations.ELSEWHERE) | durations.read_durations(DURATIONS)
    places = {}
    for path in {item.path for item in items}:
        awaits, on_a_line = path.read_text(encoding="utf-8").count("await "), side_by_side.on_a_line(path)
        places[path] = durations.order(known, str(path.relative_to(CHECKOUT)), awaits, on_a_line=on_a_line)
    items.sort(key=lambda item: (*places[item.path], str(item.path)))


def pytest_collection_finish() -> None:
    """Look for garbage from now on, as rarely as the controller does, and not among the five thousand tests."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Give a process that computes beside the telephones its lower priority, and measure whole files side by side."""
    if hasattr(config, "workerinput"):
        side_by_side.lower_priority(WORKER)
    elif getattr(config.option, "numprocesses", None) and not (
        config.option.keyword or config.option.lf or "telephone" in config.option.markexpr
    ):
        config.pluginmanager.register(durations.DurationRecorder(DURATIONS))


@pytest.hookimpl(optionalhook=True)  # without xdist nobody calls it
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    warm_up.share()
    forked_workers.use(specs, config.args)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> side_by_side.SideBySide:
    return side_by_side.SideBySide(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured and only report, such as the longest silence that a caller heard."""
    stated = [entry for report in terminalreporter.getreports("passed") for entry in report.user_properties]
    if stated:
        terminalreporter.section("measured")
        for what, value in stated:
            terminalreporter.write_line(f"{what}: {value}")
