"""Whatever happens on the floor, and in whatever order, the engine decides what the policy says."""

import random
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples, patient
from routing_floor import (
    NOW,
    READY,
    Event,
    busy_floor,
    callers,
    engine_of,
    floor_of,
    moments,
    operators,
    policies,
    random_event,
)
from routing_reference import Reference

from routing.engine import Engine
from routing.match import Step, Waiting
from routing.policy import Policy
from routing.states import Operator, OperatorState


@settings(patient, max_examples=examples(250))
@given(policies, st.lists(operators, max_size=10), st.lists(callers, max_size=8), moments)
def test_the_engine_decides_as_the_reference_whatever_happens(
    policy: Policy,
    staff: list[Operator],
    waiting: list[Waiting],
    history: list[tuple[float, list[Event]]],
) -> None:
    floor = floor_of(policy, staff, waiting)
    floor.decide()
    for passed, happenings in history:
        floor.now += passed
        for happening in happenings:
            happening(floor)
        floor.decide()


@settings(patient, max_examples=examples(300))
@given(policies, st.lists(operators, max_size=10), st.lists(callers, max_size=8), st.floats(0, 1))
def test_until_look_again_no_pair_becomes_possible_by_time_alone(
    policy: Policy, staff: list[Operator], waiting: list[Waiting], part: float
) -> None:
    floor = floor_of(policy, staff, waiting)
    for _ in range(40):
        again = floor.decide().look_again
        before = floor.now + part * ((floor.now + 500 if again is None else again) - floor.now)
        if again is None or before < again:
            assert (
                Reference(
                    floor.policy, list(floor.waiting.values()), list(floor.operators.values()), before
                ).next_pair()
                is None
            )
        if again is None:
            break
        assert again > floor.now
        floor.now = again
    else:
        raise AssertionError("the engine asks to look again forever")


