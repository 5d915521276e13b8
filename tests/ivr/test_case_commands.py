"""`hatif case` and `hatif cases` without any other process: their answers, what they store, and what they refuse."""

import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from shell import Answer, command
from shell import Shell as AnyShell

from db import pin_hashes
from db.case_rows import change_rows
from db.journal import Journal
from db.references import is_valid
from ivr.home import credentials

NEXT_YEAR = date.today().year + 1  # noqa: DTZ011 - any day ahead will do
OPEN = ("open", "--topic", "file", "--language", "ar", "--country", "fr", "--title", "First passport")


class Shell(AnyShell):
    def case(self, *arguments: str) -> Answer:
        answer = self.run("case", *arguments)
        assert answer.returncode == 0, answer.stderr
        assert answer.stderr == ""
        return answer

    def refused(self, *arguments: str) -> str:
        answer = self.run("case", *arguments)
        assert answer.returncode == 1, answer.stdout
        assert answer.stdout == ""
        assert len(answer.stderr.splitlines()) == 1
        return answer.stderr.removeprefix("hatif: ").strip()

    def opened(self, *more: str) -> tuple[str, str]:
        """Open a file; return its reference and PIN."""
        found = json.loads(self.case(*OPEN, *more, "--json").stdout)
        return found["reference"], found["pin"]

    def shown(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.case("show", reference, "--json").stdout)
        return found


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("home"))
    made.make_database()
    credentials.load(made.home, ())  # as the first start makes them
    return made


def test_opening_a_file_prints_a_readable_reference_and_a_pin_that_is_shown_once(shell: Shell) -> None:
    output = shell.case(*OPEN, "--caller", "0033 6 12 34 56 78", "--post", "Lyon").stdout
    found = re.search(r"Reference ([0-9]{3}-[0-9]{3}-[0-9]{3}), PIN ([0-9]{6})\.", output)
    assert found
    assert is_valid(found[1])
    file = shell.shown(found[1])
    assert file["reference"] == found[1].replace("-", "")
    assert (file["kind"], file["state"], file["topic"], file["title"]) == (
        "procedure",
        "open",
        "file",
        "First passport",
    )
    assert (file["language"], file["country"], file["caller"]) == ("ar", "FR", "+33612345678")
    assert (file["post"], file["pin"], file["pin_failures"]) == ("Lyon", True, 0)
    assert found[2] not in json.dumps(file)
    assert found[1].replace("-", "") in shell.run("cases").stdout


def test_only_the_hash_of_a_pin_is_stored(shell: Shell) -> None:
    reference, former = shell.opened()
    again = json.loads(shell.case("pin", reference, "--json").stdout)["pin"]
    assert again != former
    for path in shell.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert former.encode() not in content
            assert again.encode() not in content


def test_each_file_gets_a_reference_reserved_in_the_database(shell: Shell) -> None:
    first, second = shell.opened()[0], shell.opened()[0]
    reserved = {reference for (reference,) in shell.database("SELECT reference FROM case_reference")}
    assert first != second
    assert {first, second} <= reserved


