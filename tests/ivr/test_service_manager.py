"""What our processes tell systemd, whose rights they have, and how their lines look in its journal."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snapshots import snapshot

from cli.processes.journal import keep_alive_while_delivering
from db.delivery_state import write_heartbeat
from ivr.asterisk.ari.operations import Request
from ivr.controller import liveness
from ivr.home import pid_lock
from ivr.home.service_manager import ServiceManager
from ivr.process import guard, own_user, process
from ivr.process.own_user import RootError, refuse_root
from ivr.process.process import processes, unit_of
from ivr.site import site
from ivr.site.sip import Sip

EXAMPLE = Path(__file__).parents[2] / "sites" / "consulate"

LOGGING = """
import logging, sys
from pathlib import Path
import structlog
from ivr.home import logs
logs.configure("rabat-1", Path(sys.argv[1]))
structlog.get_logger().error("broken", call="a")
structlog.get_logger().info("two\\nlines")
logging.getLogger("library").warning("warned")
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(5)
        yield found


def test_a_process_says_once_that_it_is_ready_then_that_it_lives(receiver: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": receiver.getsockname()})
    manager.alive("Waits for Asterisk")
    manager.alive("Waits for Asterisk")
    manager.alive("Serves calls")
    first, second, third = (receiver.recv(1000).decode() for _ in range(3))
    assert first == "WATCHDOG=1\nREADY=1\nSTATUS=Waits for Asterisk"
    assert (second, third) == ("WATCHDOG=1", "WATCHDOG=1\nSTATUS=Serves calls")


async def test_a_deliverer_that_hangs_does_not_say_that_it_lives(
    receiver: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", receiver.getsockname())
    monkeypatch.setattr("cli.processes.journal.DELIVERER_HANGS_S", 0.5)
    telling = asyncio.create_task(keep_alive_while_delivering(tmp_path, ServiceManager(), each_s=0.1))
    await asyncio.to_thread(receiver.recv, 1000)  # it has just begun

    def silence() -> bool:
        receiver.settimeout(1)
        with suppress(TimeoutError):
            while receiver.recv(1000):
                pass
        return True

    assert await asyncio.to_thread(silence)  # the loop runs, but nothing was delivered
    write_heartbeat(tmp_path, 1, 0, None)
    receiver.settimeout(5)
    assert b"WATCHDOG=1" in await asyncio.to_thread(receiver.recv, 1000)
    telling.cancel()


def test_an_abstract_socket_works_and_a_missing_one_harms_nobody() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = f"hatif-test-{os.getpid()}"
        receiver.bind(f"\0{name}")
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).alive()
        assert receiver.recv(1000) == b"WATCHDOG=1\nREADY=1"
    ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).alive()
    ServiceManager({"NOTIFY_SOCKET": "/nowhere"}).alive()
    ServiceManager({}).alive()


def test_what_systemd_did_not_take_is_said_again(tmp_path: Path) -> None:
    """Otherwise a service whose one READY=1 met a full queue would never count as started, and be ended for it."""
    address = str(tmp_path / "notify")
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    manager.alive("Serves calls")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        manager.alive("Serves calls")
        assert receiver.recv(1000) == b"WATCHDOG=1\nREADY=1\nSTATUS=Serves calls"


async def test_a_process_keeps_telling_that_its_loop_runs(receiver: socket.socket) -> None:
    task = asyncio.create_task(ServiceManager({"NOTIFY_SOCKET": receiver.getsockname()}).keep_alive())
    for _ in range(2):
        assert b"WATCHDOG=1" in await asyncio.to_thread(receiver.recv, 1000)
    task.cancel()


