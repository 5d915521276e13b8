"""`hatif monitor` answers with what `hatif status` says, at most every five seconds anew, and to nobody else's name."""

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from example_facts import facts

from cli.monitoring.facts import Facts
from cli.monitoring.server import FRESH_S, Monitor, MonitorServer
from cli.processes.check import Check
from ivr.home import process_counts

CLOSED = Check("controller", False, True, "not connected to Asterisk", "see log/ivr.log")
SLOW = Check("journal", False, False, "9 records wait", "calls are served meanwhile")


@dataclass
class Line:
    """What is read of a line, and how often."""

    told: Facts | Exception
    now: float = 0.0
    reads: list[float] = field(default_factory=list)

    def read(self) -> Facts:
        self.reads.append(self.now)
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@contextmanager
def serving(line: Line) -> Iterator[int]:
    """Yield the port of a monitor of this line."""
    with MonitorServer("127.0.0.1", 0, Monitor(line.read, lambda: line.now)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def get(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"Host": host} if host is not None else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def health(port: int, path: str = "/health") -> tuple[int, Any]:
    status, text = get(port, path)
    return status, json.loads(text)


def test_a_line_that_serves_calls_is_healthy() -> None:
    with serving(Line(facts())) as port:
        assert health(port) == (200, {"live": True, "ready": True, "reasons": [], "warnings": []})
        assert health(port, "/health/ready")[0] == 200
        status, text = get(port, "/metrics")
    assert status == 200 and "\nhatif_serves 1.0\n" in text


def test_a_line_that_does_not_serve_says_why_and_is_alive_all_the_same() -> None:
    with serving(Line(facts(CLOSED, SLOW))) as port:
        status, document = health(port)
        assert status == 503 and not document["ready"]
        assert document["reasons"] == ["controller: not connected to Asterisk; see log/ivr.log"]
        assert document["warnings"] == ["journal: 9 records wait; calls are served meanwhile"]
        assert health(port, "/health/live") == (200, {"live": True})
        assert get(port, "/metrics")[0] == 200


def test_a_warning_alone_leaves_the_line_ready() -> None:
    with serving(Line(facts(SLOW))) as port:
        assert health(port)[0] == 200


def test_asking_often_reads_once_in_five_seconds() -> None:
    line = Line(facts())
    with serving(line) as port:
        for _ in range(5):
            get(port, "/metrics")
            get(port, "/health")
        assert line.reads == [0.0]
        line.now = FRESH_S + 0.1
        get(port, "/health")
        assert line.reads == [0.0, FRESH_S + 0.1]


def test_a_state_that_cannot_be_read_is_an_answer_and_the_next_question_asks_again() -> None:
    line = Line(OSError("the disk is gone"))
    with serving(line) as port:
        status, document = health(port)
        assert status == 503 and "the disk is gone" in document["reasons"][0]
        line.told = facts()
        assert health(port)[0] == 200


def test_other_paths_methods_and_names_get_nothing() -> None:
    line = Line(facts())
    with serving(line) as port:
        assert get(port, "/")[0] == 404 and get(port, "/metrics/../secrets.json")[0] == 404
        assert get(port, "/metrics", method="POST")[0] == 501
        assert get(port, "/metrics", host="evil.example")[0] == 421
        assert get(port, "/metrics", host=f"localhost:{port}")[0] == 200


def test_a_client_that_says_nothing_holds_up_nobody() -> None:
    with serving(Line(facts())) as port, socket.create_connection(("127.0.0.1", port)):
        assert get(port, "/health/live")[0] == 200


def test_counts_are_those_of_the_process_that_runs_now(tmp_path: Path) -> None:
    process_counts.write(tmp_path, "guard", {"channels_taken": 3})
    assert process_counts.read(tmp_path, "guard", os.getpid()) == {"channels_taken": 3.0}
    assert process_counts.read(tmp_path, "guard", os.getpid() + 1) == {}
    (tmp_path / "guard.counts").write_text("[1]")
    assert process_counts.read(tmp_path, "guard", os.getpid()) == {}
    assert process_counts.read(tmp_path, "desk", 1) == {}


def test_ages_that_a_process_wrote_grow_while_it_writes_no_others(tmp_path: Path) -> None:
    """As those of a process that is stopped (SIGSTOP)."""
    process_counts.write(tmp_path, "desk", {"picture_age_s": 2.0, "browsers": 3})
    file = tmp_path / "desk.counts"
    written = json.loads(file.read_bytes())
    file.write_text(json.dumps({**written, "at": written["at"] - 60}))
    counts = process_counts.read(tmp_path, "desk", os.getpid())
    assert counts["browsers"] == 3 and 62 <= counts["picture_age_s"] < 70


def test_counts_that_fail_once_are_written_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_counts, "EVERY_S", 0.01)
    asked, is_written = 0, threading.Event()

    def counts() -> dict[str, float]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise KeyError("a part that is not there yet")
        if asked > 2:
            is_written.set()
        return {"browsers": 1}

    process_counts.keep_writing(tmp_path, "desk", counts)
    assert is_written.wait(5) and process_counts.read(tmp_path, "desk", os.getpid()) == {"browsers": 1}