def test_a_case_opened_without_database_and_stock_does_not_replace_another_case(
    shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    before = shell.opened()[0]
    (shell.home / "case_references").unlink(missing_ok=True)
    database, away = shell.home / "hatif.db", shell.home / "away.db"
    database.rename(away)
    try:
        answer = shell.run("case", *OPEN, "--title", "While it was away", "--json")
    finally:
        away.rename(database)
    assert answer.returncode == 0, answer.stderr
    assert "drawn without a reservation" in caplog.text
    during, after = json.loads(answer.stdout)["reference"], shell.opened()[0]  # which delivers the journal
    assert len({before, during, after}) == 3
    assert shell.shown(before)["title"] == "First passport"
    assert shell.shown(during)["title"] == "While it was away"


def test_each_change_of_a_file_is_a_note_and_an_audit_record(shell: Shell) -> None:
    reference, _ = shell.opened()
    expected, due = f"{NEXT_YEAR}-01-15", f"{NEXT_YEAR}-02-01"
    output = shell.case(
        "set", reference, "--state", "incomplete", "--missing", "photograph, fee", "--expected", expected,
        "--owner", "1001", "--due", due, "--post", "Lyon",
    ).stdout  # fmt: skip
    assert "state open → incomplete" in output
    file = shell.shown(reference)
    assert (file["state"], file["missing"], file["expected"]) == ("incomplete", "photograph,fee", expected)
    assert (file["owner"], file["post"]) == ("1001", "Lyon")
    assert file["due"].startswith(f"{due}T")  # the end of that day in Rabat
    assert file["changed"] is not None
    assert file["closed"] is None
    changed = json.loads(shell.case("set", reference, "--missing", "none", "--owner", "none", "--json").stdout)
    assert changed["changes"] == {"missing": ["photograph,fee", None], "owner": ["1001", None]}
    file = shell.shown(reference)
    assert (file["missing"], file["owner"], file["expected"]) == (None, None, expected)
    texts = [note["text"] for note in file["notes"]]
    assert len(texts) == 3
    assert "state: open → incomplete" in texts[1]
    assert "missing: photograph,fee → none" in texts[2]
    assert acts(shell, reference) == ["case_opened", "case_changed", "case_changed"]


def acts(shell: Shell, reference: str) -> list[str]:
    statement = "SELECT act FROM audit WHERE about = ? AND act != 'read_case' ORDER BY at"
    return [act for (act,) in shell.database(statement, f"case:{reference}")]


def test_a_change_is_of_the_case_as_it_is_with_what_a_controller_left_in_the_journal(shell: Shell) -> None:
    reference, _ = shell.opened()
    journal = Journal(shell.home / "journal", "node1", checked=False)
    for table, columns in change_rows({"reference": reference}, {"state": "incomplete"}, "1002", datetime.now(UTC)):
        journal.put(table, **columns)
    journal.close()
    assert "state incomplete → open" in shell.case("set", reference, "--state", "open").stdout
    assert shell.shown(reference)["state"] == "open"


def test_a_change_of_a_version_is_refused_if_the_case_was_changed_meanwhile(shell: Shell) -> None:
    reference, _ = shell.opened()
    seen = shell.shown(reference)["version"]
    shell.case("set", reference, "--owner", "1002", "--version", seen)
    said = shell.refused("set", reference, "--owner", "1003", "--version", seen)
    assert "was changed meanwhile" in said and "`hatif case show" in said
    now = shell.shown(reference)
    assert now["owner"] == "1002" and now["version"] != seen
    shell.case("set", reference, "--owner", "1003", "--version", now["version"])
    assert shell.shown(reference)["owner"] == "1003"


def test_setting_a_column_to_its_present_value_is_not_a_change(shell: Shell) -> None:
    reference, _ = shell.opened()
    assert "no change" in shell.case("set", reference, "--state", "open").stdout
    assert acts(shell, reference) == ["case_opened"]
    assert shell.shown(reference)["changed"] is None


def test_a_file_is_closed_with_a_reason_and_can_be_reopened(shell: Shell) -> None:
    reference, _ = shell.opened()
    shell.case("close", reference, "--why", "withdrawn by the applicant")
    file = shell.shown(reference)
    assert file["state"] == "closed"
    assert file["closed"] == file["changed"] is not None
    assert file["notes"][-1]["text"] == "state: open → closed. withdrawn by the applicant"
    shell.case("set", reference, "--state", "in_progress")
    assert shell.shown(reference)["closed"] is None


def test_a_complaint_that_turns_out_to_be_a_suggestion_is_sorted_as_one(shell: Shell) -> None:
    reference, _ = shell.opened()
    assert "kind procedure → suggestion" in shell.case("set", reference, "--kind", "suggestion").stdout
    assert shell.shown(reference)["kind"] == "suggestion"


def test_a_note_is_stored_with_its_author(shell: Shell) -> None:
    reference, _ = shell.opened()
    shell.case("note", reference, "The applicant comes on Monday.")
    note = shell.shown(reference)["notes"][-1]
    assert note["text"] == "The applicant comes on Monday."
    assert note["author"]
    assert "The applicant comes on Monday." in shell.case("show", reference).stdout


def test_a_new_pin_unlocks_the_file(shell: Shell) -> None:
    reference, former = shell.opened()
    locked = "pin_failures = 5, pin_locked_until = '2099-01-01 00:00:00.000000'"
    shell.database(f"UPDATE case_file SET {locked} WHERE reference = ?", reference)
    assert shell.shown(reference)["pin_failures"] == 5
    shell.case("pin", reference)
    file = shell.shown(reference)
    assert (file["pin_failures"], file["pin_locked_until"]) == (0, None)
    ((kept,),) = shell.database("SELECT pin_hash FROM case_file WHERE reference = ?", reference)
    assert not pin_hashes.matches(former, kept, credentials.load(shell.home, ()).pin_pepper)


def test_cases_are_filtered_by_state_owner_and_due_date(shell: Shell) -> None:
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011
    late, ready, closed = (shell.opened()[0] for _ in range(3))
    shell.case("set", late, "--due", f"{yesterday}T12:00", "--owner", "1002")
    shell.case("set", ready, "--state", "ready", "--due", f"{NEXT_YEAR}-01-01")
    shell.case("set", closed, "--state", "closed", "--due", f"{yesterday}T12:00")

    def listed(*filters: str) -> set[str]:
        rows = json.loads(shell.run("cases", "--last", "100", *filters, "--json").stdout)
        return {row["reference"] for row in rows}

    assert listed("--overdue") == {late}
    assert ready in listed("--state", "ready")
    assert late not in listed("--state", "ready")
    assert listed("--owner", "1002") == {late}
    assert {late, ready, closed} <= listed()


def test_a_case_has_its_applicants_name_and_is_found_by_it(shell: Shell) -> None:
    reference = json.loads(shell.case(*OPEN, "--applicant", "Zoé Clover-Müller", "--json").stdout)["reference"]
    found = json.loads(shell.run("cases", "--applicant", "muller zoe", "--json").stdout)
    assert [(case["reference"], case["applicant"]) for case in found] == [(reference, "Zoé Clover-Müller")]
    assert "applicant → none" not in shell.case("set", reference, "--applicant", "none").stdout
    assert shell.shown(reference)["applicant"] is None
    assert json.loads(shell.run("cases", "--applicant", "muller zoe", "--json").stdout) == []


def test_a_post_is_written_the_same_way_when_a_file_is_opened_and_when_it_is_changed(shell: Shell) -> None:
    opened = [json.loads(shell.case(*OPEN, "--post", post, "--json").stdout) for post in (" Lyon ", "none")]
    assert [file["post"] for file in opened] == ["Lyon", None]
    output = shell.case("set", opened[0]["reference"], "--post", " Lyon ").stdout
    assert output.endswith(": no change.\n")
    assert [shell.shown(file["reference"])["post"] for file in opened] == ["Lyon", None]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "100-010-012"), "100-010-012 has a wrong check digit"),
        (("show", "12345"), "'12345' is not a reference; write its nine digits"),
        (("show", "900010010"), "no case has the reference '900010010'"),
        (("set", "{}",), "nothing to change; give --state"),
        (("set", "{}", "--state", "lost"), "'lost' is not a state; write one of open, in_progress"),
        (("set", "{}", "--kind", "none"), "'none' is not a kind; write one of enquiry, procedure"),
        (("set", "{}", "--missing", "moustache"), "write one of photograph, birth_record"),
        (("set", "{}", "--missing", ","), "is not a word of this site for a missing document"),
        (("set", "{}", "--expected", "2027-02-30"), "'2027-02-30' is not a date; write it as 2027-01-15"),
        (("set", "{}", "--expected", "2020-01-15"), "2020-01-15 is in the past"),
        (("set", "{}", "--due", "soon"), "'soon' is not a date"),
        (("set", "{}", "--owner", "4711"), "there is no operator '4711'"),
        (("note", "{}", "  "), "the note is empty"),
        ((*OPEN[:4], "xx", *OPEN[5:]), "'xx' is not a language of this site; write one of ar, fr"),
        ((*OPEN[:6], "France", *OPEN[7:]), "'France' is not a country; write its two letters"),
        ((*OPEN, "--caller", "0612345678"), "'0612345678' is not a telephone number; write it with its country"),
        ((*OPEN, "--kind", "wish"), "'wish' is not a kind; write one of enquiry, procedure"),
        ((*OPEN[:2], "Any Topic", *OPEN[3:]), "'Any Topic' is not a topic"),
    ],
)  # fmt: skip
def test_invalid_input_is_refused_with_a_sentence_that_says_what_would_be_right(
    shell: Shell, one: str, arguments: tuple[str, ...], sentence: str
) -> None:
    before = shell.run("cases", "--last", "100", "--json").stdout
    assert sentence in shell.refused(*(argument.format(one) for argument in arguments))
    assert shell.run("cases", "--last", "100", "--json").stdout == before


