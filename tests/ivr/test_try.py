"""`hatif try` and what it is made of: a call without Asterisk, in virtual time, of which nothing is kept."""

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from trial_stage import CONSULATE, NIGHT, OPEN, PIN, REFERENCE, Cabinet, OneFile, nobody_keeps, openings, stage

from db.words import CaseState, Outcome
from ivr import clock
from ivr.call import Call
from ivr.flow.nodes.base import Node
from ivr.trial.caller import KnowingCaller
from ivr.trial.files import SAMPLE_PIN, SAMPLE_REFERENCE, Sample
from ivr.trial.loop import VirtualLoop
from ivr.trial.operators import Rung
from ivr.trial.trial import Course, Scene, Stage, trial
from prompts import catalogue

DUTCH, ENGLISH = "+31612345678", "+447400123456"
HATIF = Path(sys.executable).with_name("hatif")


@dataclasses.dataclass(frozen=True)
class Shell:
    home: Path
    site: Path = CONSULATE

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "HATIF_HOME": str(self.home), "HATIF_SITE": str(self.site), "HATIF_DATABASE": ""}
        return subprocess.run([HATIF, *arguments], capture_output=True, text=True, env=environment, timeout=60)

    def tried(self, *arguments: str) -> dict[str, Any]:
        answer = self.run("try", "--json", *arguments)
        assert (answer.returncode, answer.stderr) == (0, "")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.fixture
def another_site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONSULATE, tmp_path / "site"))


def heard(course: Course, node: str | None = None) -> list[str]:
    """The ids of what he hears, one after the other."""
    hears = [step for step in course.steps if step.kind == "hears" and node in (None, step.node)]
    return [each.prompt for step in hears for each in step.data["clips"]]


def kinds(course: Course) -> list[str]:
    return [step.kind for step in course.steps]


Tries = Callable[..., Course]


@pytest.fixture
def tries() -> Iterator[Tries]:
    """Tries keys on a stage; what is not said is as usual."""

    def one(keys: str, on: Stage | None = None, rung: Rung | None = None, **wishes: Any) -> Course:
        scene = Scene(
            **{
                "caller": ENGLISH,
                "dialled": "+44800212007",
                "at": OPEN,
                "opening": openings()["plan"],
                "files": Cabinet(None),
                "who": lambda wait: rung,
                **wishes,
            }
        )
        return runner.run(trial(on or stage(), scene, lambda asterisk: KnowingCaller(keys, asterisk)))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield one


OPERATOR = Rung("1001", offered_s=8, answers_s=2, talks_s=60)


# The command


def test_each_text_that_the_caller_hears_is_printed_with_its_language_and_node_and_each_key_and_silence(
    shell: Shell,
) -> None:
    answer = shell.run("try", "--from", DUTCH, "5", "-", "1", "-")
    assert (answer.returncode, answer.stderr) == (0, "")
    texts = catalogue.load(CONSULATE)
    lines = answer.stdout.splitlines()
    welcome = next(place for place, line in enumerate(lines) if texts.text("nl", "welcome") in line)  # type: ignore[operator]
    assert lines[welcome].split()[:3] == ["0:00", "welcome", "nl"]
    option = f"{texts.text('nl', 'main_file')} {texts.text('nl', 'press_1')}"
    assert lines[welcome + 1].split()[1:3] == ["main", "nl"]
    assert option in lines[welcome + 1]
    assert lines[welcome + 2].split()[1:] == ["main", "presses", "1"]
    assert any(line.split()[1:] == ["file", "is", "silent"] for line in lines)
    assert lines[-2].startswith("Over after ")
    assert lines[-1].startswith("His way: language > hours > welcome > main > file")


