"""Calls without Asterisk in virtual time: what a caller can do, errors, and the clock."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from trial_stage import NIGHT, OPEN, PIN, REFERENCE, Cabinet, OneFile, nobody_keeps, openings, stage

from db.enums import CaseState, Outcome
from ivr.call.call import Call
from ivr.call.node import Node
from ivr.flow.nodes.record import Record
from ivr.model import clock
from ivr.talk.conversation import Conversation
from ivr.trial.caller import ScriptedCaller
from ivr.trial.case_files import SAMPLE_PIN, SAMPLE_REFERENCE, SampleCaseFile
from ivr.trial.loop import VirtualLoop
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Scenario, Stage, TrialResult, trial

ENGLISH = "+447400123456"


def heard(result: TrialResult, node: str | None = None) -> list[str]:
    """Return the ids of the texts that the caller hears, in order."""
    hears = [step for step in result.steps if step.kind == "hears" and node in (None, step.node)]
    return [clip.prompt for step in hears for clip in step.data["clips"]]


def kinds(result: TrialResult) -> list[str]:
    return [step.kind for step in result.steps]


def with_nodes(**nodes: Any) -> Stage:
    there = stage()
    flow = dataclasses.replace(there.version.flow, nodes={**there.version.flow.nodes, **nodes})
    return Stage(there.site, dataclasses.replace(there.version, flow=flow))


Tries = Callable[..., TrialResult]


@pytest.fixture
def tries() -> Iterator[Tries]:
    """Return a function that tries keys on a stage; everything not given is as usual."""

    def one(keys: str, on: Stage | None = None, script: OperatorScript | None = None, **scenario: Any) -> TrialResult:
        scene = Scenario(
            **{
                "caller": ENGLISH,
                "dialled": "+44800212007",
                "at": OPEN,
                "opening": openings()["plan"],
                "files": Cabinet(None),
                "who": lambda wait: script,
                "spoken": ("en", "fr"),
                **scenario,
            }
        )
        return runner.run(trial(on or stage(), scene, lambda asterisk: ScriptedCaller(keys, asterisk)))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield one


OPERATOR = OperatorScript("1001", offered_s=8, answers_s=2, talks_s=60)


# The caller


def test_a_key_cuts_the_prompt_half_a_second_after_its_beginning(tries: Tries) -> None:
    result = tries("7-2")
    presses = {step.data["key"]: step.at for step in result.steps if step.kind == "presses"}
    begins = {step.node: step.at for step in reversed(result.steps) if step.kind == "hears"}
    assert presses == {"7": pytest.approx(begins["language"] + 0.5), "2": pytest.approx(begins["main"] + 0.5)}


def test_a_silence_lasts_for_a_prompt_and_the_time_for_a_key_after_it(tries: Tries) -> None:
    result = tries("7--2")  # the name, then the main menu
    silences = [step.node for step in result.steps if step.kind == "silence"]
    assert silences[0] == "main"
    assert [step.node for step in result.steps if step.kind == "presses"] == ["language", "main"]
    assert heard(result, "main")[-1] == "help_hold"


def test_a_caller_who_hangs_up_in_a_menu_has_left_it(tries: Tries) -> None:
    result = tries("7-h")
    assert (result.outcome, result.ended_by, result.path[-1]) == (Outcome.LEFT_MENU, "caller", "main")


def test_a_message_lasts_five_seconds_and_ends_with_the_hash_key_or_by_itself(tries: Tries) -> None:
    by_square, by_itself = tries("75-#1"), tries("75--")
    (seconds,) = (step.data["seconds"] for step in by_square.steps if step.kind == "message")
    assert seconds == 5.0
    assert by_square.outcome == by_itself.outcome == Outcome.MESSAGE
    (longer,) = (step.data["seconds"] for step in by_itself.steps if step.kind == "message")
    assert longer == 5.0 + 8.0  # the silence that ends it


def test_a_silence_during_a_message_is_an_empty_message(tries: Tries) -> None:
    assert "record_empty" in heard(tries("75---"))


@pytest.mark.parametrize(("after", "kept"), [("", True), ("1", True), ("*", False)])
def test_if_a_message_leads_on_and_back_to_the_same_node_only_the_back_key_takes_it_back(
    tries: Tries, after: str, kept: bool
) -> None:
    leave = stage().version.flow.nodes["complaint"]
    assert isinstance(leave, Record)
    result = tries(f"75-#{after}", with_nodes(complaint=leave.model_copy(update={"next": leave.back})))
    prompts = heard(result, "complaint")
    assert [step.node for step in result.steps if step.kind == "message"] == ["complaint"] * kept
    assert ("record_thanks" in prompts, "reference_is" in prompts) == (kept, kept)
    assert ("help_silence" in prompts) is (after == "")
    assert result.path[result.path.index("complaint") + 1] == leave.back


def test_a_waiting_caller_keeps_their_keys_for_the_survey_but_presses_nine_at_once(tries: Tries) -> None:
    answered, left = tries("704", script=OPERATOR), tries("7092", script=OPERATOR)
    assert [step.data["answer"] for step in answered.steps if step.kind == "survey"] == [4]
    assert "connected" not in kinds(left)[: kinds(left).index("language", kinds(left).index("waiting"))]
    assert left.path[-1] != "queue"


def test_without_an_operator_the_caller_hangs_up_after_two_minutes(tries: Tries) -> None:
    result = tries("70")
    waits = next(step.at for step in result.steps if step.kind == "waiting")
    assert result.outcome == Outcome.ABANDONED
    assert result.seconds - waits == pytest.approx(120)


def test_a_conversation_with_consent_is_recorded(tries: Tries) -> None:
    result = tries("701", stage(records_conversations=True), OPERATOR)
    assert "recorded" in kinds(result)
    assert "recorded" not in kinds(tries("702", stage(records_conversations=True), OPERATOR))


def test_a_returning_caller_is_greeted_in_their_last_language(tries: Tries) -> None:
    result = tries("-1", last_language="fr")
    assert heard(result)[:2] == ["institution", "go_on_in_language"]
    assert result.steps[-1].language == "fr"


def test_at_night_the_caller_hears_when_the_line_opens(tries: Tries) -> None:
    result = tries("7", at=NIGHT)
    assert heard(result, "hours") == ["closed", "opens_again", "opens_tomorrow", "at_0800"]


def test_the_clock_of_the_hours_goes_on_during_the_call_and_is_put_back_after_it(tries: Tries) -> None:
    before = clock.now()
    result = tries("7-----", at=datetime(2026, 11, 25, 19, 59, 50, tzinfo=UTC))
    assert [step.data["open"] for step in result.steps if step.kind == "hours"][:2] == [True, False]
    assert 0 <= (clock.now() - before).total_seconds() < 60


@pytest.mark.usefixtures("quick_hashes")
def test_three_wrong_pins_lock_the_sample_file_for_the_rest_of_the_trial(tries: Tries) -> None:
    wrong = f"{SAMPLE_REFERENCE}000000"
    result = tries(f"71{wrong}{wrong}{wrong}*1{SAMPLE_REFERENCE}{SAMPLE_PIN}", files=SampleCaseFile(nobody_keeps()))
    assert [step.data["result"] for step in result.steps if step.kind == "case"] == ["no_match"] * 3 + ["locked"]


def test_an_entered_pin_is_in_no_record(tries: Tries) -> None:
    result = tries(f"71{REFERENCE}{PIN}", files=Cabinet(OneFile(CaseState.READY)))
    assert "case_state_ready" in heard(result)
    assert PIN not in repr(result.rows)


# Errors


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


def test_a_failed_node_is_an_error_with_its_place_even_if_the_caller_gets_an_operator(tries: Tries) -> None:
    result = tries("7", with_nodes(welcome=Broken()), OPERATOR)
    (error,) = result.errors
    assert error.startswith("welcome failed: LookupError: no such thing (tests/ivr/test_trial.py:")
    assert result.outcome == Outcome.ANSWERED


def test_two_failed_nodes_are_reported_and_the_caller_goes_to_the_dialplan(tries: Tries) -> None:
    result = tries("7", with_nodes(welcome=Broken(), queue=Broken()))
    assert len(result.errors) == 3
    assert "the dialplan" in result.errors[-1]


@pytest.mark.parametrize(("node", "what"), [(Circle(), "in a circle"), (Mute(), "not ended"), (Busy(), "not ended")])
def test_a_call_that_does_not_end_is_reported(tries: Tries, node: Node, what: str) -> None:
    result = tries("7", with_nodes(welcome=node))
    (error,) = result.errors
    assert what in error
    assert "it was at welcome" in error
    assert result.outcome is None


class GivesUp(Broken):
    async def run(self, call: Call, resumed: bool) -> str | None:
        raise TimeoutError  # as if the link to Asterisk were lost


def test_a_call_without_an_end_or_an_error_is_reported_as_not_ended(tries: Tries) -> None:
    result = tries("7", with_nodes(welcome=GivesUp()))
    assert result.errors == ["The call did not end; it was at welcome, after language welcome."]
    assert result.outcome is None


def test_a_leg_left_behind_by_a_call_is_reported(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten(conversation: Conversation, by: str) -> None:
        pass

    monkeypatch.setattr(Conversation, "_abort", forgotten)
    result = tries("70--h", script=OPERATOR)
    assert any("still up" in error for error in result.errors), result.errors


# The clock


def test_an_hour_of_waiting_takes_no_time_and_keeps_the_order() -> None:
    async def waits() -> list[str]:
        order: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(after(3600, "late"), after(1800, "early"))
        return order

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(waits()) == ["early", "late"]  # or this test takes an hour
        assert runner.get_loop().time() == 3600


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def works() -> str:
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(time.sleep, 0.2)
            return "done"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(works()) == "done"


def test_a_caller_presses_no_key_after_the_end_of_the_call(tries: Tries) -> None:
    result = tries("7" + "-" * 30 + "h", script=OPERATOR)
    assert result.ended_by != "caller"
    assert kinds(result)[-1] != "hangs_up"


@pytest.mark.parametrize(
    ("keys", "outcome", "topic"),
    [
        ("70h", "abandoned", None),
        ("726h", "left_menu", "travel"),
        ("73*2h", "left_menu", "documents"),  # the last choice
        ("74h", "abandoned", "appointment"),
        ("75h", "left_menu", "complaint"),
        ("72*0h", "abandoned", "documents"),
        ("71h", "left_menu", "file"),
    ],
)
def test_the_records_have_the_topic_once_it_is_chosen_whatever_the_outcome(
    tries: Tries, keys: str, outcome: str, topic: str | None
) -> None:
    row: dict[str, Any] = {}
    for table, columns in tries(keys).rows:
        if table == "call":
            row |= columns
    assert (row["outcome"], row.get("topic")) == (outcome, topic)
