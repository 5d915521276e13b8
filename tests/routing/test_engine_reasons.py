"""Reasons are true, and each change that they name would really have given the other decision."""

import math
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples, patient
from routing_floor import NOW, READY, Floor, callers, engine_of, operators, policies
from routing_reference import Reference

from routing.engine import Engine
from routing.match import Decision, Price, Step, Waiting, describe_reason, may_serve
from routing.policy import Policy
from routing.states import Operator, OperatorState

floors = st.builds(
    lambda policy, staff, waiting: Floor(
        policy,
        waiting={caller.call: caller for caller in waiting},
        operators={operator.id: operator for operator in staff},
    ),
    policies,
    st.lists(operators, max_size=10),
    st.lists(callers, max_size=10),
)


def first_pair(floor: Floor) -> tuple[str, str] | None:
    engine = Engine(floor.policy)
    for operator in floor.operators.values():
        engine.set_operator(operator)
    for caller in floor.waiting.values():
        engine.wait(caller)
    pairs = engine.decide(NOW).pairs
    return (pairs[0].call, pairs[0].operator) if pairs else None


def turns(floor: Floor) -> Iterator[tuple[Floor, Decision]]:
    """Yield each pair with the floor at its turn, after the pairs before it were made."""
    for operator in floor.operators.values():
        floor.engine.set_operator(operator)
    for caller in floor.waiting.values():
        floor.engine.wait(caller)
    waiting, staff = dict(floor.waiting), dict(floor.operators)
    for pair in floor.engine.decide(NOW).pairs:
        yield Floor(floor.policy, NOW, dict(waiting), dict(staff)), pair
        del waiting[pair.call]
        staff[pair.operator] = replace(staff[pair.operator], state=OperatorState.OFFERED)


@settings(patient, max_examples=examples(200))
@given(floors)
def test_the_figures_of_a_reason_are_true(whole: Floor) -> None:
    for floor, pair in turns(whole):
        reason, known = pair.reason, floor.reference()
        caller, operator = floor.waiting[pair.call], floor.operators[pair.operator]
        step = known.step(caller)
        assert math.isclose(reason.waited_s, NOW - caller.since, abs_tol=0.001)
        assert math.isclose(reason.idle_s, NOW - operator.since, abs_tol=0.001)
        assert reason.callers_ahead == known.order().index(caller)
        assert reason.callers_he_could_serve == sum(
            may_serve(operator, known.step(other)) for other in known.waiting.values()
        )
        assert reason.operators_who_could == sum(may_serve(idle, step) for idle in known.idle.values())
        assert caller.steps[reason.step] == step and reason.steps == len(caller.steps)
        assert (reason.language, reason.topic) == (step.language, step.topic)
        assert reason.level == operator.languages[step.language]
        assert reason.price is not None
        assert math.isclose(reason.price.total, known.price(operator, step.language), abs_tol=2e-9)
        assert reason.price.first == (next(iter(operator.languages)) == step.language)
        assert reason.late == (caller.since < NOW - floor.policy.target_s)
        assert reason.priority == caller.priority


@settings(patient, max_examples=examples(200))
@given(floors)
def test_if_the_operator_were_busy_the_named_operator_would_get_the_caller(whole: Floor) -> None:
    for floor, pair in turns(whole):
        other = pair.reason.other_operator
        floor.operators[pair.operator] = replace(floor.operators[pair.operator], state=OperatorState.TALKING)
        if other is not None:
            assert first_pair(floor) == (pair.call, other.operator)
        else:
            changed = first_pair(floor)
            assert changed is None or changed[0] != pair.call


@settings(patient, max_examples=examples(250))
@given(floors)
def test_if_the_named_caller_arrived_that_much_earlier_they_would_get_the_operator(whole: Floor) -> None:
    for floor, pair in turns(whole):
        other = pair.reason.other_caller
        if other is None:
            continue
        caller = floor.waiting[other.call]
        floor.waiting[other.call] = replace(caller, since=caller.since - other.earlier_s)
        assert first_pair(floor) == (other.call, pair.operator)