def test_the_document_has_the_steps_the_outcome_and_the_path(shell: Shell) -> None:
    found = shell.tried("--from", DUTCH, "--at", "2026-11-25T10:00", "5 0")
    assert found["to"] == "+31800212002"
    assert found["at"] == "2026-11-25T10:00:00+00:00"
    assert [step["key"] for step in found["steps"] if step["kind"] == "presses"] == ["5", "0"]
    clips = next(step for step in found["steps"] if step["kind"] == "hears")["clips"]
    assert clips[0]["prompt"] == "language_option"
    assert clips[0]["language"] == "nl"
    assert clips[0]["text"] == catalogue.load(CONSULATE).text("nl", "language_option")
    waits = next(step for step in found["steps"] if step["kind"] == "waiting")
    talks = next(step for step in found["steps"] if step["kind"] == "connected")
    over = next(step for step in found["steps"] if step["kind"] == "conversation_ended")
    assert (talks["at"] - waits["at"], over["at"] - talks["at"]) == (pytest.approx(10, abs=0.1), pytest.approx(60))
    assert (found["outcome"], found["ended_by"], found["errors"]) == ("answered", "operator", [])
    assert found["path"][-3:] == ["queue", "survey", "goodbye"]


def test_nothing_is_written_and_the_files_are_those_of_the_database(shell: Shell) -> None:
    assert shell.run("db", "upgrade").returncode == 0
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


def test_without_a_database_there_is_the_one_file_that_the_help_names_and_no_home_is_made(shell: Shell) -> None:
    found = shell.tried("--from", "hidden", "--at", "2026-11-25T10:00", "7", "1", SAMPLE_REFERENCE, SAMPLE_PIN)
    assert "told" in [step.get("result") for step in found["steps"]]
    assert "912-345-676 with the PIN 271828" in found["case_files"]
    help_text = " ".join(shell.run("try", "--help").stdout.split())
    assert "912-345-676 has the PIN 271828" in help_text
    assert not shell.home.exists()


def test_what_is_spoken_in_the_audio_is_heard_where_there_is_audio(shell: Shell) -> None:
    (shell.home / "sounds").mkdir(parents=True)
    audio = {"file": "hatif/nl/welcome-1", "text": "Zoals het is ingesproken.", "source": "recording", "seconds": 2.0}
    (shell.home / "sounds" / "manifest.json").write_text(json.dumps({"nl": {"welcome": audio}}))
    assert "Zoals het is ingesproken." in shell.run("try", "--from", DUTCH, "--at", "2026-11-25T10:00", "5").stdout


def test_a_text_that_is_missing_is_an_error_with_its_place(shell: Shell, another_site: Path) -> None:
    file = another_site / "locale" / "nl" / "LC_MESSAGES" / "hatif.po"
    file.write_text(file.read_text().replace('msgctxt "main_travel"', 'msgctxt "main_other"'))
    answer = Shell(shell.home, another_site).run("try", "--from", DUTCH, "--at", "2026-11-25T10:00", "5")
    assert answer.returncode == 1
    assert answer.stderr == ("There is no text main_travel in nl (main says it): that of en is heard instead.\n")