async def test_a_controller_without_asterisk_is_ready_after_a_while_and_says_what_it_waits_for(
    receiver: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", receiver.getsockname())
    monkeypatch.setattr(liveness, "READY_S", 0.7)
    serves = False
    began = time.monotonic()
    beating = asyncio.create_task(liveness.Liveness(tmp_path / "lives", tmp_path / "serves", lambda: serves).run())
    assert await asyncio.to_thread(receiver.recv, 1000) == b"WATCHDOG=1\nREADY=1\nSTATUS=Waits for Asterisk"
    assert time.monotonic() - began > 0.7
    assert (tmp_path / "lives").exists() and not (tmp_path / "serves").exists()
    serves = True
    assert await asyncio.to_thread(receiver.recv, 1000) == b"WATCHDOG=1\nSTATUS=Serves calls"
    assert (tmp_path / "serves").exists()
    beating.cancel()


async def test_the_guard_lives_while_it_gives_back_many_callers(receiver: socket.socket, tmp_path: Path) -> None:
    """Each takes a while with a slow Asterisk: together longer than the guard's watchdog waits."""
    callers = [snapshot(f"caller-{number}", "hatif,call,+33800212000") for number in range(3)]
    asked = []

    async def ask(http: object, request: Request) -> list[dict[str, Any]]:
        asked.append(request)
        return []

    async def is_recording(http: object, channel: object) -> bool:
        return False

    mine = SimpleNamespace(
        _systemd=ServiceManager({"NOTIFY_SOCKET": receiver.getsockname()}),
        _settings=SimpleNamespace(serves=tmp_path / "never"),
        _ask=ask,
        _is_recording=is_recording,
        _given=set(),
        counts=Counter(),
    )
    await guard.Guard._give_back(mine, None, callers, {}, (), None)  # type: ignore[arg-type]
    assert mine.counts["channels_taken"] == len(asked) == 3
    assert [b"WATCHDOG=1" in receiver.recv(1000) for _ in callers] == [True] * 3


def test_lines_for_the_journal_begin_with_their_priority_and_have_no_time(tmp_path: Path) -> None:
    program = [sys.executable, "-c", LOGGING, str(tmp_path)]
    with (tmp_path / "lines").open("w+") as file:
        found = os.fstat(file.fileno())
        journal = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        subprocess.run(program, stderr=file, env=journal, timeout=30, check=True)
        file.seek(0)
        lines = file.read().splitlines()
    assert lines[0] == "<3>level=error event=broken call=a node=rabat-1"
    assert [line[:3] for line in lines] == ["<3>", "<6>", "<4>"]
    elsewhere = subprocess.run(program, capture_output=True, text=True, env=journal, timeout=30, check=True).stderr
    assert elsewhere.startswith("timestamp=")  # its standard error is not the journal


def test_root_may_serve_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(own_user, "_uid_map", lambda: "         0          0 4294967295\n")
    loaded = site.load(EXAMPLE)
    refuse_root(loaded)
    with pytest.raises(RootError, match=r"\(sip_bind = 0\.0\.0\.0 in site\.toml\) as root: run it as"):
        refuse_root(loaded.model_copy(update={"sip_bind": "0.0.0.0"}))
    with pytest.raises(RootError, match="bind_ipv6 of"):
        refuse_root(loaded.model_copy(update={"sip": Sip(bind_ipv6="::")}))
    desk = loaded.desk.model_copy(update={"enabled": True, "listen": "192.0.2.7"})
    with pytest.raises(RootError, match="listen of"):
        refuse_root(loaded.model_copy(update={"desk": desk}))
    refuse_root(loaded.model_copy(update={"desk": desk.model_copy(update={"enabled": False})}))


def test_other_users_and_root_of_a_rootless_container_may_serve_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = site.load(EXAMPLE).model_copy(update={"sip_bind": "0.0.0.0"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    refuse_root(open_to_all)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(own_user, "_uid_map", lambda: " 0 1000 1\n 1 100000 65536\n")
    refuse_root(open_to_all)


def test_the_unit_of_a_process_is_read_from_its_control_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    monkeypatch.setattr(process, "Path", lambda name: groups)
    for text, unit in (
        ("0::/system.slice/hatif-ivr.service\n", "hatif-ivr.service"),
        ("1:name=systemd:/system.slice/hatif-guard.service/sub\n0::/\n", "hatif-guard.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("0::/system.slice/not-hatif-ivr.service\n", None),
    ):
        groups.write_text(text)
        assert unit_of(1) == unit


def test_a_process_that_systemd_started_holds_its_pid_file_until_it_ends(tmp_path: Path) -> None:
    """Also after it has become another program, as Asterisk's does."""
    code = (
        "import os, sys; from pathlib import Path; from ivr.home import pid_lock;"
        "pid_lock.hold(Path(sys.argv[1]), 'asterisk', inherit=True);"
        "os.execv('/bin/cat', ['cat'])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(b"now it is cat\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"now it is cat\n"
        pid_lock.hold(tmp_path, "asterisk")  # another process, which does not get it
        found = processes(tmp_path)["asterisk"]
        assert (found.pid, found.alive) == (child.pid, True)
        child.stdin.close()
    assert not any(info.alive for info in processes(tmp_path).values())
