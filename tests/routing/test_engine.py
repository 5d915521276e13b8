"""Whatever happens on the floor, and in whatever order, the engine decides what the policy's sentence says."""

import random
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import patient
from routing_floor import NOW, READY, Event, Floor, busy_floor, callers, moments, operators, policies, something_happens
from routing_reference import Reference

from routing.engine import Engine
from routing.match import Step, Waiting
from routing.policy import Policy
from routing.states import Operator, OperatorState


@settings(patient, max_examples=600)
@given(policies, st.lists(operators, max_size=10), st.lists(callers, max_size=8), moments)
def test_it_decides_what_the_policy_says_whatever_happens(
    policy: Policy,
    staff: list[Operator],
    waiting: list[Waiting],
    history: list[tuple[float, list[Event]]],
) -> None:
    floor = Floor(policy)
    for operator in staff:
        floor.set_operator(operator)
    for caller in waiting:
        floor.wait(caller)
    floor.decide()
    for passed, happenings in history:
        floor.now += passed
        for happening in happenings:
            happening(floor)
        floor.decide()


@settings(patient, max_examples=300)
@given(policies, st.lists(operators, max_size=10), st.lists(callers, max_size=8), st.floats(0, 1))
def test_until_it_asks_to_look_again_time_alone_makes_no_pair(
    policy: Policy, staff: list[Operator], waiting: list[Waiting], part: float
) -> None:
    floor = Floor(policy)
    for operator in staff:
        floor.set_operator(operator)
    for caller in waiting:
        floor.wait(caller)
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
        raise AssertionError("it asks to look again for ever")


