"""A caller is told where he stands by the calls that were accepted, and only what has earned being told."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from bench import estimate as week
from routing.ahead import ahead
from routing.engine import Engine
from routing.estimate import LEAST_CHECKED, LEAST_FREED, RECORD_S, RIGHT, Estimate, Estimates, WaitClass
from routing.match import Step, Waiting
from routing.states import Operator, OperatorState

START = 1_795_600_000.0
TALKING, READY, PAUSED = OperatorState.TALKING, OperatorState.READY, OperatorState.PAUSED


class Centre:
    """Operators who finish one call after the other, and what is estimated meanwhile."""

    def __init__(self, *languages: str) -> None:
        self.now = START
        self.estimates = Estimates()
        self.operators = [
            Operator(str(1001 + at), dict.fromkeys(each.split(), 5), state=TALKING) for at, each in enumerate(languages)
        ]
        for each in self.operators:
            self.estimates.operator(each, self.now)
        self.calls = 0

    def becomes(self, at: int, state: OperatorState) -> None:
        self.operators[at] = replace(self.operators[at], state=state)
        self.estimates.operator(self.operators[at], self.now)

    def finishes(self, times: int, every_s: float, at: int = 0) -> None:
        """Calls that begin again at once."""
        for _ in range(times):
            self.now += every_s
            self.becomes(at, READY)
            self.becomes(at, TALKING)

    def asks(self, language: str = "fr", **before: int) -> Estimate:
        """Somebody who does not wait on."""
        return self.estimates.place(self._name(), language, before, self.now, aloud=False).estimate

    def comes_true(self, times: int, after_s: float, **before: int) -> None:
        """So many are told, and accepted after so many seconds."""
        for _ in range(times):
            call = self._name()
            self.estimates.wait(call, "fr", self.now)
            self.estimates.place(call, "fr", before, self.now)
            self.now += after_s
            self.estimates.accepted(call, "1001", self.now)

    def _name(self) -> str:
        self.calls += 1
        return f"call-{self.calls}"


def test_without_an_accepted_call_there_is_a_place_and_no_estimate() -> None:
    place = Centre("fr").estimates.place("call", "fr", {"fr": 3}, START)
    assert (place.position, place.estimate) == (4, Estimate())


def test_only_who_could_take_the_same_operators_is_before_him() -> None:
    estimates = Centre("fr ar", "nl de", "ar es").estimates
    assert estimates.place("call", "fr", {"fr": 2, "ar": 3, "nl": 4, "es": 5}, START).position == 6
    assert estimates.place("call", "it", {"it": 2, "fr": 4}, START).position == 3


def test_the_estimate_is_the_place_times_the_time_between_accepted_calls() -> None:
    centre = Centre("fr", "fr")
    centre.finishes(10, 60)
    assert centre.asks(fr=4).seconds == pytest.approx(5 * 600 * 2 / 10 / 2)
    centre.becomes(1, PAUSED)
    assert centre.asks(fr=4).seconds == pytest.approx(5 * 600 * 2 / 11)
    centre.becomes(0, PAUSED)
    assert centre.asks(fr=4) == Estimate()


def test_idle_time_makes_no_estimate_longer() -> None:
    centre = Centre("fr")
    centre.finishes(10, 60)
    before = centre.asks(fr=2).seconds
    centre.becomes(0, READY)
    centre.now += 600
    centre.becomes(0, TALKING)
    assert before is not None
    assert centre.asks(fr=2).seconds == pytest.approx(before, rel=0.1)


def test_calls_of_more_than_half_an_hour_ago_do_not_count() -> None:
    centre = Centre("fr")
    centre.finishes(10, 60)
    centre.becomes(0, READY)
    centre.now += 1900
    centre.becomes(0, TALKING)
    assert centre.asks().seconds is None


def test_those_before_him_who_give_up_make_the_estimate_shorter() -> None:
    patient_ones, others = Centre("fr"), Centre("fr")
    for centre in (patient_ones, others):
        for number in range(20):
            centre.estimates.wait(f"waits-{number}", "fr", centre.now)
        centre.finishes(10, 60)
    for number in range(10):
        others.estimates.left(f"waits-{number}", others.now)
    longer, shorter = patient_ones.asks(fr=15).seconds, others.asks(fr=15).seconds
    assert longer is not None and shorter is not None
    assert shorter < 0.8 * longer


def test_call_back_requests_do_not_make_callers_seem_patient() -> None:
    callers, with_requests = Centre("fr"), Centre("fr")
    for centre in (callers, with_requests):
        for number in range(20):
            centre.estimates.wait(f"waits-{number}", "fr", centre.now)
        if centre is with_requests:
            for number in range(40):
                centre.estimates.wait(f"request-{number}", "fr", centre.now, callback=True)
        centre.finishes(10, 60)
        for number in range(10):
            centre.estimates.left(f"waits-{number}", centre.now)
    with_requests.estimates.left("request-0", with_requests.now)
    with_requests.estimates.accepted("request-1", "1001", with_requests.now)
    assert with_requests.asks(fr=15).seconds == callers.asks(fr=15).seconds


def test_an_estimate_is_earned_by_accepted_calls_and_by_what_came_of_others() -> None:
    centre = Centre("fr")
    centre.finishes(LEAST_FREED - 1, 5)
    centre.comes_true(LEAST_CHECKED + 5, 1)
    centre.finishes(1, 5)
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (0, 0), "too few calls were accepted then"
    assert (centre.asks().wait, centre.asks().earned) == (WaitClass.UNDER_2, False)
    centre.comes_true(LEAST_CHECKED - 1, 1)
    assert not centre.asks().earned
    centre.comes_true(1, 1)
    assert centre.asks().earned
    centre.now += RECORD_S
    centre.finishes(LEAST_FREED, 5)
    assert not centre.asks().earned, "that was too long ago"


def test_an_estimate_that_does_not_come_true_is_earned_no_more() -> None:
    centre = Centre("fr")
    centre.finishes(20, 5)
    centre.comes_true(8, 1)
    assert centre.asks().earned
    centre.comes_true(3, 200)
    centre.finishes(20, 5)
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (8, 11)
    assert not centre.asks().earned


def test_who_still_waits_when_the_class_is_over_shows_that_it_was_wrong() -> None:
    centre = Centre("fr")
    centre.finishes(20, 5)
    centre.estimates.place("still", "fr", {}, centre.now)
    centre.estimates.place("gone", "fr", {}, centre.now)
    centre.estimates.left("gone", centre.now + 30)
    centre.now += RIGHT[WaitClass.UNDER_2][1] + 1
    centre.asks()
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (0, 1), "nothing is known of who gave up"


def test_a_class_that_is_not_likely_enough_is_not_said() -> None:
    centre = Centre("fr")
    centre.finishes(60, 10)
    centre.comes_true(20, 1)
    assert centre.asks(fr=2).earned
    between = centre.asks(fr=11)  # two minutes, so that it is as likely to be less as to be more
    assert between.seconds == pytest.approx(120, rel=0.1)
    assert not between.earned


def test_a_wait_that_a_change_of_the_rate_would_take_to_another_class_is_not_foretold() -> None:
    """Half an hour of steady calls is much to go by for two minutes, and less for a quarter of an hour."""
    expected = {
        (WaitClass.UNDER_2, 8): 5,  # in 90 s
        (WaitClass.ABOUT_10, 53): 0,  # in 540 s, of which 450 are the least
        (WaitClass.ABOUT_10, 61): 5,  # in 620 s
    }
    for (wait, before), told in expected.items():
        centre = Centre("fr")
        centre.finishes(180, 10)
        assert centre.asks(fr=before).wait is wait
        for number in range(5):
            centre.estimates.wait(f"told-{number}", "fr", centre.now)
            centre.estimates.place(f"told-{number}", "fr", {"fr": before}, centre.now)
        centre.finishes(before + 1, 10)
        for number in range(5):
            centre.estimates.accepted(f"told-{number}", "1001", centre.now)
        assert centre.estimates.record(wait, centre.now) == (told, told)


def test_what_is_heard_twice_counts_once() -> None:
    once, twice = Centre("fr"), Centre("fr")
    for centre in (once, twice):
        for _ in range(1 + (centre is twice)):
            centre.estimates.operator(centre.operators[0], centre.now)
            centre.estimates.wait("waits", "fr", centre.now)
        centre.finishes(10, 30)
        for _ in range(1 + (centre is twice)):
            centre.estimates.accepted("waits", "1001", centre.now)
            centre.estimates.left("waits", centre.now)
    assert once.asks(fr=3) == twice.asks(fr=3)


@patient
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("operator", "remove", "wait", "accepted", "left", "place")),
            st.integers(0, 3),
            st.sampled_from(OperatorState),
            st.floats(-4000, 4000),
            st.sampled_from(("fr", "ar", "nl")),
        ),
        max_size=60,
    )
)
def test_no_order_of_events_and_no_jump_of_the_clock_makes_nonsense(
    events: list[tuple[str, int, OperatorState, float, str]],
) -> None:
    estimates, now = Estimates(), START
    for kind, number, state, jump, language in events:
        now += jump
        match kind:
            case "operator":
                estimates.operator(Operator(str(number), {"fr": 5, language: 3}, state=state), now)
            case "remove":
                estimates.remove(str(number), now)
            case "wait":
                estimates.wait(f"call-{number}", language, now)
            case "accepted":
                estimates.accepted(f"call-{number}", str(number), now)
            case "left":
                estimates.left(f"call-{number}", now)
            case _:
                place = estimates.place(f"call-{number}", language, {"fr": number, "ar": 2}, now)
                estimate = place.estimate
                assert 1 <= place.position <= 3 + number
                assert (estimate.seconds is None) == (estimate.wait is None)
                assert estimate.seconds is None or 0 < estimate.seconds < math.inf
                assert estimate.wait is not None or not estimate.earned


@patient
@given(
    st.lists(
        st.tuples(st.sampled_from(("fr", "ar", "nl")), st.integers(0, 90), st.integers(-1, 1)), min_size=1, max_size=30
    )
)
def test_those_ahead_are_those_who_are_before_him_in_the_order_of_the_engine(
    callers: list[tuple[str, int, int]],
) -> None:
    engine = Engine()
    for each in (Operator("1001", {"fr": 5, "ar": 3}), Operator("1002", {"fr": 5}), Operator("1003", {"nl": 5})):
        engine.set_operator(replace(each, state=TALKING))
    for number, (language, waited, priority) in enumerate(callers):
        engine.wait(Waiting(f"call-{number:02}", (Step(language),), START - waited, priority))
    engine.decide(START)
    for place, waiting in enumerate(engine.waiting):
        language, before = ahead(engine, waiting.call, START)
        assert language == waiting.steps[0].language
        assert sum(before.values()) == place
        assert before.get("nl", 0) == sum(each.steps[0].language == "nl" for each in engine.waiting[:place])


@cache
def day(seed: int, load: float, patience_s: float = 900.0) -> dict[str, Any]:
    """What is found on a simulated day, for all tests that can do with it: it takes seconds."""
    return week.measured(seed=seed, days=1, load=load, patience_s=patience_s)


@pytest.fixture(scope="module")
def busy_day() -> tuple[dict[str, Any], list[float]]:
    """What is found on it, and the instants that its estimates were told of, in the order of their being told."""
    told: list[float] = []

    class Listening(Estimates):
        def operator(self, operator: Operator, now: float) -> None:
            told.append(now)
            super().operator(operator, now)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(week, "Estimates", Listening)
        return week.measured(seed=5, days=1, load=1.1), told


def test_nothing_of_a_simulated_day_is_told_as_if_it_had_been_earlier(
    busy_day: tuple[dict[str, Any], list[float]],
) -> None:
    """An operator who goes to lunch after his call has been talking for minutes when that is said."""
    _, told = busy_day
    assert len(told) > 1000
    assert told == sorted(told)


def test_on_simulated_days_each_class_that_is_announced_is_right_at_least_four_times_in_five() -> None:
    days = [day(6, load, patience_s) for load, patience_s in ((1.1, 900.0), (1.2, 900.0), (1.0, 3600.0))]
    announced = {name: row for name, row in week.together(days)["classes"].items() if row["known"]}
    assert {"under_2", "about_5", "about_10"} <= set(announced)
    assert {name: row["right"] for name, row in announced.items() if row["right"] < week.WANTED} == {}
    assert all(each["said"] > 0.3 for each in days), "silence is always right"


def test_of_all_weeks_together_a_class_counts_by_what_is_known_of_it() -> None:
    weeks = [day(6, load) for load in (1.1, 1.2)]
    found = week.together(weeks)["classes"]["under_2"]
    rows = [each["classes"]["under_2"] for each in weeks]
    assert found["known"] == sum(row["known"] for row in rows)
    assert min(row["right"] for row in rows) <= found["right"] <= max(row["right"] for row in rows)
    assert (found["weeks"], found["worst_week"]) == (2, min(row["right"] for row in rows))


def test_on_a_simulated_day_the_announced_class_is_right_at_least_four_times_in_five(
    busy_day: tuple[dict[str, Any], list[float]],
) -> None:
    found, _ = busy_day
    assert found["all"]["known"] > 1000
    for name in ("under_2", "about_5"):
        assert found["classes"][name]["right"] >= 0.8
    assert found["all"]["right"] > found["not_earned"]["right"], "what is kept back would have been right less often"