@pytest.fixture(scope="module")
def one(shell: Shell) -> str:
    return shell.opened()[0]


def test_the_help_lists_the_words_for_missing_items(shell: Shell) -> None:
    output = " ".join(shell.case("set", "--help").stdout.split())
    assert "--missing: photograph, birth_record, marriage_record" in output


def test_a_change_of_a_version_is_kept_while_the_database_is_away_and_says_so(shell: Shell, tmp_path: Path) -> None:
    reference, _ = shell.opened()
    seen = shell.shown(reference)["version"]
    away = {
        "HATIF_HOME": str(shell.home),
        "HATIF_PORT_OFFSET": "19000",
        "HATIF_DATABASE": f"sqlite:///{tmp_path}/no/such/folder/hatif.db",
    }
    without = command(("case", "set", reference, "--owner", "1002"), os.environ | away)
    assert without.returncode == 1 and "cannot be opened" in without.stderr, "nobody knows what it is based on"
    answer = command(("case", "set", reference, "--owner", "1002", "--version", seen), os.environ | away)
    assert answer.returncode == 0, answer.stderr
    assert "it is in the journal, but not in the database yet" in answer.stderr
    shell.opened()  # delivers it
    file = shell.shown(reference)
    assert (file["owner"], file["version"]) == ("1002", "2")
    assert "is not a version" in shell.refused("set", reference, "--owner", "1003", "--version", "3f2a90c1d4e5b678")


def test_a_change_while_the_database_is_away_is_delivered_later(shell: Shell, tmp_path: Path) -> None:
    away = {
        "HATIF_HOME": str(shell.home),
        "HATIF_PORT_OFFSET": "19000",
        "HATIF_DATABASE": f"sqlite:///{tmp_path}/no/such/folder/hatif.db",
    }
    answer = command(("case", *OPEN, "--json"), os.environ | away)
    assert answer.returncode == 0
    reference = json.loads(answer.stdout)["reference"]
    assert "it is in the journal, but not in the database yet" in answer.stderr
    assert "cannot be opened" in answer.stderr
    assert "Traceback" not in answer.stderr
    shell.opened()  # the next command delivers the earlier change too
    assert shell.shown(reference)["title"] == "First passport"
