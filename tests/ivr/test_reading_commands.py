"""Commands that show what is known of callers leave a record, by the machine's user; others say why they do not."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main
from shell import Shell
from test_caller_commands import deliver

from cli.composition import account
from cli.main import COMMANDS, command_line
from cli.on_record import REASON
from db.delivery_state import write_heartbeat
from db.ids import uuid7
from db.journal import Journal
from db.references import make_reference
from ivr.model import clock

NUMBER, NAME, REFERENCE = "+33619000051", "Nadia Fern", make_reference(1, 17)
CALL, MESSAGE = uuid7(), uuid7()

RECORDED = {
    "calls": (("calls",), "read_list", "list:calls"),
    "calls --csv": (("calls", "--csv", "--number", NUMBER), "read_export", "export:calls"),
    "call": (("call", str(CALL)), "read_call", f"call:{CALL}"),
    "cases": (("cases",), "read_search", None),
    "case show": (("case", "show", REFERENCE), "read_case", f"case:{REFERENCE}"),
    "messages": (("messages",), "read_list", "list:messages"),
    "message hear": (("message", "hear", str(MESSAGE)), "read_message", f"message:{MESSAGE}"),
    "callbacks": (("callbacks",), "read_list", "list:callbacks"),
    "caller show": (("caller", "show", NUMBER), "read_caller", None),
    "caller export": (("caller", "export", NUMBER, "--out", "{out}"), "read_export", "export:caller"),
    "audit": (("audit",), "read_list", "list:audit"),
    "backup": (("backup", "{out}.hatif.tar", "--without-asterisk"), "read_export", "export:backup"),
}
"""By command: an example of it, and its record."""

BY_THE_LINE = {
    "waiting": "asks the controller: `read_list` of list:waiting (test_guide.py)",
    "operators": "`--watch` shows with whom they talk: `read_list` of list:floor (test_operators_watch.py)",
    "db copy": "`read_export` of export:database (test_db_copy.py)",
}
"""Commands with a record of which no example runs here."""

CHANGES = {
    "case open", "case set", "case note", "case close", "case pin", "caller erase", "callbacks add", "callbacks take",
    "callbacks cancel", "message take", "message release", "message done", "waiting take",
    "waiting release", "waiting sent",
}  # fmt: skip
"""They show what they change, which is in the audit by itself."""

WITHOUT = {
    "status": "counts of calls", "health": "checks", "report": "sums, which name no caller", "simulate": "sums",
    "restore": "prints counts", "data expire": "prints counts", "db upgrade": "changes tables",
    "db downgrade": "changes tables", "guide": "the guide's texts", "roster": "operators", "numbers": "the line's own",
    "try": "a call without a line", "bans": "addresses", "bans lift": "addresses", "speech messages": "a process",
}  # fmt: skip
"""Commands that come near callers' data, and why they have no record."""

NOTHING_OF_CALLERS = (
    "setup", "up", "ivr", "journal", "guard", "monitor", "drain", "reload", "restart", "check", "firewall", "desk",
    "gate", "hear", "asterisk", "systemd", "site", "operators ", "hours", "flow", "prompts", "dialplan", "pjsip",
    "carriers", "speech", "accounts", "walls", "existing",
)  # fmt: skip
"""Processes, the site's files, telephones and accounts; with all commands below them."""


def commands() -> Iterator[str]:
    def below(command: Any, words: tuple[str, ...]) -> Iterator[str]:
        subcommands = getattr(command, "commands", {})
        if words and (not subcommands or getattr(command, "invoke_without_command", False)):
            yield " ".join(words)
        for name, inner in subcommands.items():
            yield from below(inner, (*words, name))

    return below(typer.main.get_command(command_line(*COMMANDS)), ())


