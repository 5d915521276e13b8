"""Nobody is passed by more than the policy's bound, and nobody starves."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples, patient
from routing_floor import NOW, READY, Floor, busy_floor, random_event

from routing.engine import Engine
from routing.match import Step, Waiting, may_serve
from routing.policy import Policy
from routing.states import Operator

fair = st.sampled_from(
    [
        Policy(few_share=1),
        Policy(few=2, few_share=1, passing=35),
        Policy(passing=0),
        Policy(hold_s=0),
        Policy(passing=0, hold_s=0),
        Policy.plain(),
    ]
)


def passings(floor: Floor) -> list[tuple[Waiting, Waiting, float]]:
    """Decide; return the callers who were passed although the same operator could have served them, with the callers
    who passed them and the bound at that time."""
    known = floor.reference()
    waiting = dict(floor.waiting)
    steps = {call: known.step(caller) for call, caller in waiting.items()}
    operators = dict(floor.operators)
    speakers = [known.speakers(language) for language in {step.language for step in steps.values()}]
    bound = floor.policy.bound(speakers, len(known.on_duty))
    found = []
    for pair in floor.decide().pairs:
        for call in floor.waiting:
            if may_serve(operators[pair.operator], steps[call]):
                found.append((waiting[call], waiting[pair.call], bound))
    return found


@settings(patient, max_examples=examples(150))
@given(st.integers(0, 2**32), fair)
def test_nobody_is_passed_by_more_than_the_bound(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    for _ in range(80):
        floor.now += chance.choice([0.0, 0.5, 2.0, 6.0])
        random_event(chance, floor)
        for passed, served, bound in passings(floor):
            urgency = policy.priority_s * (served.priority - passed.priority)
            assert served.since - passed.since <= bound + max(0.0, urgency) + 1e-6


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.lists(st.integers(0, n), max_size=9), st.just(n))))
def test_the_default_bound_never_exceeds_fifty_seconds(staffing: tuple[list[int], int]) -> None:
    speakers, on_duty = staffing
    assert 15 <= Policy().bound(speakers, on_duty) <= 50
    assert Policy.plain().bound(speakers, on_duty) == 0


@settings(patient, max_examples=examples(60))
@given(st.integers(0, 2**32), st.sampled_from([Policy(passing=0, hold_s=0), Policy.plain()]))
def test_without_passing_and_reservation_callers_of_all_languages_are_served_in_order_of_arrival(
    seed: int, policy: Policy
) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    for _ in range(60):
        floor.now += chance.choice([0.0, 0.5, 2.0, 6.0])
        random_event(chance, floor)
        for passed, served, _ in passings(floor):
            if passed.priority == served.priority:
                assert (passed.since, passed.call) >= (served.since, served.call)


@settings(patient, max_examples=examples(100))
@given(st.integers(0, 2**32), st.sampled_from([Policy(passing=0), Policy.plain()]))
def test_without_passing_callers_with_the_same_needs_are_served_in_order_of_arrival(seed: int, policy: Policy) -> None:
    chance = random.Random(seed)
    floor = busy_floor(chance, policy)
    for _ in range(60):
        floor.now += chance.choice([0.0, 0.5, 2.0, 6.0])
        random_event(chance, floor)
        known = floor.reference()
        steps = {call: known.step(caller) for call, caller in floor.waiting.items()}
        for passed, served, _ in passings(floor):
            if (steps[passed.call], passed.priority) == (steps[served.call], served.priority):
                assert (passed.since, passed.call) >= (served.since, served.call)


def served(*waiting: Waiting, policy: Policy | None = None) -> str:
    engine = Engine(policy)
    engine.set_operator(Operator("1001", {"fr": 5}, state=READY, since=NOW, present=True))
    for caller in waiting:
        engine.wait(caller)
    (pair,) = engine.decide(NOW).pairs
    return pair.call


def french(call: str, waited: float, priority: int = 0) -> Waiting:
    return Waiting(call, (Step("fr"),), NOW - waited, priority)


def test_a_higher_priority_goes_before_a_longer_wait() -> None:
    assert served(french("usual", 250), french("urgent", 1, priority=1)) == "urgent"
    assert served(french("usual", 250), french("low", 500, priority=-1)) == "usual"


def test_nobody_starves_behind_higher_priorities() -> None:
    """A caller who has waited five minutes longer than one of the next higher priority goes first."""
    assert served(french("usual", 330), french("urgent", 25, priority=1)) == "usual"
    engine = Engine()
    engine.wait(french("usual", 0))
    now, operator = NOW, Operator("1001", {"fr": 5}, state=READY, present=True)
    for number in range(100):
        now += 30
        engine.wait(Waiting(f"urgent-{number}", (Step("fr"),), now, 1))
        engine.set_operator(operator)
        (pair,) = engine.decide(now).pairs
        if pair.call == "usual":
            break
    assert now - NOW <= Policy().priority_s + Policy().passing + 30