@settings(patient, max_examples=examples(100))
@given(st.integers(0, 2**32), policies)
def test_the_engine_decides_as_the_reference_through_a_busy_hour(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    again: float | None = None
    for _ in range(60):
        passed = chance.choice([0.0, 0.5, 2.0, 2.0, 5.0, 12.0]) if chance.random() < 0.97 else -chance.uniform(1, 30)
        if again is not None and chance.random() < 0.3:
            floor.now = again
        else:
            floor.now += passed
            random_event(chance, floor)
        again = floor.decide().look_again


@settings(patient, max_examples=examples(60))
@given(st.integers(0, 2**32), policies)
def test_no_call_is_lost_or_paired_twice(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    came: set[str] = set()
    gone: set[str] = set()
    for _ in range(60):
        floor.now += chance.choice([0.0, 1.0, 8.0])
        before = set(floor.waiting)
        random_event(chance, floor)
        came |= set(floor.waiting) - before
        gone |= before - set(floor.waiting)
        idle = {identity for identity, operator in floor.operators.items() if operator.state is READY}
        pairs = floor.decide().pairs
        served = [pair.call for pair in pairs]
        assert len(served) == len(set(served)) and not gone & set(served)
        assert len({pair.operator for pair in pairs}) == len(pairs)
        assert {pair.operator for pair in pairs} <= idle
        gone |= set(served)
        assert {caller.call for caller in floor.engine.waiting} == came - gone


@settings(patient, max_examples=examples(200))
@given(
    policies,
    st.lists(operators, max_size=10, unique_by=lambda operator: operator.id),
    st.lists(callers, max_size=8, unique_by=lambda caller: caller.call),
    st.randoms(use_true_random=False),
)
def test_the_order_of_updates_at_one_instant_does_not_matter(
    policy: Policy, staff: list[Operator], waiting: list[Waiting], chance: random.Random
) -> None:
    updates: list[Operator | Waiting] = [*staff, *waiting]
    results = []
    for _ in range(2):
        engine = engine_of(policy, updates)
        results.append((engine.decide(NOW), engine.waiting))
        chance.shuffle(updates)
    assert results[0] == results[1]


@settings(patient, max_examples=examples(100))
@given(st.integers(0, 2**32), policies)
def test_updates_are_idempotent(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    for _ in range(30):
        floor.now += chance.choice([0.0, 1.0, 8.0])
        random_event(chance, floor)
        for caller in list(floor.waiting.values()):
            floor.wait(caller)
        for operator in list(floor.operators.values()):
            floor.set_operator(operator)
        floor.decide()
        assert floor.decide().pairs == (), "a second decision at the same instant finds nothing"


# The rules of the policy, one by one


def idle(identity: str, *languages: str, since: float = NOW - 10, level: int = 5) -> Operator:
    return Operator(identity, dict.fromkeys(languages, level), state=READY, since=since, present=True)


def wants(call: str, language: str, waited: float = 5, priority: int = 0) -> Waiting:
    return Waiting(call, (Step(language),), NOW - waited, priority)


def decide(*people: Operator | Waiting, policy: Policy | None = None, now: float = NOW) -> list[tuple[str, str]]:
    return [(pair.call, pair.operator) for pair in engine_of(policy, people).decide(now).pairs]


def test_the_operator_whose_other_languages_are_best_covered_is_taken_although_another_is_idle_longer() -> None:
    people = (idle("1001", "fr", "nl", since=NOW - 900), idle("1002", "fr"), wants("call", "fr", 16))
    assert decide(*people) == [("call", "1002")]
    assert decide(*people, policy=Policy.plain()) == [("call", "1001")]


def test_if_cover_is_equal_the_operator_with_the_rarer_language_is_spared_although_idle_longer() -> None:
    talks = [Operator(str(2000 + n), {"nl": 5}, state=OperatorState.TALKING) for n in range(3)]
    ready = (idle("1001", "fr", "de", since=NOW - 900), idle("1002", "fr", "nl"))
    people: tuple[Operator | Waiting, ...] = (*talks, *ready, wants("call", "fr", 16))
    assert decide(*people) == [("call", "1002")]
    assert decide(*people, policy=Policy(rarity=0)) == [("call", "1001")]


def test_the_first_language_decides_where_cover_does_not() -> None:
    people = (idle("1001", "nl", "fr", since=NOW - 900), idle("1002", "fr", "nl"), wants("call", "fr", 16))
    assert decide(*people) == [("call", "1002")]


def test_of_equal_operators_the_longest_idle_one_is_taken() -> None:
    ready = [idle(f"100{n}", "fr", since=NOW - idle_s) for n, idle_s in enumerate((30, 900, 60))]
    assert decide(*ready, wants("call", "fr")) == [("call", "1001")]


def test_the_better_speaker_is_taken_although_another_is_idle_longer() -> None:
    people = (idle("1001", "fr", since=NOW - 900, level=2), idle("1002", "fr"), wants("call", "fr"))
    assert decide(*people) == [("call", "1002")]


def test_a_rare_language_has_a_head_start() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(9)]
    both = idle("1001", "fr", "nl")
    assert decide(*busy, both, wants("french", "fr", 12), wants("dutch", "nl", 2)) == [("dutch", "1001")]
    assert decide(*busy, both, wants("french", "fr", 12), wants("dutch", "nl", 2), policy=Policy.plain()) == [
        ("french", "1001")
    ]


def test_a_late_caller_yields_to_callers_who_can_still_be_in_time_by_no_more_than_the_policy_says() -> None:
    for younger, first in ((19.0, "younger"), (10.5, "younger"), (9.5, "older")):
        people = (idle("1001", "fr"), wants("older", "fr", 10 + Policy().passing), wants("younger", "fr", younger))
        assert decide(*people)[0][0] == first
        assert decide(*people, policy=Policy(passing=0))[0][0] == "older"


def test_an_operator_reserved_for_a_rare_language_serves_a_common_one_only_after_the_hold() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    engine = Engine()
    for operator in (*busy, idle("1001", "fr", "nl")):
        engine.set_operator(operator)
    engine.wait(Waiting("french", (Step("fr"),), NOW))
    decisions = engine.decide(NOW)
    ends = NOW + Policy().hold_s
    assert (decisions.pairs, decisions.look_again) == ((), ends)
    assert engine.decide(ends - 0.1).pairs == ()
    (pair,) = engine.decide(ends).pairs
    assert (pair.call, pair.operator) == ("french", "1001")


def test_two_operators_are_reserved_and_the_third_serves_at_once() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    both = [idle(str(1001 + n), "fr", "nl") for n in range(3)]
    assert decide(*busy, *both[:2], wants("french", "fr", 1)) == []
    assert len(decide(*busy, *both, wants("french", "fr", 1), wants("another", "fr", 0))) == 1


def test_on_a_small_floor_nobody_is_reserved() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(6)]
    both, another = idle("1001", "fr", "nl"), Operator("3000", {"fr": 5}, state=OperatorState.TALKING)
    assert decide(*busy, both, wants("french", "fr", 1)) == [("french", "1001")]
    assert decide(*busy, another, both, wants("french", "fr", 1)) == [], "one in eight is rare"


def test_a_caller_with_priority_or_a_preferred_operator_is_not_held() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    both = idle("1001", "fr", "nl")
    assert decide(*busy, both, wants("urgent", "fr", 1, priority=1)) == [("urgent", "1001")]
    mine = Waiting("mine", (Step("fr", operator="1001", patience=30), Step("fr")), NOW)
    assert decide(*busy, both, mine) == [("mine", "1001")]


def test_a_caller_waits_for_the_operator_who_has_the_file_only_while_that_operator_is_on_duty() -> None:
    steps = (Step("fr", operator="1001", patience=30), Step("fr"))
    other, now = idle("1002", "fr"), NOW
    for state, expected in ((OperatorState.TALKING, []), (OperatorState.AWAY, [("call", "1002")])):
        people = (replace(idle("1001", "fr"), state=state), other, Waiting("call", steps, now))
        assert decide(*people) == expected
    engine = Engine()
    engine.set_operator(replace(idle("1001", "fr"), state=OperatorState.TALKING))
    engine.set_operator(other)
    engine.wait(Waiting("call", steps, NOW))
    assert engine.decide(NOW).look_again == NOW + 30
    assert [pair.operator for pair in engine.decide(NOW + 30).pairs] == ["1002"]


def test_a_step_that_nobody_on_duty_can_meet_takes_no_time() -> None:
    steps = (Step("fr", 5, "visa", patience=30), Step("fr", 5, patience=30), Step("fr"))
    engine = Engine()
    engine.set_operator(replace(idle("1001", "fr"), topics=frozenset({"file"})))
    engine.set_operator(idle("1002", "fr", level=2))
    engine.wait(Waiting("call", steps, NOW))
    (pair,) = engine.decide(NOW).pairs
    assert (pair.operator, pair.reason.step) == ("1001", 1)


def test_a_step_counts_again_when_somebody_who_can_meet_it_comes_on_duty() -> None:
    steps = (Step("fr", 5, patience=30), Step("fr", 3))
    engine = Engine()
    engine.set_operator(replace(idle("1001", "fr", level=3), state=OperatorState.TALKING))
    engine.wait(Waiting("call", steps, NOW))
    assert engine.decide(NOW).look_again is None
    engine.set_operator(replace(idle("1002", "fr"), state=OperatorState.PAUSED))
    assert engine.decide(NOW + 1).look_again == NOW + 30
    engine.set_operator(idle("1001", "fr", level=3))
    assert engine.decide(NOW + 2).pairs == ()
    engine.remove_operator("1002")
    assert [pair.operator for pair in engine.decide(NOW + 3).pairs] == ["1001"]


# Bad input


def test_a_caller_with_an_unknown_language_or_topic_waits_without_affecting_others() -> None:
    people = (idle("1001", "fr"), wants("unknown", "tlh", 500), wants("french", "fr"))
    assert decide(*people) == [("french", "1001")]
    nobody = replace(idle("1001", "fr"), topics=frozenset({"file"}))
    assert decide(nobody, Waiting("call", (Step("fr", topic="unheard of"),), NOW)) == []


def test_a_caller_without_steps_is_refused_with_a_remedy() -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="has no steps; give it at least one"):
        engine.wait(Waiting("call", (), NOW))
    assert engine.waiting == []


