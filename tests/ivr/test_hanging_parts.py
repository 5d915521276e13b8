"""Whatever hangs, `hatif status`, `hatif health` and the monitor say so within seconds."""

# Seconds are printed.
# ruff: noqa: T201

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import small_site
from asked import DIRECT, HATIF
from db_helpers import is_count, until
from offsets import LONE_OFFSET as OFFSET
from relay import Mode, Relay

from cli.processes.at_once import ask_all
from db.delivery_state import heartbeat
from db.ids import uuid7
from db.journal import Journal
from db.tables import Call

pytest_plugins = ["db_fixtures"]

"""Of a lone line: a file before this one may have left the shared line on its ports."""


@contextlib.contextmanager
def silent(*ports: int) -> Iterator[list[int]]:
    """Listen on ports of loopback and never say a word, as programs do that are stopped; return them."""
    with contextlib.ExitStack() as stack:
        found = []
        for port in ports:
            listening = stack.enter_context(socket.socket())
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(64)
            found.append(listening.getsockname()[1])
        yield found


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of commands beside a line of which everything hangs: controller, Asterisk and database."""
    site = small_site.make(tmp_path / "site")
    with silent(8070 + OFFSET, 5038 + OFFSET, 0) as (_, _, database):
        yield os.environ | {
            "HATIF_HOME": str(tmp_path / "home"),
            "HATIF_SITE": str(site.folder),
            "HATIF_PORT_OFFSET": str(OFFSET),
            "HATIF_DATABASE": f"postgresql://nobody@127.0.0.1:{database}/hatif",
        }


def answer_of(environment: dict[str, str], *command: str) -> tuple[dict[str, Any], float]:
    """Return the document that a command prints, and after how many seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [HATIF, *command, "--json"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return json.loads(done.stdout or "{}"), time.monotonic() - began


def test_status_and_health_answer_at_once_though_everything_hangs(hanging: dict[str, str]) -> None:
    answer_of(hanging, "status")  # makes the secrets
    document, seconds = answer_of(hanging, "status")
    print(f"\nhatif status: {seconds:.1f} s")
    checks = {check["name"]: check for check in document["checks"]}
    for name in ("controller", "asterisk"):
        assert "did not answer within 2 s" in checks[name]["found"] and checks[name]["fatal"], checks[name]
        assert "the guard ends" in checks[name]["remedy"]
    assert "does not answer in time" in checks["journal"]["found"] or "did not answer" in checks["journal"]["found"]
    assert seconds < 8

    document, seconds = answer_of(hanging, "health")
    print(f"hatif health: {seconds:.1f} s")
    found = {check["name"]: check["found"] for check in document["parts"]}
    assert not {"controller", "asterisk", "journal", "database"} - found.keys()
    assert "not answer" in found["database"] and seconds < 8


def test_the_monitor_answers_health_checks_though_everything_hangs(hanging: dict[str, str]) -> None:
    Path(hanging["HATIF_HOME"]).mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([HATIF, "monitor"], env=hanging, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            began = time.monotonic()
            try:
                DIRECT.open(f"http://127.0.0.1:{8071 + OFFSET}/health", timeout=10)
            except OSError as error:
                if getattr(error, "code", None) == 503:
                    document = json.loads(error.read())  # type: ignore[attr-defined]  # of an HTTPError
                    break
                assert time.monotonic() < deadline and process.poll() is None, error
                time.sleep(0.1)
        print(f"\n/health: {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began < 8
        reasons = " ".join(document["reasons"])
        assert not document["ready"] and "controller: it did not answer" in reasons, document
        assert "asterisk: it did not answer" in reasons
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("command", [("calls",), ("db", "upgrade")])
def test_commands_say_that_a_silent_database_does_not_answer(hanging: dict[str, str], command: tuple[str, ...]) -> None:
    began = time.monotonic()
    done = subprocess.run([HATIF, *command], env=hanging, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "does not answer in time: see the server's log" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr and time.monotonic() - began < 20


@pytest.mark.long
async def test_the_deliverer_goes_on_by_itself_after_forty_seconds_of_silence(
    relayed_url: str, postgresql_url: str, between: Relay, tmp_path: Path
) -> None:
    """As it was met: 1,912 records were still waiting afterwards, until somebody killed it."""
    home, site = tmp_path / "home", small_site.make(tmp_path / "site")
    environment = os.environ | {
        "HATIF_HOME": str(home),
        "HATIF_SITE": str(site.folder),
        "HATIF_PORT_OFFSET": str(OFFSET),
        "HATIF_DATABASE": relayed_url,
    }
    journal = Journal(home / "journal", "node1")
    log = tmp_path / "journal.log"
    with log.open("wb") as written:
        process = subprocess.Popen([HATIF, "journal"], env=environment, stderr=written)  # noqa: ASYNC220 - at once
    try:
        journal.put("call", id=uuid7(), started=datetime.now(UTC))
        await until(lambda: is_count(postgresql_url, Call, 1), 30)
        between.mode = Mode.DROP
        for _ in range(1912):
            journal.put("call", id=uuid7(), started=datetime.now(UTC))
            await asyncio.sleep(0.02)  # 40 s in all
        assert "journal delivery is waiting" in log.read_text() and "does not answer in time" in log.read_text()
        beat = heartbeat(home / "journal")
        assert beat is not None and beat.away is not None and datetime.now(UTC) - beat.at < timedelta(seconds=30)
        between.mode = Mode.PASS
        began = time.monotonic()
        await until(lambda: is_count(postgresql_url, Call, 1913), 60)
        print(f"\nall delivered {time.monotonic() - began:.1f} s after the silence")
    finally:
        process.terminate()
        process.wait(10)
        journal.close()


def test_what_is_asked_at_once_is_not_waited_for_beyond_the_limit() -> None:
    wait = threading.Event()
    began = time.monotonic()
    answers = ask_all({"quick": lambda: 1, "hangs": wait.wait, "also": lambda: wait.wait(20)}, 0.3)
    wait.set()
    assert answers == {"quick": 1} and time.monotonic() - began < 5
    with pytest.raises(ZeroDivisionError):
        ask_all({"quick": lambda: 1, "fails": lambda: 1 // 0}, 5)
