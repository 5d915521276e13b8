"""`hatif report` beside a desk: the desk's process makes the report, or the command makes the same one itself."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from forked_programs import QuickStarts
from made_year import stored_year
from shell import Answer, Shell, command

from cli.report import ask_desk
from desk.report import making
from desk.report.door import ReportDoor
from desk.report.making import ReportMaker
from desk.settings import DeskSettings
from reports.exchange import Asked, socket_in
from reports.job import Job, Result
from reports.request import make_request

pytest_plugins = ["db_fixtures"]

PERIOD = ("--from", "2026-01-01", "--to", "2026-10-31")


class CountedMaker(ReportMaker):
    """Counts what it made."""

    made = 0

    async def make(self, job: Job) -> bytes:
        result = await super().make(job)
        self.made += 1
        return result


class Home(Shell):
    """An installation with a year of calls, and a desk that makes its reports."""

    maker: CountedMaker
    door: asyncio.Task[None]

    async def report(self, *arguments: str) -> Answer:
        answer = await asyncio.to_thread(self.run, "report", *PERIOD, *arguments)
        assert answer.returncode == 0, answer.stderr
        return answer

    @property
    def socket(self) -> Path:
        return socket_in(self.home / "run")


@pytest_asyncio.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    monkeypatch.setattr(making, "sys", QuickStarts())
    made = Home(tmp_path)
    url = f"sqlite:///{shutil.copy(stored_year(), tmp_path / 'hatif.db')}"
    made.maker = CountedMaker(url)
    settings = DeskSettings("Africa/Casablanca", ("fr",), url, 0, "", home=tmp_path)
    made.door = asyncio.create_task(ReportDoor(made.maker, settings).run())
    await until_served(made.socket)
    yield made
    made.door.cancel()
    await asyncio.wait({made.door})


async def until_served(path: Path) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_unix_connection(path)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def test_the_desk_makes_what_the_command_would_make_itself(home: Home, tmp_path: Path) -> None:
    wanted = [
        ("--by", "day,language", "--json"),
        ("--by", "topic,language", "--tests"),
        ("--by", "country", "--csv", "--separator", ";", "--bom"),
        ("--within", "5", "--picture", str(tmp_path / "picture.svg"), "--language", "ar"),
    ]

    async def answers() -> list[str]:
        found = [(await home.report(*arguments)).stdout for arguments in wanted]
        return [*found, (tmp_path / "picture.svg").read_text()]

    by_desk = await answers()
    assert home.maker.made == len(wanted)
    home.door.cancel()
    await asyncio.wait({home.door})
    again = await answers()
    for one, other in zip(by_desk, again, strict=True):
        assert one.splitlines() == other.splitlines()
    assert home.maker.made == len(wanted)
    assert json.loads(by_desk[0])["total"]["calls"] > 200


async def test_a_report_that_the_desk_makes_loads_no_database_package(home: Home) -> None:
    program = "import sys; from cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    environment = os.environ | {"HATIF_HOME": str(home.home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": ""}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "report", *PERIOD, "--json",
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await running.communicate()
    assert json.loads(output)["total"]["calls"] > 200 and home.maker.made == 1
    loaded = {*errors.decode().split()}
    assert "reports.exchange" in loaded and {"sqlalchemy", "numpy"} & loaded == set()


async def test_the_socket_is_for_the_lines_user_alone_and_a_second_desk_replaces_a_dead_ones(home: Home) -> None:
    assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
    home.door.cancel()
    await asyncio.wait({home.door})
    home.socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket))
    await home.report("--by", "language")
    assert home.maker.made == 0
    settings = DeskSettings("Africa/Casablanca", ("fr",), f"sqlite:///{home.home}/hatif.db", 0, "", home=home.home)
    home.door = asyncio.create_task(ReportDoor(home.maker, settings).run())
    await until_served(home.socket)
    await home.report("--by", "language")
    assert home.maker.made == 1


async def test_a_report_of_another_database_is_not_the_desks(home: Home, sqlite_template: Path) -> None:
    other = shutil.copy(sqlite_template, home.home / "other.db")
    environment = os.environ | {"HATIF_HOME": str(home.home), "HATIF_DATABASE": f"sqlite:///{other}"}
    answer = await asyncio.to_thread(command, ("report", *PERIOD), environment)
    assert "The database has no calls yet" in answer.stdout
    assert home.maker.made == 0


async def test_what_is_no_request_is_not_answered_and_harms_nobody(home: Home) -> None:
    job = Job(
        make_request("day", date(2026, 1, 1), None, ZoneInfo("UTC"), datetime(2026, 6, 1, tzinfo=UTC)), (Result.CSV,)
    )
    good = json.loads(Asked.of(job, f"sqlite:///{home.home}/hatif.db").encode())
    changes: list[dict[str, Any]] = [
        {"format": 0}, {"database": 5}, {"job": []}, {"job": good["job"] | {"results": ["exe"]}},
        {"job": good["job"] | {"request": {"by": "weather"}}}, {"job": good["job"] | {"names": {"of": 1}}},
    ]  # fmt: skip
    wrong = [b"\n", b"[]\n", b"null\n", b"{}\n", b"\xff\n", b"x" * 100_000 + b"\n", b"[" * 60_000 + b"\n"]
    wrong += [json.dumps(good | change).encode() + b"\n" for change in changes]
    for line in wrong:
        reader, writer = await asyncio.open_unix_connection(home.socket)
        writer.write(line)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b"", line
        writer.close()
    await home.report()
    assert home.maker.made == 1


async def test_a_desk_that_hangs_or_fails_does_not_hold_up_a_report(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.maker, "_longest_s", 0.01)  # it gives up, as where others keep it busy
    with_desk = await home.report("--csv")
    home.door.cancel()
    await asyncio.wait({home.door})
    home.socket.unlink(missing_ok=True)
    monkeypatch.setattr(ask_desk, "_AT_ONCE_S", 0.1)
    with socket.socket(socket.AF_UNIX) as suspended:
        suspended.bind(str(home.socket))
        suspended.listen()
        assert (await home.report("--csv")).stdout == with_desk.stdout
    assert with_desk.stdout and home.maker.made == 0
