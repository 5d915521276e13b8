"""Near closing time: waiting callers are served however late it gets; callers who are too late may hear so."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from trial_stage import JUST_OPEN, Cabinet, openings, stage

from db.enums import Outcome
from ivr.flow.nodes.menu import Option
from ivr.flow.nodes.queue import Queue
from ivr.trial.caller import ScriptedCaller
from ivr.trial.loop import VirtualLoop
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Scenario, Stage, TrialResult, trial

CLOSES = datetime(2026, 11, 25, 20, tzinfo=UTC)


def course(keys: str, on: Stage | None = None, *, offered_s: float = 60.0, **scenario: Any) -> TrialResult:
    """Return the trial of a caller who asks for an operator 20 s before closing time, offered after `offered_s`."""
    script = OperatorScript("1001", offered_s=offered_s, answers_s=2, talks_s=60)
    usual = {"caller": "+447400123456", "dialled": "+44800212007", "at": JUST_OPEN, "opening": openings()["plan"]}
    scene = Scenario(**{**usual, "files": Cabinet(None), "who": lambda wait: script, "spoken": ("en",), **scenario})
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial(on or stage(), scene, lambda asterisk: ScriptedCaller(keys, asterisk)))


def heard(found: TrialResult) -> list[str]:
    return [clip.prompt for step in found.steps if step.kind == "hears" for clip in step.data["clips"]]


def hours(found: TrialResult) -> list[bool]:
    return [step.data["open"] for step in found.steps if step.kind == "hours"]


def test_a_caller_waiting_at_closing_time_is_served() -> None:
    found = course("70", offered_s=100)
    assert (found.outcome, found.errors) == (Outcome.ANSWERED, [])
    assert JUST_OPEN + timedelta(seconds=next(item.at for item in found.steps if item.kind == "connected")) > CLOSES


def test_a_caller_who_changes_the_language_after_closing_time_keeps_their_position() -> None:
    found = course("70-92", offered_s=40, at=CLOSES - timedelta(seconds=6))
    assert hours(found)[0] is True and False not in hours(found)  # the position is kept in this queue
    assert (found.outcome, found.errors) == (Outcome.ANSWERED, [])
    assert [item.data["language"] for item in found.steps if item.kind == "waiting"] == ["en"]
    assert found.steps[-1].language == "fr"
    assert "closed" not in heard(found)


def test_a_caller_after_closing_time_hears_so() -> None:
    found = course("70", at=CLOSES + timedelta(seconds=1))
    assert "closed" in heard(found)
    assert found.outcome is Outcome.CLOSED


def test_a_caller_cut_off_before_closing_time_is_served_after_it() -> None:
    found = course("70", at=CLOSES + timedelta(seconds=60), was_cut_off=True)
    assert hours(found) == [False, False]
    assert (found.outcome, found.errors) == (Outcome.ANSWERED, [])
    assert "closed" not in heard(found)
    assert not any(step.data.get("returns") for step in course("70", was_cut_off=True).steps)


def test_a_caller_who_was_cut_off_finds_a_line_that_was_forced_closed() -> None:
    found = course("70", opening=openings()["forced closed"], was_cut_off=True)
    assert "force_closed" in heard(found)
    assert found.outcome is Outcome.CLOSED


# Callers who are too late


def late(minutes: int) -> Stage:
    """Return the example site with the notice in the last minutes; 5 requests a call-back in its queue."""
    usual = stage()
    site = usual.site.model_copy(update={"routing": usual.site.routing.model_copy(update={"last_calls_min": minutes})})
    flow = usual.version.flow
    queue = flow.nodes["queue"]
    assert isinstance(queue, Queue)
    offers = (
        Option(key="4", text="closed_message", next="leave_message"),
        Option(key="5", text="closed_callback", next="callback"),
    )
    changed = dataclasses.replace(flow, nodes={**flow.nodes, "queue": queue.model_copy(update={"offers": offers})})
    return Stage(site, dataclasses.replace(usual.version, flow=changed))


def test_a_caller_who_would_be_served_too_late_hears_so_at_once_and_may_request_a_call_back() -> None:
    found = course("7051", late(30), offered_s=100)
    prompts = heard(found)
    place = prompts.index("last_calls")
    assert prompts[place : place + 3] == ["last_calls", "closed_callback", "press_5"]
    assert (found.outcome, found.errors) == (Outcome.CALLBACK, [])
    announced = next(step.at for step in found.steps if step.kind == "last_calls")
    waits = next(step.at for step in found.steps if step.kind == "waiting")
    assert announced - waits < 0.1
    assert "callback" in [table for table, _ in found.rows]


def test_a_caller_who_hears_so_may_wait_anyway() -> None:
    found = course("70", late(30), offered_s=100)
    assert "last_calls" in heard(found)
    assert (found.outcome, found.errors) == (Outcome.ANSWERED, [])


@pytest.mark.parametrize(
    ("minutes", "offered_s", "before"),
    [(0, 100.0, 20), (30, 5.0, 20), (30, 3000.0, 2400)],
    ids=["the site does not want it", "the caller's turn comes in time", "it is long before closing time"],
)
def test_other_callers_do_not_hear_it(minutes: int, offered_s: float, before: int) -> None:
    found = course("70h", late(minutes), offered_s=offered_s, at=CLOSES - timedelta(seconds=before))
    assert any(step.kind == "waiting" for step in found.steps)
    assert "last_calls" not in heard(found)
