"""`hatif try` for people and programs: a call is tried without Asterisk, and nothing of it is stored."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import shell as shells
from trial_stage import CONSULATE

from ivr.trial.case_files import SAMPLE_PIN, SAMPLE_REFERENCE
from prompts import catalogue

DUTCH, ENGLISH = "+31612345678", "+447400123456"
WHEN_OPEN = "2026-11-25T10:00"


class Shell(shells.Shell):
    def tried(self, *arguments: str) -> dict[str, Any]:
        answer = self.run("try", "--json", *arguments)
        assert (answer.returncode, answer.stderr) == (0, "")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home", CONSULATE)


@pytest.fixture
def another_site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONSULATE, tmp_path / "site"))


def test_every_text_key_and_silence_is_printed_with_its_language_and_node(
    shell: Shell,
) -> None:
    answer = shell.run("try", "--from", DUTCH, "--at", WHEN_OPEN, "5", "-", "1", "-")
    assert (answer.returncode, answer.stderr) == (0, "")
    texts = catalogue.load(CONSULATE)
    lines = answer.stdout.splitlines()
    welcome = next(place for place, line in enumerate(lines) if "  welcome  " in line)
    assert lines[welcome].split()[1:3] == ["welcome", "nl"]
    assert lines[welcome].endswith(str(texts.text("nl", "institution")))
    option = f"{texts.text('nl', 'main_file')} {texts.text('nl', 'key_1')}"
    assert lines[welcome + 2].split()[1:3] == ["main", "nl"]
    assert option in lines[welcome + 2]
    assert lines[welcome + 3].split()[1:] == ["main", "presses", "1"]
    assert any(line.split()[1:] == ["file", "is", "silent"] for line in lines)
    assert lines[-2].startswith("Over after ")
    assert lines[-1].startswith("Path: language > welcome > hours > main > file")


def test_the_document_has_the_steps_the_outcome_and_the_path(shell: Shell) -> None:
    found = shell.tried("--from", DUTCH, "--at", "2026-11-25T10:00", "5 0")
    assert found["to"] == "+31800212002"
    assert found["at"] == "2026-11-25T10:00:00+00:00"
    assert [step["key"] for step in found["steps"] if step["kind"] == "presses"] == ["5", "0"]
    clips = next(step for step in found["steps"] if step["kind"] == "hears")["clips"]
    assert [(clip["prompt"], clip["language"]) for clip in clips] == [("institution", "ar"), ("institution", "fr")]
    assert clips[1]["text"] == catalogue.load(CONSULATE).text("fr", "institution")
    waits = next(step for step in found["steps"] if step["kind"] == "waiting")
    talks = next(step for step in found["steps"] if step["kind"] == "connected")
    over = next(step for step in found["steps"] if step["kind"] == "conversation_ended")
    # Plus the time that Asterisk takes to end a leg.
    lasted = (talks["at"] - waits["at"], over["at"] - talks["at"])
    assert lasted == (pytest.approx(10, abs=0.1), pytest.approx(60, abs=0.1))
    assert (found["outcome"], found["ended_by"], found["errors"]) == ("answered", "operator", [])
    assert found["path"][-3:] == ["queue", "survey", "goodbye"]


def test_nothing_is_written_and_case_files_come_from_the_database(shell: Shell) -> None:
    shell.make_database()
    opened = shell.run(
        "case", "open", "--topic", "file", "--language", "en", "--country", "GB", "--title", "Passport", "--json"
    )
    assert opened.returncode == 0, opened.stderr
    file = json.loads(opened.stdout)
    before = contents(shell.home)
    right = shell.tried("--from", ENGLISH, "--at", "2026-11-25T10:00", "7", "1", file["reference"], file["pin"])
    wrong = shell.tried("--from", ENGLISH, "--at", "2026-11-25T10:00", "7", "1", file["reference"], "000000", "41")
    assert contents(shell.home) == before
    assert {"case_state_open", "case_no_match"} == {
        clip["prompt"]
        for found in (right, wrong)
        for step in found["steps"]
        if step["kind"] == "hears"
        for clip in step["clips"]
        if clip["prompt"] in ("case_state_open", "case_no_match")
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_database_there_is_one_sample_file_and_no_home_is_created(shell: Shell) -> None:
    found = shell.tried("--from", "hidden", "--at", "2026-11-25T10:00", "7", "1", SAMPLE_REFERENCE, SAMPLE_PIN)
    assert "told" in [step.get("result") for step in found["steps"]]
    assert "912-345-676 with the PIN 271828" in found["case_files"]
    help_text = " ".join(shell.run("try", "--help").stdout.split())
    assert "912-345-676 has the PIN 271828" in help_text
    assert not shell.home.exists()


def test_the_text_spoken_in_existing_audio_is_printed(shell: Shell) -> None:
    (shell.home / "sounds").mkdir(parents=True)
    audio = {
        "file": "hatif/nl/institution-1",
        "text": "Zoals ingesproken.",
        "source": "recording",
        "seconds": 2.0,
    }
    (shell.home / "sounds" / "manifest.json").write_text(json.dumps({"nl": {"institution": audio}}))
    assert "Zoals ingesproken." in shell.run("try", "--from", DUTCH, "--at", "2026-11-25T10:00", "5").stdout


def test_a_missing_text_is_an_error_with_its_place(shell: Shell, another_site: Path) -> None:
    file = another_site / "locale" / "nl" / "LC_MESSAGES" / "hatif.po"
    file.write_text(file.read_text().replace('msgctxt "main_urgent"', 'msgctxt "main_other"'))
    answer = Shell(shell.home, another_site).run("try", "--from", DUTCH, "--at", "2026-11-25T10:00", "5")
    assert answer.returncode == 1
    assert answer.stderr == ("There is no text main_urgent in nl (used by main): callers hear that of en.\n")


def test_a_language_without_an_operator_is_reported(shell: Shell, another_site: Path) -> None:
    (another_site / "operators.csv").write_text("id,name,languages,topics,supervisor\n1001,Zoe Laurel,fr:5,,yes\n")
    found = Shell(shell.home, another_site).tried("--from", DUTCH, "--at", "2026-11-25T10:00", "50")
    assert found["outcome"] == "abandoned"
    assert found["notes"] == ["No operator of operators.csv speaks nl: the caller would wait in vain."]


def test_a_mistake_in_the_list_of_operators_is_reported_before_the_call(shell: Shell, another_site: Path) -> None:
    operators = another_site / "operators.csv"
    operators.write_text("id,name,languages,topics,supervisor\n1001,Zoe Laurel,xx:5,,yes\n")
    answer = Shell(shell.home, another_site).run("try", "--from", DUTCH, "--at", WHEN_OPEN, "5h")
    assert (answer.returncode, answer.stdout) == (1, "")
    (sentence,) = answer.stderr.splitlines()
    assert sentence.startswith(
        f"hatif: {operators}:2: E_OPERATOR_ROW the language 'xx' is not one of the site's; write one of ar, "
    )


def test_an_operator_is_found_by_language_and_by_topic(shell: Shell, another_site: Path) -> None:
    rows = "1001,Zoe Laurel,nl:5,travel,no\n1002,Zoe Linden,nl:1,file documents,yes\n1003,Zoe Larch,fr:5,,no\n"
    (another_site / "operators.csv").write_text(f"id,name,languages,topics,supervisor\n{rows}")
    found = Shell(shell.home, another_site).tried("--from", DUTCH, "--at", "2026-11-25T10:00", "520")
    assert [step["operator"] for step in found["steps"] if step["kind"] == "connected"] == ["1002"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "31x"), "'31x' is not a telephone number; write one such as +31612345678, or hidden."),
        (("--from", DUTCH, "--to", "112"), "'112' is not a number of this site; `hatif numbers` lists them."),
        (("--from", DUTCH, "--at", "noon"), "--at 'noon' is not a time; write it as 2026-12-24T19:30."),
        (("--from", DUTCH, "--language-of-last-call", "xx"), "'xx' is not a language of this site; it has ar, fr, "),
        (("--from", DUTCH, "3a"), "'a' is not a key; a key is one of 0 to 9, * and #, a hyphen for a silence, "),
        (("--from", DUTCH, "--nobdy"), "There is no option --nobdy; `hatif try --help` lists them."),
    ],
)
def test_an_impossible_trial_is_refused_in_one_sentence(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = shell.run("try", *arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert " ".join(answer.stderr.split()).startswith(f"hatif: {sentence}")
