"""`hatif audit`, and the ids by which a supervision outlives a controller."""

import json
from pathlib import Path
from typing import Any

import pytest
from shell import Shell
from snapshots import snapshot

from ivr.asterisk.ari.events import Channel
from ivr.codes import spy_channel as spies
from ivr.codes.spy_channel import TELLING, Mode

LEG = "01a215cb-0afd-7725-b718-6ffadb912909"
CALL = "01a215c1-8a2e-75b6-8399-67f6fcde4906"
SUPERVISOR = "node1-1795661959.2"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.make_database()
    return made


def put(shell: Shell, seq: int, act: str, *, call: str | None = CALL, reason: str | None = None, **data: str) -> None:
    shell.database(
        "INSERT INTO audit (node, boot, seq, at, by, act, about, call_id, reason, data) VALUES (?,?,?,?,?,?,?,?,?,?)",
        "node1", "01a215c18a2e75b6839967f6fcde4906", seq, f"2026-11-26 10:00:{seq:02}", "1901", act, "operator:1002",
        call and call.replace("-", ""), reason, json.dumps(data),
    )  # fmt: skip


def rows(shell: Shell) -> list[dict[str, Any]]:
    answer = shell.run("audit", "--json")
    assert answer.returncode == 0, answer.stderr
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def test_the_audit_lists_supervisions_with_beginning_and_end_newest_first(shell: Shell) -> None:
    put(shell, 1, "listen", supervision="a", mode="listen")
    put(shell, 2, "listen", supervision="b", mode="listen")
    put(shell, 3, "join", supervision="a", mode="join")
    put(shell, 4, "supervision_ended", reason="supervisor", supervision="a", mode="join")
    put(shell, 5, "supervision_refused", call=None, reason="self", supervision="c", mode="listen")
    put(shell, 6, "announce_off", call=None)
    found = rows(shell)
    assert [(row["act"], row["at"][17:19], (row["until"] or "")[17:19], row["reason"]) for row in found] == [
        ("announce_off", "06", "", None),
        ("supervision_refused", "05", "", "self"),
        ("join", "03", "04", "supervisor"),
        ("listen", "02", "", None),
        ("listen", "01", "03", None),
    ]
    assert (found[2]["by"], found[2]["about"], found[2]["call"]) == ("1901", "operator:1002", CALL)
    output = [" ".join(line.split()) for line in shell.run("audit").stdout.splitlines()]
    assert output[4] == f"2026-11-26 10:00:03 2026-11-26 10:00:04 1901 join operator:1002 {CALL} supervisor"


def test_an_end_that_nobody_saw_is_at_the_latest_that_of_the_call(shell: Shell) -> None:
    put(shell, 1, "whisper", supervision="a", mode="whisper")
    assert rows(shell)[0]["until"] is None
    shell.database(
        "INSERT INTO call (id, node, started, ended, live) VALUES (?, 'node1', ?, ?, 1)",
        CALL.replace("-", ""), "2026-11-26 09:59:00", "2026-11-26 10:01:30",
    )  # fmt: skip
    assert rows(shell)[0]["until"].startswith("2026-11-26T10:01:30")


def test_an_audit_without_records_says_so(shell: Shell) -> None:
    assert shell.run("audit").stdout == "Audit: none\n"


def channel(identity: str) -> Channel:
    return snapshot(identity, name="Snoop/x")


@pytest.mark.parametrize("mode", [*Mode, TELLING])
def test_a_spying_channel_says_by_its_id_whom_it_hears_for_whom_and_how(mode: str) -> None:
    made = spies.new_spy(mode, LEG, SUPERVISOR)
    assert spies.spy_of(made.id) == made
    assert (made.leg, made.supervisor, made.mode) == (LEG, SUPERVISOR, mode)
    assert len(made.id) < 149  # Asterisk cuts the rest off
    assert spies.new_spy(mode, LEG, SUPERVISOR).id != made.id


@pytest.mark.parametrize("identity", ["", "supervision", f"supervision.shout.1.{LEG}.{SUPERVISOR}", LEG, SUPERVISOR])
def test_another_channel_is_no_spy(identity: str) -> None:
    assert spies.spy_of(identity) is None


def test_a_spy_without_its_supervisor_is_left_over() -> None:
    mine, other = spies.new_spy(Mode.JOIN, LEG, SUPERVISOR), spies.new_spy(Mode.LISTEN, LEG, "node1-1795661959.7")
    up = [channel(name) for name in (SUPERVISOR, LEG, mine.id, other.id)]
    assert spies.find_left_over(up, {SUPERVISOR}) == [other]