def test_a_language_that_nobody_speaks_is_noted(shell: Shell, another_site: Path) -> None:
    (another_site / "operators.csv").write_text("id,name,languages,topics,supervisor\n1001,Zoe Laurel,fr:5,,yes\n")
    found = Shell(shell.home, another_site).tried("--from", DUTCH, "--at", "2026-11-25T10:00", "50")
    assert found["outcome"] == "abandoned"
    assert found["notes"] == ["No operator of operators.csv speaks nl: he would wait in vain."]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "31x"), "'31x' is no telephone number; write one such as +31612345678, or hidden."),
        (("--from", DUTCH, "--to", "112"), "'112' is no number of this site; `hatif numbers` lists them."),
        (("--from", DUTCH, "--at", "noon"), "'noon' is no time; write it as 2026-12-24T19:30."),
        (("--from", DUTCH, "--language-of-last-call", "xx"), "'xx' is no language of this site; it has ar, fr, "),
        (("--from", DUTCH, "3a"), "'a' is no key; a key is one of 0 to 9, * and #, a hyphen for a silence, "),
        (("--from", DUTCH, "--nobdy"), "There is no option --nobdy; `hatif try --help` has them all."),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_sentence(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = shell.run("try", *arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert " ".join(answer.stderr.split()).startswith(f"hatif: {sentence}")


# What he does


def test_a_key_cuts_the_prompt_half_a_second_after_it_has_begun(tries: Tries) -> None:
    course = tries("7-2")
    presses = {step.data["key"]: step.at for step in course.steps if step.kind == "presses"}
    begins = {step.node: step.at for step in reversed(course.steps) if step.kind == "hears"}
    assert presses == {"7": pytest.approx(begins["language"] + 0.5), "2": pytest.approx(begins["main"] + 0.5)}


def test_a_silence_lasts_for_a_prompt_and_the_time_for_a_key_after_it(tries: Tries) -> None:
    course = tries("7--2")  # the welcome, then the main menu
    silences = [step.node for step in course.steps if step.kind == "silence"]
    assert silences[0] == "main"
    assert [step.node for step in course.steps if step.kind == "presses"] == ["language", "main"]
    assert heard(course, "main")[-11:-9] == ["help_silence", "main_file"]


def test_who_hangs_up_in_a_menu_has_left_it(tries: Tries) -> None:
    course = tries("7-h")
    assert (course.outcome, course.ended_by, course.path[-1]) == (Outcome.LEFT_MENU, "caller", "main")


def test_a_message_lasts_five_seconds_and_ends_by_the_square_or_by_itself(tries: Tries) -> None:
    by_square, by_itself = tries("741-#1"), tries("741--")
    (seconds,) = (step.data["seconds"] for step in by_square.steps if step.kind == "message")
    assert seconds == 5.0
    assert by_square.outcome == by_itself.outcome == Outcome.MESSAGE
    (longer,) = (step.data["seconds"] for step in by_itself.steps if step.kind == "message")
    assert longer == 5.0 + 8.0  # the silence that ends it


def test_a_silence_for_a_message_says_nothing(tries: Tries) -> None:
    assert "record_empty" in heard(tries("741---"))


def test_who_waits_keeps_his_keys_for_the_survey_and_presses_nine_at_once(tries: Tries) -> None:
    answered, left = tries("704", rung=OPERATOR), tries("7092", rung=OPERATOR)
    assert [step.data["answer"] for step in answered.steps if step.kind == "survey"] == [4]
    assert "connected" not in kinds(left)[: kinds(left).index("language", kinds(left).index("waiting"))]
    assert left.path[-1] != "queue"


def test_without_an_operator_he_hangs_up_after_two_minutes(tries: Tries) -> None:
    course = tries("70")
    waits = next(step.at for step in course.steps if step.kind == "waiting")
    assert course.outcome == Outcome.ABANDONED
    assert course.seconds - waits == pytest.approx(120)


def test_the_conversation_of_one_who_has_agreed_is_recorded(tries: Tries) -> None:
    course = tries("701", stage(records_conversations=True), OPERATOR)
    assert "recorded" in kinds(course)
    assert "recorded" not in kinds(tries("702", stage(records_conversations=True), OPERATOR))


def test_who_has_called_before_is_greeted_in_that_language(tries: Tries) -> None:
    course = tries("1", last_language="fr")
    assert heard(course)[0] == "go_on_in_language"
    assert course.steps[-1].language == "fr"


def test_at_night_he_hears_when_the_line_opens(tries: Tries) -> None:
    course = tries("7", at=NIGHT)
    assert heard(course, "hours") == ["closed", "opens_again", "opens_tomorrow", "at_0800"]


def test_the_clock_of_the_hours_goes_on_during_the_call_and_is_put_back_after_it(tries: Tries) -> None:
    before = clock.now()
    course = tries("7-----", at=datetime(2026, 11, 25, 19, 59, 58, tzinfo=UTC))
    assert [step.data["open"] for step in course.steps if step.kind == "hours"][:2] == [True, False]
    assert 0 <= (clock.now() - before).total_seconds() < 60


def test_three_wrong_codes_lock_the_sample_file_for_the_rest_of_the_trial(tries: Tries) -> None:
    wrong = f"{SAMPLE_REFERENCE}000000"
    course = tries(f"71{wrong}{wrong}{wrong}*1{SAMPLE_REFERENCE}{SAMPLE_PIN}", files=Sample(nobody_keeps()))
    assert [step.data["result"] for step in course.steps if step.kind == "case"] == ["no_match"] * 3 + ["locked"]


def test_a_code_that_is_entered_stands_in_no_record(tries: Tries) -> None:
    course = tries(f"71{REFERENCE}{PIN}", files=Cabinet(OneFile(CaseState.READY)))
    assert "case_state_ready" in heard(course)
    assert PIN not in repr(course.rows)


# What goes wrong


class Broken(Node):
    kind: Literal["broken"] = "broken"

    async def run(self, call: Call, resumed: bool) -> str | None:
        raise LookupError("no such thing")


class Circle(Broken):
    async def run(self, call: Call, resumed: bool) -> str | None:
        return call.state.node


class Mute(Broken):
    async def run(self, call: Call, resumed: bool) -> str | None:
        while True:
            await call.next()


class Busy(Broken):
    async def run(self, call: Call, resumed: bool) -> str | None:
        while True:  # noqa: ASYNC110 - that is what is wrong with it
            await asyncio.sleep(0)


def with_nodes(**nodes: Any) -> Stage:
    there = stage()
    flow = dataclasses.replace(there.version.flow, nodes={**there.version.flow.nodes, **nodes})
    return Stage(there.site, dataclasses.replace(there.version, flow=flow))


def test_a_node_that_fails_is_an_error_with_its_place_although_the_caller_gets_an_operator(tries: Tries) -> None:
    course = tries("7", with_nodes(welcome=Broken()), OPERATOR)
    (error,) = course.errors
    assert error.startswith("welcome could not be done: LookupError: no such thing (tests/ivr/test_try.py:")
    assert course.outcome == Outcome.ANSWERED


def test_two_nodes_that_fail_are_told_and_the_dialplan_has_the_caller(tries: Tries) -> None:
    course = tries("7", with_nodes(welcome=Broken(), queue=Broken()))
    assert len(course.errors) == 3
    assert "the dialplan" in course.errors[-1]


@pytest.mark.parametrize(("node", "what"), [(Circle(), "in a circle"), (Mute(), "not over"), (Busy(), "not over")])
def test_a_call_that_does_not_end_is_told(tries: Tries, node: Node, what: str) -> None:
    course = tries("7", with_nodes(welcome=node))
    (error,) = course.errors
    assert what in error
    assert "it was at welcome" in error
    assert course.outcome is None


def test_a_leg_that_a_call_leaves_behind_is_told(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten(call: Call, leg: str) -> None:
        pass

    monkeypatch.setattr("ivr.waiting.hang_up_leg", forgotten)
    course = tries("70--h", rung=OPERATOR)
    assert any("still there" in error for error in course.errors), course.errors


# The clock


def test_an_hour_of_waiting_takes_no_time_and_comes_in_its_order() -> None:
    async def waits() -> list[str]:
        order: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(after(3600, "late"), after(1800, "early"))
        return order

    began = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(waits()) == ["early", "late"]
        assert runner.get_loop().time() == 3600
    assert time.monotonic() - began < 5


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def works() -> str:
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(time.sleep, 0.2)
            return "done"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(works()) == "done"


def test_a_caller_makes_no_sign_after_the_call_is_over(tries: Tries) -> None:
    course = tries("7" + "-" * 30 + "h", rung=OPERATOR)
    assert course.ended_by != "caller"
    assert kinds(course)[-1] != "hangs_up"
