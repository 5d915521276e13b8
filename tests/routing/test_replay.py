"""A recorded day gives the same decisions again, also from JSON."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import patient
from pydantic import TypeAdapter
from routing_floor import NOW, busy_floor, policies, something_happens

from routing.engine import Engine
from routing.match import Decisions, Step, Waiting
from routing.policy import Policy
from routing.replay import Decided, Recorder, Recording, replay
from routing.states import Operator, OperatorState


def a_day(seed: int, policy: Policy) -> tuple[Recording, list[Decisions]]:
    chance = random.Random(seed)
    recorder = Recorder(policy)
    floor = busy_floor(chance, policy, recorder)
    decisions = []
    for _ in range(60):
        floor.now += chance.choice([0.0, 0.5, 3.0, 8.0, -2.0])
        something_happens(chance, floor)
        decisions.append(floor.decide())
    return recorder.recording, decisions


@settings(patient, max_examples=60)
@given(st.integers(0, 2**32), policies)
def test_a_recorded_day_gives_the_same_decisions_with_the_same_reasons(seed: int, policy: Policy) -> None:
    recording, decisions = a_day(seed, policy)
    assert sum(len(each.pairs) for each in decisions) > 0
    assert replay(recording) == decisions


@settings(patient, max_examples=30)
@given(st.integers(0, 2**32), policies)
def test_a_recording_survives_json(seed: int, policy: Policy) -> None:
    recording, decisions = a_day(seed, policy)
    adapter = TypeAdapter(Recording)
    again = adapter.validate_json(adapter.dump_json(recording))
    assert again == recording
    assert replay(again) == decisions


def test_what_another_policy_would_have_decided_can_be_asked() -> None:
    recorder = Recorder(Policy.plain())
    for identity, languages, idle_s in (("1001", {"fr": 5, "nl": 5}, 60), ("1002", {"fr": 5}, 10)):
        recorder.set_operator(Operator(identity, languages, state=OperatorState.READY, since=NOW - idle_s))
    recorder.wait(Waiting("call", (Step("fr"),), NOW - 16))
    assert [pair.operator for pair in recorder.decide(NOW).pairs] == ["1001"]
    (decisions,) = replay(recorder.recording, Policy())
    assert [pair.operator for pair in decisions.pairs] == ["1002"]


def test_a_recorder_decides_as_the_engine_that_it_is() -> None:
    for each in (Engine(), Recorder()):
        each.set_operator(Operator("1001", {"fr": 5}, state=OperatorState.READY, since=NOW))
        each.wait(Waiting("call", (Step("fr"),), NOW))
        each.leave("call")
        each.remove_operator("1001")
        assert each.decide(NOW) == Decisions((), None)
    assert isinstance(each, Recorder) and len(each.recording.events) == 5


def test_a_recording_by_other_rules_is_refused_with_a_remedy() -> None:
    recording = Recording(Policy(), (Decided(NOW),))
    with pytest.raises(ValueError, match="replay it with the release that recorded it"):
        replay(replace(recording, rules=recording.rules + 1))