def test_every_command_has_a_record_or_a_reason_why_it_has_none() -> None:
    known = {*RECORDED, *BY_THE_LINE, *CHANGES, *WITHOUT}
    left = {
        command
        for command in commands()
        if command not in known and not any(f"{command} ".startswith(f"{name.strip()} ") for name in NOTHING_OF_CALLERS)
    }
    assert left == set(), "does it show what is known of callers? Put it on record (cli/on_record.py), or say why"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("home"))
    made.make_database()
    journal, now = Journal(made.home / "journal", "node1"), clock.now()
    journal.put("call", id=CALL, caller=NUMBER, started=now, ended=now, outcome="answered", live=True)
    journal.put("caller", number=NUMBER, language="fr", last_called=now, last_call_id=CALL)
    journal.put("callback", id=uuid7(), kind="closed", number=NUMBER, wished=now, due=now)
    journal.put("message", id=MESSAGE, call_id=CALL, caller=NUMBER, file="messages/x.wav", at=now, heard=now,
                heard_by="1002")  # fmt: skip
    journal.put("case_file", reference=REFERENCE, kind="procedure", opened=now, caller=NUMBER, applicant=NAME,
                applicant_folded="nadia fern", title="Passport", state="open")  # fmt: skip
    journal.put("audit", by="1002", act="read_search", data={"terms": NAME, "cases": [REFERENCE]})
    digits = {"file": "6-part-1-of-9, 2000-05-01T00:00"}  # those of the number, among others
    journal.put("audit", by="1009", act="read_export", about="export:report", data=digits)
    journal.close()
    deliver(made)
    return made


def traces(shell: Shell) -> list[Any]:
    return shell.database("SELECT by, act, about, reason, data FROM audit ORDER BY at, seq")


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_command_shows_of_callers_is_on_record(shell: Shell, name: str, tmp_path: Path) -> None:
    arguments, act, about = RECORDED[name]
    before = traces(shell)
    answer = shell.run(*(argument.format(out=tmp_path / "out") for argument in arguments))
    assert answer.returncode == 0, answer.stderr
    deliver(shell)  # a backup leaves the journal as it is
    (trace,) = [row for row in traces(shell) if row not in before]
    assert trace[:4] == (account(), act, about, REASON)


def test_who_has_seen_a_callers_file_is_answered_with_commands_and_with_what_it_cannot_say(
    shell: Shell,
) -> None:
    shell.run("case", "show", REFERENCE)
    shell.run("calls", "--number", "06 19 00 00 51")
    shell.run("cases", "--applicant", "fern")
    answer = shell.run("audit", "--caller", NUMBER)
    assert "lists are recorded without whom they named" in answer.stderr
    rows = json.loads(shell.run("audit", "--caller", NUMBER, "--json").stdout)
    acts = {(row["by"], row["act"]) for row in rows}
    me = account()
    assert {("1002", "read_search"), (me, "read_search"), (me, "read_case"), (me, "read_list")} <= acts
    assert "1009" not in {by for by, _ in acts}, "other digits are not the number"


def test_of_a_number_that_nobody_knows_nothing_is_written_down(shell: Shell) -> None:
    before = traces(shell)
    shell.run("calls", "--number", "+33619000099")
    shell.run("caller", "show", "+33619000099")
    assert traces(shell) == before


def test_what_cannot_be_put_on_record_is_not_shown_but_a_backup_is_made(shell: Shell, tmp_path: Path) -> None:
    journal = shell.home / "journal"
    aside = journal.rename(shell.home / "aside")
    journal.write_text("")  # no folder: nothing can be written
    try:
        for arguments in (("calls",), ("case", "show", REFERENCE), ("caller", "show", NUMBER)):
            answer = shell.run(*arguments)
            assert answer.returncode == 1 and NUMBER not in answer.stdout, answer.stdout
            assert "Nothing is shown" in answer.stderr
        saved = shell.run("backup", str(tmp_path / "b.hatif.tar"), "--without-asterisk")
        assert "is not in the audit" in saved.stderr
    finally:
        journal.unlink()
        aside.rename(journal)


@pytest.mark.parametrize(("ago_s", "waits"), [(12, True), (60, False)])
def test_a_command_leaves_its_record_to_a_process_that_waits_for_the_database(
    shell: Shell, ago_s: int, waits: bool
) -> None:
    """Or it would wait for a dead database once more; a process that is gone is not relied on."""
    folder, before = shell.home / "journal", len(traces(shell))
    write_heartbeat(folder, 0, 0, "it does not answer")
    state = folder / "deliver.json"
    kept = json.loads(state.read_bytes())
    state.write_text(json.dumps({**kept, "at": (clock.now() - timedelta(seconds=ago_s)).isoformat()}))
    try:
        assert shell.run("case", "show", REFERENCE).returncode == 0
        assert (len(traces(shell)) == before) == waits
    finally:
        state.unlink()
    deliver(shell)
    assert len(traces(shell)) == before + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_into_the_journal_belongs_to_the_lines_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    journal = Journal(tmp_path, "node1")
    journal.put("audit", by="root", act="read_list", data={})
    journal.close()
    (file,) = tmp_path.glob("*.jsonl")
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (65534, 0o600)