@settings(patient, max_examples=100)
@given(st.integers(0, 2**32), policies)
def test_it_decides_what_the_policy_says_through_a_busy_hour(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    again: float | None = None
    for _ in range(60):
        passed = chance.choice([0.0, 0.5, 2.0, 2.0, 5.0, 12.0]) if chance.random() < 0.97 else -chance.uniform(1, 30)
        if again is not None and chance.random() < 0.3:
            floor.now = again
        else:
            floor.now += passed
            something_happens(chance, floor)
        again = floor.decide().look_again


@settings(patient, max_examples=60)
@given(st.integers(0, 2**32), policies)
def test_nobody_is_lost_and_nobody_is_paired_twice(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    came: set[str] = set()
    gone: set[str] = set()
    for _ in range(60):
        floor.now += chance.choice([0.0, 1.0, 8.0])
        before = set(floor.waiting)
        something_happens(chance, floor)
        came |= set(floor.waiting) - before
        gone |= before - set(floor.waiting)
        idle = {identity for identity, each in floor.operators.items() if each.state is READY}
        pairs = floor.decide().pairs
        served = [pair.call for pair in pairs]
        assert len(served) == len(set(served)) and not gone & set(served)
        assert len({pair.operator for pair in pairs}) == len(pairs)
        assert {pair.operator for pair in pairs} <= idle
        gone |= set(served)
        assert {each.call for each in floor.engine.waiting} == came - gone


@settings(patient, max_examples=200)
@given(
    policies,
    st.lists(operators, max_size=10, unique_by=lambda each: each.id),
    st.lists(callers, max_size=8, unique_by=lambda each: each.call),
    st.randoms(use_true_random=False),
)
def test_the_order_of_what_is_heard_in_one_instant_does_not_matter(
    policy: Policy, staff: list[Operator], waiting: list[Waiting], chance: random.Random
) -> None:
    told: list[Operator | Waiting] = [*staff, *waiting]
    decided = []
    for _ in range(2):
        engine = Engine(policy)
        for each in told:
            if isinstance(each, Operator):
                engine.set_operator(each)
            else:
                engine.wait(each)
        decided.append((engine.decide(NOW), engine.waiting))
        chance.shuffle(told)
    assert decided[0] == decided[1]


@settings(patient, max_examples=100)
@given(st.integers(0, 2**32), policies)
def test_hearing_everything_twice_has_the_effect_of_once(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    for _ in range(30):
        floor.now += chance.choice([0.0, 1.0, 8.0])
        something_happens(chance, floor)
        for caller in list(floor.waiting.values()):
            floor.wait(caller)
        for operator in list(floor.operators.values()):
            floor.set_operator(operator)
        floor.decide()
        assert floor.decide().pairs == (), "a second look in the same instant finds nothing"


# Sentences of the policy, one by one


def idle(identity: str, *languages: str, since: float = NOW - 10, level: int = 5) -> Operator:
    return Operator(identity, dict.fromkeys(languages, level), state=READY, since=since, present=True)


def wants(call: str, language: str, waited: float = 5, priority: int = 0) -> Waiting:
    return Waiting(call, (Step(language),), NOW - waited, priority)


def decided(*told: Operator | Waiting, policy: Policy | None = None, now: float = NOW) -> list[tuple[str, str]]:
    engine = Engine(policy)
    for each in told:
        if isinstance(each, Operator):
            engine.set_operator(each)
        else:
            engine.wait(each)
    return [(pair.call, pair.operator) for pair in engine.decide(now).pairs]


def test_the_operator_who_uncovers_least_is_taken_though_another_is_idle_longer() -> None:
    told = (idle("1001", "fr", "nl", since=NOW - 900), idle("1002", "fr"), wants("call", "fr", 16))
    assert decided(*told) == [("call", "1002")]
    assert decided(*told, policy=Policy.plain()) == [("call", "1001")]


def test_of_operators_who_uncover_as_many_the_one_with_the_rarer_language_is_spared_though_he_is_idle_longer() -> None:
    talks = [Operator(str(2000 + n), {"nl": 5}, state=OperatorState.TALKING) for n in range(3)]
    ready = (idle("1001", "fr", "de", since=NOW - 900), idle("1002", "fr", "nl"))
    told: tuple[Operator | Waiting, ...] = (*talks, *ready, wants("call", "fr", 16))
    assert decided(*told) == [("call", "1002")]
    assert decided(*told, policy=Policy(rarity=0)) == [("call", "1001")]


def test_the_first_language_decides_where_cover_does_not() -> None:
    told = (idle("1001", "nl", "fr", since=NOW - 900), idle("1002", "fr", "nl"), wants("call", "fr", 16))
    assert decided(*told) == [("call", "1002")]


def test_of_operators_who_are_alike_the_one_who_is_idle_longest_is_taken() -> None:
    ready = [idle(f"100{n}", "fr", since=NOW - idle_s) for n, idle_s in enumerate((30, 900, 60))]
    assert decided(*ready, wants("call", "fr")) == [("call", "1001")]


def test_the_better_speaker_is_taken_though_the_other_is_idle_longer() -> None:
    told = (idle("1001", "fr", since=NOW - 900, level=2), idle("1002", "fr"), wants("call", "fr"))
    assert decided(*told) == [("call", "1002")]


def test_a_rare_language_has_a_head_start() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(9)]
    both = idle("1001", "fr", "nl")
    assert decided(*busy, both, wants("french", "fr", 12), wants("dutch", "nl", 2)) == [("dutch", "1001")]
    assert decided(*busy, both, wants("french", "fr", 12), wants("dutch", "nl", 2), policy=Policy.plain()) == [
        ("french", "1001")
    ]


def test_who_is_late_yields_to_who_can_still_be_in_time_but_no_more_than_stated() -> None:
    for younger, first in ((19.0, "younger"), (10.5, "younger"), (9.5, "older")):
        told = (idle("1001", "fr"), wants("older", "fr", 10 + Policy().passing), wants("younger", "fr", younger))
        assert decided(*told)[0][0] == first
        assert decided(*told, policy=Policy(passing=0))[0][0] == "older"


def test_an_operator_kept_for_a_rare_language_serves_a_common_one_only_after_the_hold() -> None:
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


def test_two_are_kept_and_the_third_serves_at_once() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    both = [idle(str(1001 + n), "fr", "nl") for n in range(3)]
    assert decided(*busy, *both[:2], wants("french", "fr", 1)) == []
    assert len(decided(*busy, *both, wants("french", "fr", 1), wants("another", "fr", 0))) == 1


def test_on_a_small_floor_nobody_is_kept() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(6)]
    both, another = idle("1001", "fr", "nl"), Operator("3000", {"fr": 5}, state=OperatorState.TALKING)
    assert decided(*busy, both, wants("french", "fr", 1)) == [("french", "1001")]
    assert decided(*busy, another, both, wants("french", "fr", 1)) == [], "one in eight is a rare one"


def test_who_has_priority_or_wants_somebody_in_particular_is_not_held() -> None:
    busy = [Operator(str(2000 + n), {"fr": 5}, state=OperatorState.TALKING) for n in range(30)]
    both = idle("1001", "fr", "nl")
    assert decided(*busy, both, wants("urgent", "fr", 1, priority=1)) == [("urgent", "1001")]
    mine = Waiting("mine", (Step("fr", operator="1001", patience=30), Step("fr")), NOW)
    assert decided(*busy, both, mine) == [("mine", "1001")]


def test_the_operator_who_has_the_file_is_waited_for_while_he_is_on_duty_and_no_longer() -> None:
    steps = (Step("fr", operator="1001", patience=30), Step("fr"))
    other, now = idle("1002", "fr"), NOW
    for state, expected in ((OperatorState.TALKING, []), (OperatorState.AWAY, [("call", "1002")])):
        told = (replace(idle("1001", "fr"), state=state), other, Waiting("call", steps, now))
        assert decided(*told) == expected
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


def test_an_unknown_language_or_topic_waits_and_harms_nobody() -> None:
    told = (idle("1001", "fr"), wants("unknown", "tlh", 500), wants("french", "fr"))
    assert decided(*told) == [("french", "1001")]
    nobody = replace(idle("1001", "fr"), topics=frozenset({"file"}))
    assert decided(nobody, Waiting("call", (Step("fr", topic="unheard of"),), NOW)) == []


def test_who_needs_nothing_is_refused_with_a_remedy() -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="give him at least one step"):
        engine.wait(Waiting("call", (), NOW))
    assert engine.waiting == []