def test_removing_unknown_calls_and_operators_is_harmless() -> None:
    engine = Engine()
    engine.leave("nobody")
    engine.remove_operator("9999")
    assert engine.decide(NOW).pairs == ()


@pytest.mark.parametrize("state", OperatorState)
def test_an_operator_who_is_edited_or_removed_leaves_nothing_behind(state: OperatorState) -> None:
    engine = Engine()
    engine.set_operator(replace(idle("1001", "fr", "nl"), state=state))
    engine.decide(NOW)
    engine.set_operator(replace(idle("1001", "de"), state=state))
    engine.wait(wants("french", "fr", 60))
    engine.wait(wants("dutch", "nl", 60))
    assert engine.decide(NOW).pairs == ()
    engine.wait(wants("german", "de", 60))
    assert [pair.call for pair in engine.decide(NOW).pairs] == (["german"] if state is READY else [])
    engine.remove_operator("1001")
    engine.set_operator(idle("1002", "fr"))
    assert [pair.call for pair in engine.decide(NOW).pairs] == ["french"]


def test_an_operator_removed_while_talking_comes_back_as_a_new_one() -> None:
    engine = Engine()
    engine.set_operator(idle("1001", "fr"))
    engine.wait(wants("first", "fr"))
    assert len(engine.decide(NOW).pairs) == 1
    engine.remove_operator("1001")
    engine.wait(wants("second", "fr"))
    assert engine.decide(NOW + 1).pairs == ()
    engine.set_operator(idle("1001", "fr"))
    assert [pair.call for pair in engine.decide(NOW + 2).pairs] == ["second"]