@settings(patient, max_examples=examples(250))
@given(floors)
def test_arriving_slightly_later_would_not_be_enough(whole: Floor) -> None:
    """The named change is the smallest one, except across the limit where callers become late, which is a jump."""
    for floor, pair in turns(whole):
        other = pair.reason.other_caller
        if other is None or other.earlier_s < 0.01:
            continue
        caller = floor.waiting[other.call]
        moved = caller.since - other.earlier_s + 0.004
        if (moved < NOW - floor.policy.target_s) != (caller.since < NOW - floor.policy.target_s):
            continue
        floor.waiting[other.call] = replace(caller, since=moved)
        if floor.reference().step(floor.waiting[other.call]) == Reference(
            floor.policy, [caller], list(floor.operators.values()), NOW
        ).step(caller):
            got = first_pair(floor)
            if other.held and got is not None and got[0] == other.call:
                assert got[1] != pair.operator  # ahead, but still on hold: they get one who is not reserved
            else:
                assert got == (pair.call, pair.operator)


@settings(patient, max_examples=examples(250))
@given(floors)
def test_if_the_named_busy_operator_were_idle_they_would_get_the_caller(whole: Floor) -> None:
    for floor, pair in turns(whole):
        busy = pair.reason.busy_operator
        if busy is None:
            continue
        operator = floor.operators[busy.operator]
        assert (operator.state, round(NOW - operator.since, 3)) == (busy.state, busy.state_s)
        assert operator.state not in (READY, OperatorState.AWAY)
        floor.operators[busy.operator] = replace(operator, state=READY)
        assert first_pair(floor) == (pair.call, busy.operator)
        price = floor.reference().price(floor.operators[busy.operator], pair.reason.language)
        assert math.isclose(busy.price.total, price, abs_tol=2e-9)


@settings(patient, max_examples=examples(200))
@given(floors)
def test_for_a_lone_caller_a_busy_operator_is_named_whenever_one_would_have_been_taken(
    whole: Floor,
) -> None:
    whole.waiting = dict(list(whole.waiting.items())[:1])
    for floor, pair in turns(whole):
        step = floor.reference().step(floor.waiting[pair.call])
        if step.operator is not None or floor.policy.hold_s:
            continue
        wanted = False
        for busy in list(floor.operators.values()):
            if busy.state not in (READY, OperatorState.AWAY):
                changed = Floor(floor.policy, NOW, dict(floor.waiting), dict(floor.operators))
                changed.operators[busy.id] = replace(busy, state=READY)
                wanted = wanted or first_pair(changed) == (pair.call, busy.id)
        assert (pair.reason.busy_operator is not None) == wanted


# The sentences


def idle(identity: str, *languages: str, idle_s: float = 10) -> Operator:
    return Operator(identity, dict.fromkeys(languages, 5), state=READY, since=NOW - idle_s, present=True)


def decide(*people: Operator | Waiting, policy: Policy | None = None) -> list[Decision]:
    return list(engine_of(policy, people).decide(NOW).pairs)


def french(call: str, waited: float, **needs: object) -> Waiting:
    return Waiting(call, (replace(Step("fr"), **needs),), NOW - waited)  # type: ignore[arg-type]


def test_the_sentences_give_the_caller_the_operator_and_what_would_have_changed_the_decision() -> None:
    dutch = Waiting("dutch", (Step("nl"),), NOW - 90)
    pair, _ = decide(
        idle("1001", "fr", idle_s=30), idle("1002", "fr"), dutch, french("first", 80), french("second", 78)
    )
    assert describe_reason(pair.reason) == (
        "The caller waited 80.0 s, first of the 2 callers that this operator can serve (1 ahead of them needs another"
        " operator), although late callers yield to callers who can still be answered in time;"
        " the operator speaks fr at level 5, idle for 30.0 s, the longest of the 2 idle."
        " Call second would have got the operator by arriving 2.001 s earlier."
        " If the operator had been busy, 1002 (idle for 10.0 s, price 0.000) would have got the caller."
    )


