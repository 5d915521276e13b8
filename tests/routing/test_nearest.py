"""The change that would have served a caller who waits really serves him, and is named wherever it is simple."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from properties import patient
from routing_floor import NOW, READY, Floor
from test_engine_reasons import floors

from routing.engine import Engine
from routing.match import Step, Waiting
from routing.nearest import Change, nearest
from routing.policy import Policy
from routing.states import Operator, OperatorState
from routing.waits import why_waits

AWAY, TALKING, PAUSED, WRAPPING_UP = (
    OperatorState.AWAY,
    OperatorState.TALKING,
    OperatorState.PAUSED,
    OperatorState.WRAPPING_UP,
)


POLICY = Policy(passing=10, hold_s=15)
"""So that the figures that are told here do not depend on what is usual."""


def decided(floor: Floor) -> dict[str, str]:
    """Who gets whom, in an engine that knows nothing else."""
    engine = Engine(floor.policy)
    for operator in floor.operators.values():
        engine.set_operator(operator)
    for caller in floor.waiting.values():
        engine.wait(caller)
    return {pair.call: pair.operator for pair in engine.decide(NOW).pairs}


def after_its_decision(floor: Floor) -> Floor:
    """The floor and its engine when all pairs of the instant are made."""
    for operator in floor.operators.values():
        floor.engine.set_operator(operator)
    for caller in floor.waiting.values():
        floor.engine.wait(caller)
    for pair in floor.engine.decide(NOW).pairs:
        del floor.waiting[pair.call]
        floor.operators[pair.operator] = replace(floor.operators[pair.operator], state=OperatorState.OFFERED)
    return floor


def changed(floor: Floor, call: str, change: Change) -> Floor:
    caller, operator = floor.waiting[call], floor.operators[change.operator]
    waiting = floor.waiting | {call: replace(caller, since=caller.since - change.earlier_s)}
    return Floor(floor.policy, NOW, waiting, floor.operators | {operator.id: replace(operator, state=READY)})


@settings(patient, max_examples=1500)
@given(floors)
def test_who_waits_would_have_been_served_had_it_been_as_is_told(whole: Floor) -> None:
    floor = after_its_decision(whole)
    assert not decided(floor)
    for call in floor.waiting:
        change = nearest(floor.engine, call, NOW)
        if change is None:
            continue
        operator = floor.operators[change.operator]
        assert (operator.state, round(NOW - operator.since, 3)) == (change.state, change.state_s)
        assert decided(changed(floor, call, change)).get(call) == change.operator


@settings(patient, max_examples=600)
@given(floors)
def test_of_a_caller_who_waits_alone_for_somebody_on_duty_it_is_always_told(whole: Floor) -> None:
    whole.waiting = dict(list(whole.waiting.items())[:1])
    floor = after_its_decision(whole)
    for call, caller in floor.waiting.items():
        if floor.policy.hold_s:
            continue
        for operator in floor.operators.values():
            if operator.state not in (READY, AWAY):
                idle = Change(operator.id, operator.state, 0, 0)
                if call in decided(changed(floor, call, idle)):
                    assert nearest(floor.engine, call, NOW) is not None, caller


# What is told


def floor(*operators: tuple[dict[str, int], OperatorState, float]) -> Engine:
    """`operators`: languages, state, and for how many seconds he has been in it."""
    engine = Engine(POLICY)
    for number, (languages, state, seconds) in enumerate(operators):
        engine.set_operator(Operator(str(1001 + number), languages, state=state, since=NOW - seconds, present=True))
    return engine


def instead(engine: Engine, *steps: Step, waited_s: float = 5.0, before: float = 0.0) -> Change | None:
    engine.wait(Waiting("call", steps, NOW - waited_s, before=before))
    assert not [pair for pair in engine.decide(NOW).pairs if pair.call == "call"]
    why = why_waits(engine, "call", NOW)
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
    ids=["who wraps up", "who talks", "who is paused", "who has talked longest"],
)
def test_the_operator_is_named_who_is_nearest_to_being_idle(
    states: tuple[OperatorState, ...], nearest_one: str
) -> None:
    staff = [({"fr": 5}, state, 60.0 + number) for number, state in enumerate(states)]
    found = instead(floor(*staff), Step("fr"))
    assert found is not None and (found.operator, found.earlier_s) == (nearest_one, 0)


def test_a_step_that_ends_by_itself_is_nearer_than_an_operator() -> None:
    engine = floor(({"fr": 5}, TALKING, 60), ({"fr": 2}, READY, 30))
    steps = (Step("fr", 4, patience=30), Step("fr"))
    assert instead(engine, *steps) == Change("1002", READY, 30, 25.001)


def test_who_is_kept_for_a_rare_language_would_have_served_who_had_come_before_the_hold() -> None:
    engine = floor(({"fr": 5, "nl": 4}, READY, 30), *[({"fr": 5}, TALKING, 60)] * 7)
    assert instead(engine, Step("fr")) == Change("1001", READY, 30, 10.001)


def test_with_others_before_him_he_would_have_had_to_come_before_them_as_well() -> None:
    engine = floor(({"fr": 5}, TALKING, 60))
    engine.wait(Waiting("first", (Step("fr"),), NOW - 8))
    assert instead(engine, Step("fr")) == Change("1001", TALKING, 60, 3.001)


def test_who_speaks_a_language_that_nobody_on_duty_speaks_is_named_though_he_is_away() -> None:
    engine = floor(({"nl": 5}, AWAY, 3600), ({"fr": 5}, READY, 30))
    assert instead(engine, Step("nl")) == Change("1001", AWAY, 3600, 0)


def test_of_two_who_are_alike_the_one_is_named_whom_an_earlier_caller_must_not_get() -> None:
    engine = floor(({"fr": 5}, TALKING, 90), ({"fr": 5}, TALKING, 60))
    engine.wait(Waiting("first", (Step("fr", excluded_operator="1002"),), NOW - 8))
    assert instead(engine, Step("fr")) == Change("1002", TALKING, 60, 0)


def test_steps_that_began_after_he_had_come_end_later() -> None:
    engine = floor(({"fr": 5}, TALKING, 60), ({"fr": 2}, READY, 30))
    steps = (Step("fr", 4, patience=30), Step("fr"))
    assert instead(engine, *steps, waited_s=105, before=100) == Change("1002", READY, 30, 25.001)
    # Nor are they over for one who is away, had he come a little earlier.
    engine = floor(({"nl": 5}, AWAY, 3600))
    engine.wait(Waiting("first", (Step("nl"),), NOW - 113))
    steps = (Step("nl", 4, patience=107), Step("nl"))
    assert instead(engine, *steps, waited_s=105, before=100) == Change("1001", AWAY, 3600, 8.001)


def test_where_nobody_knows_the_language_nothing_is_told() -> None:
    assert instead(floor(({"fr": 5}, READY, 30)), Step("xx")) is None