def test_what_is_not_known_can_be_left_and_removed() -> None:
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


def test_an_operator_removed_while_he_talks_comes_back_as_a_new_one() -> None:
    engine = Engine()
    engine.set_operator(idle("1001", "fr"))
    engine.wait(wants("first", "fr"))
    assert len(engine.decide(NOW).pairs) == 1
    engine.remove_operator("1001")
    engine.wait(wants("second", "fr"))
    assert engine.decide(NOW + 1).pairs == ()
    engine.set_operator(idle("1001", "fr"))
    assert [pair.call for pair in engine.decide(NOW + 2).pairs] == ["second"]


def test_who_was_offered_stays_so_until_he_is_said_to_be_otherwise() -> None:
    engine = Engine()
    engine.set_operator(idle("1001", "fr"))
    engine.wait(wants("first", "fr", 9))
    engine.wait(wants("second", "fr", 8))
    assert [pair.call for pair in engine.decide(NOW).pairs] == ["first"]
    assert engine.decide(NOW + 1).pairs == ()
    engine.wait(wants("first", "fr", 9))
    engine.set_operator(idle("1001", "fr"))
    assert [pair.call for pair in engine.decide(NOW + 2).pairs] == ["first"], "he keeps his place"


def test_a_clock_that_goes_back_gives_a_step_back_as_well() -> None:
    steps = (Step("fr", 5, patience=10), Step("fr", 1))
    engine = Engine()
    engine.set_operator(replace(idle("1002", "fr"), state=OperatorState.TALKING))
    engine.wait(Waiting("call", steps, NOW))
    assert engine.decide(NOW + 11).look_again is None
    engine.set_operator(idle("1001", "fr", level=1))
    decisions = engine.decide(NOW + 9)
    assert (decisions.pairs, decisions.look_again) == ((), NOW + 10)
    assert len(engine.decide(NOW + 86_400).pairs) == 1


def test_who_comes_from_the_future_is_served_after_those_of_the_present() -> None:
    told = (idle("1001", "fr"), wants("future", "fr", -3600), wants("present", "fr", 1))
    assert decided(*told)[0] == ("present", "1001")
    assert decided(*told[:2]) == [("future", "1001")]


@pytest.mark.parametrize("staff", list(permutations(["1001", "1002", "1003"])))
def test_of_equals_the_same_one_is_chosen_in_whatever_order_they_came(staff: tuple[str, ...]) -> None:
    assert decided(*(idle(each, "fr") for each in staff), wants("call", "fr")) == [("call", "1001")]


def test_one_who_must_not_get_a_caller_hides_him_from_nobody_who_is_like_him() -> None:
    """Operators who are alike are looked at once; then he is not the one."""
    for late in ("1001", "1002"):
        engine = Engine(Policy())
        engine.wait(Waiting("call", (Step("fr", excluded_operator="1001"),), NOW - 5))
        for identity in ("1001", "1002"):
            engine.set_operator(Operator(identity, {"fr": 5}, state=OperatorState.TALKING, since=NOW))
        assert not engine.decide(NOW).pairs
        for identity in sorted(("1001", "1002"), key=lambda each: each == late):
            engine.set_operator(Operator(identity, {"fr": 5}, state=READY, since=NOW))
        assert [(each.call, each.operator) for each in engine.decide(NOW).pairs] == [("call", "1002")]