def test_the_sentences_say_that_an_operator_is_least_needed_elsewhere() -> None:
    (pair,) = decide(idle("1001", "fr", "nl", idle_s=900), idle("1002", "fr"), french("call", 16))
    assert pair.reason.price == Price(0.0, 0.0, True, 5)
    assert describe_reason(pair.reason) == (
        "The caller waited 16.0 s, the only caller that this operator can serve;"
        " the operator speaks fr at level 5, idle for 10.0 s, the least needed elsewhere of the 2 idle (price 0.000)."
        " If the operator had been busy, 1001 (idle for 900.0 s, price 1.000) would have got the caller."
    )


def test_the_sentences_name_the_busy_operator_who_would_have_been_taken() -> None:
    talks = Operator("1003", {"fr": 5}, state=OperatorState.TALKING, since=NOW - 62)
    (pair,) = decide(idle("1001", "fr", idle_s=30), talks, french("call", 16))
    assert describe_reason(pair.reason).endswith(
        " If 1003, who was talking (62.0 s), had been idle instead, they would have got the caller."
    )


def test_the_sentences_name_the_operator_who_is_excluded_because_they_handed_the_caller_on() -> None:
    (pair,) = decide(idle("1001", "fr", idle_s=900), idle("1002", "fr"), french("call", 16, excluded_operator="1001"))
    assert pair.operator == "1002"
    assert describe_reason(pair.reason) == (
        "The caller waited 16.0 s, the only caller that this operator can serve, and must not go back to 1001, who"
        " handed them on; the operator speaks fr at level 5, idle for 10.0 s, the only one idle."
    )


def test_the_excluded_operator_is_not_named_as_one_who_would_have_got_the_caller() -> None:
    talks = Operator("1003", {"fr": 5}, state=OperatorState.TALKING, since=NOW - 62)
    (pair,) = decide(idle("1001", "fr", idle_s=30), talks, french("call", 16, excluded_operator="1003"))
    assert pair.reason.busy_operator is None


def test_the_sentences_say_that_an_earlier_caller_was_on_hold_for_a_rare_language() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    dutch = Waiting("dutch", (Step("nl"),), NOW - 1)
    both = idle("1001", "fr", "nl")
    (pair,) = decide(*busy, both, french("french", 9), dutch, policy=Policy(passing=0))
    other = pair.reason.other_caller
    assert pair.call == "dutch" and other is not None and other.held
    assert describe_reason(pair.reason).endswith(
        "Call french would have got the operator by arriving 1.001 s earlier, when the operator would no longer be"
        " reserved for a rare language."
    )


def test_the_sentences_give_head_start_priority_step_and_last_resort() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(9)]
    steps = (Step("nl", 3, patience=5), Step("nl", 1))
    low = Operator("1001", {"fr": 5, "nl": 1}, state=READY, since=NOW - 10)
    better = Operator("1002", {"nl": 5}, state=OperatorState.TALKING)
    (pair,) = decide(*busy, better, low, french("french", 12), Waiting("dutch", steps, NOW - 6, priority=1))
    text = describe_reason(pair.reason)
    assert "with a head start of 16.4 s because few operators speak nl" in text
    assert "with priority 1" in text
    assert "now at step 2 of 2 of their needs, the last resort" in text


def test_a_caller_who_would_be_late_by_arriving_earlier_must_arrive_even_earlier() -> None:
    older, younger = french("older", 40), french("younger", 19.5)
    (pair,) = decide(idle("1001", "fr"), older, younger)
    other = pair.reason.other_caller
    assert pair.call == "older" and other is not None and other.earlier_s == 20.501
    (pair,) = decide(idle("1001", "fr"), older, replace(younger, since=younger.since - other.earlier_s))
    assert pair.call == "younger"