def test_an_operator_with_an_offer_gets_no_other_until_their_state_changes() -> None:
    engine = Engine()
    engine.set_operator(idle("1001", "fr"))
    engine.wait(wants("first", "fr", 9))
    engine.wait(wants("second", "fr", 8))
    assert [pair.call for pair in engine.decide(NOW).pairs] == ["first"]
    assert engine.decide(NOW + 1).pairs == ()
    engine.wait(wants("first", "fr", 9))
    engine.set_operator(idle("1001", "fr"))
    assert [pair.call for pair in engine.decide(NOW + 2).pairs] == ["first"], "the caller keeps their place"


def test_a_clock_that_goes_back_restores_an_ended_step() -> None:
    steps = (Step("fr", 5, patience=10), Step("fr", 1))
    engine = Engine()
    engine.set_operator(replace(idle("1002", "fr"), state=OperatorState.TALKING))
    engine.wait(Waiting("call", steps, NOW))
    assert engine.decide(NOW + 11).look_again is None
    engine.set_operator(idle("1001", "fr", level=1))
    decisions = engine.decide(NOW + 9)
    assert (decisions.pairs, decisions.look_again) == ((), NOW + 10)
    assert len(engine.decide(NOW + 86_400).pairs) == 1


def test_a_caller_whose_wait_starts_in_the_future_is_served_last() -> None:
    people = (idle("1001", "fr"), wants("future", "fr", -3600), wants("present", "fr", 1))
    assert decide(*people)[0] == ("present", "1001")
    assert decide(*people[:2]) == [("future", "1001")]


@pytest.mark.parametrize("staff", list(permutations(["1001", "1002", "1003"])))
def test_among_equal_operators_the_choice_does_not_depend_on_their_order(staff: tuple[str, ...]) -> None:
    assert decide(*(idle(identity, "fr") for identity in staff), wants("call", "fr")) == [("call", "1001")]


def test_an_excluded_operator_does_not_hide_others_with_the_same_skills() -> None:
    """Of operators with the same skills only one is examined; it must not be the excluded one."""
    for late in ("1001", "1002"):
        engine = Engine(Policy())
        engine.wait(Waiting("call", (Step("fr", excluded_operator="1001"),), NOW - 5))
        for identity in ("1001", "1002"):
            engine.set_operator(Operator(identity, {"fr": 5}, state=OperatorState.TALKING, since=NOW))
        assert not engine.decide(NOW).pairs
        for identity in sorted(("1001", "1002"), key=lambda other: other == late):
            engine.set_operator(Operator(identity, {"fr": 5}, state=READY, since=NOW))
        assert [(pair.call, pair.operator) for pair in engine.decide(NOW).pairs] == [("call", "1002")]
