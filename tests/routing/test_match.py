"""Whoever waits longest gets whoever is idle longest, among those who fit; and each decision says truly why."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from routing.match import Decision, Step, Waiting, decide, in_words, may_serve, order, step_at
from routing.states import Operator, OperatorState

NOW = 1_795_600_000.0
LANGUAGES = ("ar", "fr", "nl")
TOPICS = ("file", "travel")
OPERATORS = tuple(str(1000 + n) for n in range(8))

instants = (
    st.sampled_from([NOW - 60, NOW - 30]) | st.integers(0, 600).map(lambda s: NOW - s) | st.floats(NOW - 600, NOW)
)
steps = st.builds(
    Step,
    language=st.sampled_from(LANGUAGES),
    level=st.integers(1, 5),
    topic=st.none() | st.sampled_from(TOPICS),
    operator=st.none() | st.sampled_from(OPERATORS),
    patience=st.none() | st.integers(0, 300).map(float) | st.floats(0, 300),
)
callers = st.lists(
    st.builds(
        Waiting,
        call=st.integers(0, 30).map("call-{}".format),
        steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
        since=instants,
        priority=st.integers(-1, 1),
    ),
    max_size=12,
    unique_by=lambda caller: caller.call,
)
floor = st.lists(
    st.builds(
        Operator,
        id=st.sampled_from(OPERATORS),
        languages=st.dictionaries(st.sampled_from(LANGUAGES), st.integers(1, 5), min_size=1),
        topics=st.frozensets(st.sampled_from(TOPICS)),
        state=st.sampled_from([OperatorState.READY, OperatorState.READY, *OperatorState]),
        since=instants,
        present=st.just(True),
    ),
    max_size=8,
    unique_by=lambda operator: operator.id,
)


def french(name: str, waited: float, *, priority: int = 0, **needs: object) -> Waiting:
    return Waiting(name, (replace(Step("fr"), **needs),), NOW - waited, priority)  # type: ignore[arg-type]


def idle(name: str, seconds: float = 10, **languages: int) -> Operator:
    return Operator(name, languages or {"fr": 5}, state=OperatorState.READY, since=NOW - seconds, present=True)


def step_of(caller: Waiting) -> Step:
    return caller.steps[step_at(caller.steps, NOW - caller.since)[0]]


def paired(waiting: list[Waiting], operators: list[Operator]) -> list[tuple[Waiting, Operator, Decision]]:
    calls, people = {each.call: each for each in waiting}, {each.id: each for each in operators}
    return [(calls[pair.call], people[pair.operator], pair) for pair in decide(waiting, operators, NOW).pairs]


@patient
@given(callers, floor)
def test_no_operator_and_no_caller_is_paired_twice(waiting: list[Waiting], operators: list[Operator]) -> None:
    pairs = decide(waiting, operators, NOW).pairs
    assert len({pair.call for pair in pairs}) == len({pair.operator for pair in pairs}) == len(pairs)


@patient
@given(callers, floor)
def test_language_level_topic_and_the_wanted_operator_are_respected(
    waiting: list[Waiting], operators: list[Operator]
) -> None:
    for caller, operator, _ in paired(waiting, operators):
        step = step_of(caller)
        assert operator.languages[step.language] >= step.level
        assert step.topic is None or not operator.topics or step.topic in operator.topics
        assert step.operator in (None, operator.id)


@patient
@given(callers, floor)
def test_only_who_is_ready_is_offered_a_call(waiting: list[Waiting], operators: list[Operator]) -> None:
    assert all(operator.state is OperatorState.READY for _, operator, _ in paired(waiting, operators))


@patient
@given(callers, floor)
def test_nobody_who_waits_longer_and_could_be_served_by_the_chosen_operator_is_passed_over(
    waiting: list[Waiting], operators: list[Operator]
) -> None:
    pairs = paired(waiting, operators)
    served = {caller.call: place for place, (caller, _, _) in enumerate(pairs)}
    for place, (caller, operator, _) in enumerate(pairs):
        for other in waiting:
            if served.get(other.call, len(pairs)) > place and may_serve(operator, step_of(other)):
                assert (-other.priority, other.since) >= (-caller.priority, caller.since)


@patient
@given(callers, floor)
def test_of_those_who_fit_the_one_idle_longest_is_chosen(waiting: list[Waiting], operators: list[Operator]) -> None:
    pairs = paired(waiting, operators)
    taken = [operator.id for _, operator, _ in pairs]
    for place, (caller, operator, _) in enumerate(pairs):
        for other in operators:
            if other.state is OperatorState.READY and other.id not in taken[:place]:
                assert other.since >= operator.since or not may_serve(other, step_of(caller))


@patient
@given(callers, floor)
def test_nobody_is_left_waiting_who_could_be_served(waiting: list[Waiting], operators: list[Operator]) -> None:
    pairs = decide(waiting, operators, NOW).pairs
    left = [each for each in waiting if each.call not in {pair.call for pair in pairs}]
    free = [
        each
        for each in operators
        if each.state is OperatorState.READY and each.id not in {pair.operator for pair in pairs}
    ]
    assert not [(caller, operator) for caller in left for operator in free if may_serve(operator, step_of(caller))]


@patient
@given(callers, floor, st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_the_order_of_what_is_known(
    waiting: list[Waiting], operators: list[Operator], chance: object
) -> None:
    mixed, others = list(waiting), list(operators)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    chance.shuffle(others)  # type: ignore[attr-defined]
    assert decide(mixed, others, NOW) == decide(waiting, operators, NOW)


@patient
@given(callers, floor)
def test_the_figures_of_a_reason_are_true(waiting: list[Waiting], operators: list[Operator]) -> None:
    queue = order(waiting)
    pairs = paired(waiting, operators)
    taken = [operator.id for _, operator, _ in pairs]
    served = [caller.call for caller, _, _ in pairs]
    for place, (caller, operator, decision) in enumerate(pairs):
        reason, step = decision.reason, step_of(caller)
        still_waiting = [each for each in queue if each.call not in served[:place]]
        still_idle = [o for o in operators if o.state is OperatorState.READY and o.id not in taken[:place]]
        assert math.isclose(reason.waited_s, NOW - caller.since, abs_tol=0.001)
        assert math.isclose(reason.idle_s, NOW - operator.since, abs_tol=0.001)
        assert reason.callers_ahead == still_waiting.index(caller)
        assert reason.callers_he_could_serve == sum(may_serve(operator, step_of(each)) for each in still_waiting)
        assert reason.operators_who_could == sum(may_serve(each, step) for each in still_idle)
        assert caller.steps[reason.step] == step
        assert (reason.language, reason.topic) == (step.language, step.topic)
        assert reason.level == operator.languages[step.language]


@patient
@given(callers, floor)
def test_it_looks_again_when_the_first_step_of_those_who_still_wait_ends(
    waiting: list[Waiting], operators: list[Operator]
) -> None:
    decisions = decide(waiting, operators, NOW)
    served = {pair.call for pair in decisions.pairs}
    ends = [
        caller.since + end
        for caller in waiting
        if caller.call not in served and (end := step_at(caller.steps, NOW - caller.since)[1]) is not None
    ]
    if not ends:
        assert decisions.look_again is None
    else:
        assert decisions.look_again is not None and decisions.look_again > NOW
        assert math.isclose(decisions.look_again, min(ends), rel_tol=0, abs_tol=0.001)


@patient
@given(callers)
def test_who_looks_again_at_that_very_instant_finds_the_next_step(waiting: list[Waiting]) -> None:
    now, looks = NOW, 0
    while (again := decide(waiting, [], now).look_again) is not None:
        assert again > now
        now, looks = again, looks + 1
        assert looks <= sum(len(caller.steps) - 1 for caller in waiting)


def test_it_looks_again_at_the_instant_zero_too() -> None:
    caller = Waiting("call", (Step("fr", 5, patience=5), Step("fr")), -5.0)
    other = Waiting("other", (Step("fr", 5, patience=50), Step("fr")), -5.0)
    assert decide([caller, other], [], -1.0).look_again == 0.0


def test_a_need_that_nobody_meets_relaxes_when_its_patience_is_over() -> None:
    needs = (Step("nl", 4, patience=30), Step("nl", 2, patience=30), Step("fr"))
    operators = [idle("1001", nl=2), idle("1002", fr=5)]
    for waited, expected in ((29.9, None), (30.0, "1001"), (59.9, "1001")):
        decisions = decide([Waiting("call", needs, NOW - waited)], operators, NOW)
        assert [pair.operator for pair in decisions.pairs] == ([expected] if expected else [])
    decisions = decide([Waiting("call", needs, NOW - 60)], operators, NOW)
    assert [(pair.operator, pair.reason.step) for pair in decisions.pairs] == [("1002", 2)]


@patient
@given(st.lists(steps, min_size=1, max_size=4), st.lists(st.floats(0, 2000), min_size=2).map(sorted))
def test_steps_only_go_forward_and_the_last_one_never_ends(needs: list[Step], waits: list[float]) -> None:
    found = [step_at(needs, waited) for waited in waits]
    assert all(before <= later for (before, _), (later, _) in pairwise(found))
    for (index, end), waited in zip(found, waits, strict=True):
        assert (end is None) == (index == len(needs) - 1 or needs[index].patience is None)
        assert end is None or end > waited


def test_a_step_without_patience_is_insisted_on_for_ever() -> None:
    needs = (Step("nl", operator="1001"), Step("nl"))
    decisions = decide([Waiting("call", needs, NOW - 86_400)], [idle("1002", nl=5)], NOW)
    assert decisions.pairs == () and decisions.look_again is None


def test_a_higher_priority_goes_before_a_longer_wait() -> None:
    waiting = [french("long", 500), french("urgent", 5, priority=1)]
    (pair,) = decide(waiting, [idle("1001")], NOW).pairs
    assert pair.call == "urgent"


def test_an_operator_with_several_languages_takes_who_waits_longest_in_all_of_them() -> None:
    dutch = Waiting("dutch", (Step("nl"),), NOW - 90)
    (pair,) = decide([french("french", 80), dutch], [idle("1001", fr=5, nl=1)], NOW).pairs
    assert pair.call == "dutch"


@pytest.mark.parametrize("state", [state for state in OperatorState if state is not OperatorState.READY])
def test_who_is_not_ready_gets_nobody(state: OperatorState) -> None:
    assert decide([french("call", 60)], [replace(idle("1001"), state=state)], NOW).pairs == ()


def test_nobody_waits_or_nobody_is_there() -> None:
    assert decide([], [idle("1001")], NOW).pairs == decide([french("call", 5)], [], NOW).pairs == ()


def test_the_sentence_says_the_figures() -> None:
    waiting = [Waiting("dutch", (Step("nl"),), NOW - 90), french("first", 80, topic="file"), french("second", 20)]
    pair, _ = decide(waiting, [idle("1001", 30), idle("1002", 12.5)], NOW).pairs
    assert in_words(pair.reason) == (
        "The caller waited 80.0 s, first of the 2 whom this operator may serve (1 before him need somebody else);"
        " the operator speaks fr at level 5 for file, idle 30.0 s, longest of the 2 idle."
    )
    (pair,) = decide(waiting[1:2], [idle("1002", 12.5)], NOW).pairs
    assert in_words(pair.reason) == (
        "The caller waited 80.0 s, the only one whom this operator may serve;"
        " the operator speaks fr at level 5 for file, idle 12.5 s, the only one idle."
    )
