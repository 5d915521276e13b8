"""The named change would really have served the waiting caller, and is found whenever it is simple."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from properties import examples, patient
from routing_floor import NOW, READY, Floor
from test_engine_reasons import floors

from routing.engine import Engine
from routing.match import Step, Waiting
from routing.nearest_change import Change, nearest_change
from routing.policy import Policy
from routing.states import Operator, OperatorState
from routing.waits import explain_wait

AWAY, TALKING, PAUSED, WRAPPING_UP = (
    OperatorState.AWAY,
    OperatorState.TALKING,
    OperatorState.PAUSED,
    OperatorState.WRAPPING_UP,
)


POLICY = Policy(passing=10, hold_s=15)
"""Fixed, so that the figures in these tests do not depend on the defaults."""


def decide(floor: Floor) -> dict[str, str]:
    """Return the operator of each paired call, decided by a new engine."""
    engine = Engine(floor.policy)
    for operator in floor.operators.values():
        engine.set_operator(operator)
    for caller in floor.waiting.values():
        engine.wait(caller)
    return {pair.call: pair.operator for pair in engine.decide(NOW).pairs}


def after_its_decision(floor: Floor) -> Floor:
    """Return the floor and its engine after all pairs of the instant were made."""
    for operator in floor.operators.values():
        floor.engine.set_operator(operator)
    for caller in floor.waiting.values():
        floor.engine.wait(caller)
    for pair in floor.engine.decide(NOW).pairs:
        del floor.waiting[pair.call]
        floor.operators[pair.operator] = replace(floor.operators[pair.operator], state=OperatorState.OFFERED)
    return floor


def apply_change(floor: Floor, call: str, change: Change) -> Floor:
    caller, operator = floor.waiting[call], floor.operators[change.operator]
    waiting = floor.waiting | {call: replace(caller, since=caller.since - change.earlier_s)}
    return Floor(floor.policy, NOW, waiting, floor.operators | {operator.id: replace(operator, state=READY)})


@settings(patient, max_examples=examples(500))
@given(floors)
def test_the_named_change_would_have_served_the_waiting_caller(whole: Floor) -> None:
    floor = after_its_decision(whole)
    assert not decide(floor)
    for call in floor.waiting:
        change = nearest_change(floor.engine.ranking, call, NOW)
        if change is None:
            continue
        operator = floor.operators[change.operator]
        assert (operator.state, round(NOW - operator.since, 3)) == (change.state, change.state_s)
        assert decide(apply_change(floor, call, change)).get(call) == change.operator


@settings(patient, max_examples=examples(250))
@given(floors)
def test_a_lone_caller_who_waits_for_an_operator_on_duty_always_has_a_change(whole: Floor) -> None:
    whole.waiting = dict(list(whole.waiting.items())[:1])
    floor = after_its_decision(whole)
    for call, caller in floor.waiting.items():
        if floor.policy.hold_s:
            continue
        for operator in floor.operators.values():
            if operator.state not in (READY, AWAY):
                idle = Change(operator.id, operator.state, 0, 0)
                if call in decide(apply_change(floor, call, idle)):
                    assert nearest_change(floor.engine.ranking, call, NOW) is not None, caller


# Examples


def floor(*operators: tuple[dict[str, int], OperatorState, float]) -> Engine:
    """Return an engine with these operators: languages, state, and the seconds that they have been in it."""
    engine = Engine(POLICY)
    for number, (languages, state, seconds) in enumerate(operators):
        engine.set_operator(Operator(str(1001 + number), languages, state=state, since=NOW - seconds, present=True))
    return engine


def instead(engine: Engine, *steps: Step, waited_s: float = 5.0, before: float = 0.0) -> Change | None:
    engine.wait(Waiting("call", steps, NOW - waited_s, before=before))
    assert not [pair for pair in engine.decide(NOW).pairs if pair.call == "call"]
    why = explain_wait(engine, "call", NOW)
    assert why is not None
    return why.instead


@pytest.mark.parametrize(
    ("states", "nearest_one"),
    [
        ((TALKING, WRAPPING_UP, PAUSED), "1002"),
        ((PAUSED, TALKING, PAUSED), "1002"),
        ((AWAY, PAUSED, AWAY), "1002"),
        ((TALKING, TALKING, TALKING), "1003"),
    ],
    ids=["wrapping up", "talking", "paused", "talking longest"],
)
def test_the_operator_nearest_to_idle_is_named(states: tuple[OperatorState, ...], nearest_one: str) -> None:
    staff = [({"fr": 5}, state, 60.0 + number) for number, state in enumerate(states)]
    found = instead(floor(*staff), Step("fr"))
    assert found is not None and (found.operator, found.earlier_s) == (nearest_one, 0)


def test_the_end_of_a_step_comes_before_a_change_of_an_operator() -> None:
    engine = floor(({"fr": 5}, TALKING, 60), ({"fr": 2}, READY, 30))
    steps = (Step("fr", 4, patience=30), Step("fr"))
    assert instead(engine, *steps) == Change("1002", READY, 30, 25.001)


def test_a_reserved_operator_would_have_served_a_caller_who_arrived_before_the_hold() -> None:
    engine = floor(({"fr": 5, "nl": 4}, READY, 30), *[({"fr": 5}, TALKING, 60)] * 7)
    assert instead(engine, Step("fr")) == Change("1001", READY, 30, 10.001)


def test_with_others_ahead_the_caller_would_also_have_had_to_arrive_before_them() -> None:
    engine = floor(({"fr": 5}, TALKING, 60))
    engine.wait(Waiting("first", (Step("fr"),), NOW - 8))
    assert instead(engine, Step("fr")) == Change("1001", TALKING, 60, 3.001)


def test_an_away_operator_is_named_if_nobody_on_duty_speaks_the_language() -> None:
    engine = floor(({"nl": 5}, AWAY, 3600), ({"fr": 5}, READY, 30))
    assert instead(engine, Step("nl")) == Change("1001", AWAY, 3600, 0)


def test_of_two_like_operators_the_one_that_an_earlier_caller_excludes_is_named() -> None:
    engine = floor(({"fr": 5}, TALKING, 90), ({"fr": 5}, TALKING, 60))
    engine.wait(Waiting("first", (Step("fr", excluded_operator="1002"),), NOW - 8))
    assert instead(engine, Step("fr")) == Change("1002", TALKING, 60, 0)


def test_steps_that_began_after_the_arrival_end_later() -> None:
    engine = floor(({"fr": 5}, TALKING, 60), ({"fr": 2}, READY, 30))
    steps = (Step("fr", 4, patience=30), Step("fr"))
    assert instead(engine, *steps, waited_s=105, before=100) == Change("1002", READY, 30, 25.001)
    # For an away operator, arriving a little earlier does not end them either.
    engine = floor(({"nl": 5}, AWAY, 3600))
    engine.wait(Waiting("first", (Step("nl"),), NOW - 113))
    steps = (Step("nl", 4, patience=107), Step("nl"))
    assert instead(engine, *steps, waited_s=105, before=100) == Change("1001", AWAY, 3600, 8.001)


def test_if_nobody_speaks_the_language_there_is_no_change() -> None:
    assert instead(floor(({"fr": 5}, READY, 30)), Step("xx")) is None
