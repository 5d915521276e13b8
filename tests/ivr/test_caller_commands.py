"""`hatif caller` without other processes: an erased number stays erased, and the audit says who erased it."""

import asyncio
import getpass
import json
from pathlib import Path

import pytest
from shell import Shell

from cli.composition import account
from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from ivr.model import clock

NUMBER = "+33619000051"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An installation whose database remembers the number, and whose journal is delivered."""
    made = Shell(tmp_path)
    made.make_database()
    called(made)
    deliver(made)
    return made


def called(shell: Shell) -> None:
    """Write what a controller writes about a call from the number."""
    journal = Journal(shell.home / "journal", "node1")
    journal.put("caller", number=NUMBER, language="es", last_called=clock.now())
    journal.close()


def deliver(shell: Shell) -> None:
    asyncio.run(deliver_all(shell.home / "journal", f"sqlite:///{shell.home / 'hatif.db'}"))


def test_the_audit_says_who_had_a_number_erased_but_not_which_number(shell: Shell) -> None:
    assert json.loads(shell.run("caller", "show", NUMBER, "--json").stdout)["language"] == "es"
    assert shell.run("caller", "erase", NUMBER).returncode == 0
    ((by, entry),) = shell.database(
        "SELECT by, act || coalesce(about, '') || coalesce(reason, '') || data FROM audit WHERE act = 'caller_erased'"
    )
    assert by == account()
    assert NUMBER.lstrip("+") not in entry
    refused = " ".join(shell.run("caller", "show", NUMBER).stderr.split())
    assert "is not remembered: it was erased" in refused and account() in refused


def test_a_number_is_forgotten_in_any_writing_also_what_an_older_version_remembers(shell: Shell) -> None:
    """Such as what was still in its journal when the database was upgraded."""
    journal = Journal(shell.home / "journal", "node1")
    for written in ("0033619000051", "33619000051", "0619000051", "+33619000052"):
        journal.put("caller", number=written, language="es", last_called=clock.now())
    journal.close()
    deliver(shell)
    refused = shell.run("caller", "erase", "0619000053")
    assert refused.returncode == 1 and "has never called" in refused.stderr
    assert shell.run("caller", "erase", "06 19 00 00 51").stdout == f"{NUMBER}: erased.\n"
    assert shell.database("SELECT number FROM caller") == [("+33619000052",)]
    assert "is not a telephone number" in shell.run("caller", "erase", "abc123").stderr


@pytest.mark.parametrize("written", ["٠٦ ١٩ ٠٠ ٠٠ ٥١", "+۳۳۶۱۹۰۰۰۰۵۱", "＋３３６１９００００５１"])
def test_a_number_may_be_named_in_arabic_persian_and_wide_digits(shell: Shell, written: str) -> None:
    assert shell.run("caller", "erase", written).stdout == f"{NUMBER}: erased.\n"


def test_a_number_is_not_forgotten_while_the_journal_could_bring_it_back(shell: Shell) -> None:
    called(shell)
    refused = shell.run("caller", "erase", NUMBER)
    assert refused.returncode == 1
    sentence = f"{NUMBER} was left as it is: 1 journal records are not in the database yet"
    assert sentence in refused.stderr
    assert "Deliver them" in refused.stderr
    assert shell.run("caller", "show", NUMBER).returncode == 0
    deliver(shell)
    assert shell.run("caller", "erase", NUMBER).returncode == 0
    deliver(shell)
    assert shell.run("caller", "show", NUMBER).returncode == 1


def test_an_erased_caller_is_not_called_back_unless_that_call_is_under_way(shell: Shell) -> None:
    journal = Journal(shell.home / "journal", "node1")
    requests = [uuid7() for _ in range(2)]
    for request in requests:
        journal.put("callback", id=request, kind="closed", number=NUMBER, wished=clock.now(), due=clock.now())
    journal.close()
    deliver(shell)
    rings = "UPDATE callback SET state = ?, claimed_node = ?, claimed_boot = ? WHERE id = ?"
    shell.database(rings, "ringing_caller", "node7", requests[0].hex, requests[0].hex)
    refused = shell.run("caller", "erase", NUMBER)
    assert refused.returncode == 1
    errors = " ".join(refused.stderr.split())
    assert f"{NUMBER} was not erased: it is being called back at this moment (ringing_caller" in errors
    assert "node7" in errors and "--node-gone" in errors
    assert json.loads(shell.run("caller", "show", NUMBER, "--json").stdout)["language"] == "es"
    assert {row["state"] for row in json.loads(shell.run("callbacks", "--json").stdout)} == {"ringing_caller", "wished"}

    shell.database(rings, "wished", None, None, requests[0].hex)
    answer = shell.run("caller", "erase", NUMBER)
    assert answer.returncode == 0
    assert answer.stdout == f"{NUMBER}: erased. Call-back requests cancelled: 2.\n"
    rows = json.loads(shell.run("callbacks", "--json").stdout)
    assert [(row["state"], row["reason"]) for row in rows] == [("cancelled", "the number was forgotten")] * 2
    assert "Nothing is known about" in shell.run("caller", "erase", NUMBER).stderr


def test_an_account_without_a_name_is_the_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    assert account() == getpass.getuser()
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert account() == "administrator"
