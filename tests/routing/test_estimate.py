"""Estimates follow from the calls that were accepted, and only reliable ones may be announced to callers."""

import copy
import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples, patient

from bench import estimate as week
from routing.callers_ahead import callers_ahead
from routing.engine import Engine
from routing.estimate import CLASS_LIMITS_S, LEAST_CHECKED, LEAST_FREED, RECORD_S, Estimate, Estimates, WaitClass
from routing.match import Step, Waiting
from routing.states import Operator, OperatorState

START = 1_795_600_000.0
TALKING, READY, PAUSED = OperatorState.TALKING, OperatorState.READY, OperatorState.PAUSED


class Centre:
    """Operators who finish one call after another, with their estimates."""

    def __init__(self, *languages: str) -> None:
        self.now = START
        self.estimates = Estimates()
        self.operators = [
            Operator(str(1001 + at), dict.fromkeys(spoken.split(), 5), state=TALKING)
            for at, spoken in enumerate(languages)
        ]
        for operator in self.operators:
            self.estimates.set_operator(operator, self.now)
        self.calls = 0

    def set_state(self, at: int, state: OperatorState) -> None:
        self.operators[at] = replace(self.operators[at], state=state)
        self.estimates.set_operator(self.operators[at], self.now)

    def finish_calls(self, count: int, every_s: float, at: int = 0) -> None:
        """End `count` calls of one operator, each followed by the next at once."""
        for _ in range(count):
            self.now += every_s
            self.set_state(at, READY)
            self.set_state(at, TALKING)

    def estimate(self, language: str = "fr", **ahead: int) -> Estimate:
        """Return the estimate for a caller, without announcing it."""
        return self.estimates.locate(self._name(), language, ahead, self.now, aloud=False).estimate

    def announce_and_accept(self, count: int, after_s: float, **ahead: int) -> None:
        """Announce the wait to `count` callers, one after another, each accepted after `after_s` seconds."""
        for _ in range(count):
            call = self._name()
            self.estimates.wait(call, "fr", self.now)
            self.estimates.locate(call, "fr", ahead, self.now)
            self.now += after_s
            self.estimates.accept(call, "1001", self.now)

    def _name(self) -> str:
        self.calls += 1
        return f"call-{self.calls}"


def test_without_accepted_calls_there_is_a_position_but_no_estimate() -> None:
    place = Centre("fr").estimates.locate("call", "fr", {"fr": 3}, START)
    assert (place.position, place.estimate) == (4, Estimate())


def test_the_position_counts_only_callers_who_could_take_the_same_operators() -> None:
    estimates = Centre("fr ar", "nl de", "ar es").estimates
    assert estimates.locate("call", "fr", {"fr": 2, "ar": 3, "nl": 4, "es": 5}, START).position == 6
    assert estimates.locate("call", "it", {"it": 2, "fr": 4}, START).position == 3


def test_the_estimate_is_the_position_times_the_time_between_accepted_calls() -> None:
    centre = Centre("fr", "fr")
    centre.finish_calls(10, 60)
    assert centre.estimate(fr=4).seconds == pytest.approx(5 * 600 * 2 / 10 / 2)
    centre.set_state(1, PAUSED)
    assert centre.estimate(fr=4).seconds == pytest.approx(5 * 600 * 2 / 11)
    centre.set_state(0, PAUSED)
    assert centre.estimate(fr=4) == Estimate()


def test_idle_time_does_not_lengthen_an_estimate() -> None:
    centre = Centre("fr")
    centre.finish_calls(10, 60)
    before = centre.estimate(fr=2).seconds
    centre.set_state(0, READY)
    centre.now += 600
    centre.set_state(0, TALKING)
    assert before is not None
    assert centre.estimate(fr=2).seconds == pytest.approx(before, rel=0.1)


def test_calls_older_than_half_an_hour_do_not_count() -> None:
    centre = Centre("fr")
    centre.finish_calls(10, 60)
    centre.set_state(0, READY)
    centre.now += 1900
    centre.set_state(0, TALKING)
    assert centre.estimate().seconds is None


def test_callers_ahead_who_give_up_shorten_the_estimate() -> None:
    patient_ones, others = Centre("fr"), Centre("fr")
    for centre in (patient_ones, others):
        for number in range(20):
            centre.estimates.wait(f"waits-{number}", "fr", centre.now)
        centre.finish_calls(10, 60)
    for number in range(10):
        others.estimates.leave(f"waits-{number}", others.now)
    longer, shorter = patient_ones.estimate(fr=15).seconds, others.estimate(fr=15).seconds
    assert longer is not None and shorter is not None
    assert shorter < 0.8 * longer


def test_callback_requests_do_not_make_callers_seem_patient() -> None:
    callers, with_requests = Centre("fr"), Centre("fr")
    for centre in (callers, with_requests):
        for number in range(20):
            centre.estimates.wait(f"waits-{number}", "fr", centre.now)
        if centre is with_requests:
            for number in range(40):
                centre.estimates.wait(f"request-{number}", "fr", centre.now, callback=True)
        centre.finish_calls(10, 60)
        for number in range(10):
            centre.estimates.leave(f"waits-{number}", centre.now)
    with_requests.estimates.leave("request-0", with_requests.now)
    with_requests.estimates.accept("request-1", "1001", with_requests.now)
    assert with_requests.estimate(fr=15).seconds == callers.estimate(fr=15).seconds


def test_an_estimate_is_announced_only_after_enough_accepted_calls_and_right_predictions() -> None:
    centre = Centre("fr")
    centre.finish_calls(LEAST_FREED - 1, 5)
    centre.announce_and_accept(LEAST_CHECKED + 5, 1)
    centre.finish_calls(1, 5)
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (0, 0), "too few calls had been accepted by then"
    assert (centre.estimate().wait, centre.estimate().earned) == (WaitClass.UNDER_2, False)
    centre.announce_and_accept(LEAST_CHECKED - 1, 1)
    assert not centre.estimate().earned
    centre.announce_and_accept(1, 1)
    assert centre.estimate().earned
    centre.now += RECORD_S
    centre.finish_calls(LEAST_FREED, 5)
    assert not centre.estimate().earned, "the record is too old"


def test_a_class_whose_predictions_fail_is_no_longer_announced() -> None:
    centre = Centre("fr")
    centre.finish_calls(20, 5)
    centre.announce_and_accept(8, 1)
    assert centre.estimate().earned
    centre.announce_and_accept(3, 200)
    centre.finish_calls(20, 5)
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (8, 11)
    assert not centre.estimate().earned


def test_a_caller_who_still_waits_when_the_class_ends_proves_it_wrong() -> None:
    centre = Centre("fr")
    centre.finish_calls(20, 5)
    centre.estimates.locate("still", "fr", {}, centre.now)
    centre.estimates.locate("gone", "fr", {}, centre.now)
    centre.estimates.leave("gone", centre.now + 30)
    centre.now += CLASS_LIMITS_S[WaitClass.UNDER_2][1] + 1
    centre.estimate()
    assert centre.estimates.record(WaitClass.UNDER_2, centre.now) == (0, 1), "a caller who gave up proves nothing"


def test_a_class_that_is_not_probable_enough_is_not_announced() -> None:
    centre = Centre("fr")
    centre.finish_calls(60, 10)
    centre.announce_and_accept(20, 1)
    assert centre.estimate(fr=2).earned
    between = centre.estimate(fr=11)  # two minutes: as likely to be less as to be more
    assert between.seconds == pytest.approx(120, rel=0.1)
    assert not between.earned


def test_a_wait_that_a_drifting_rate_could_move_to_another_class_is_not_announced() -> None:
    """Half an hour of steady calls says much about the next two minutes, and less about a quarter of an hour."""
    expected = {
        (WaitClass.UNDER_2, 8): 5,  # in 90 s
        (WaitClass.ABOUT_10, 53): 0,  # in 540 s; the class begins at 450 s
        (WaitClass.ABOUT_10, 61): 5,  # in 620 s
    }
    for (wait, ahead_of_them), announced in expected.items():
        centre = Centre("fr")
        centre.finish_calls(180, 10)
        assert centre.estimate(fr=ahead_of_them).wait is wait
        for number in range(5):
            centre.estimates.wait(f"call-{number}", "fr", centre.now)
            centre.estimates.locate(f"call-{number}", "fr", {"fr": ahead_of_them}, centre.now)
        centre.finish_calls(ahead_of_them + 1, 10)
        for number in range(5):
            centre.estimates.accept(f"call-{number}", "1001", centre.now)
        assert centre.estimates.record(wait, centre.now) == (announced, announced)


def test_an_update_repeated_counts_once() -> None:
    once, twice = Centre("fr"), Centre("fr")
    for centre in (once, twice):
        for _ in range(1 + (centre is twice)):
            centre.estimates.set_operator(centre.operators[0], centre.now)
            centre.estimates.wait("waits", "fr", centre.now)
        centre.finish_calls(10, 30)
        for _ in range(1 + (centre is twice)):
            centre.estimates.accept("waits", "1001", centre.now)
            centre.estimates.leave("waits", centre.now)
    assert once.estimate(fr=3) == twice.estimate(fr=3)


@patient
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("set_operator", "remove_operator", "wait", "accept", "leave", "locate")),
            st.integers(0, 3),
            st.sampled_from(OperatorState),
            st.floats(-4000, 4000),
            st.sampled_from(("fr", "ar", "nl")),
        ),
        max_size=60,
    )
)
def test_estimates_stay_sane_whatever_the_order_of_events_and_the_jumps_of_the_clock(
    events: list[tuple[str, int, OperatorState, float, str]],
) -> None:
    estimates, now = Estimates(), START
    for kind, number, state, jump, language in events:
        now += jump
        match kind:
            case "set_operator":
                estimates.set_operator(Operator(str(number), {"fr": 5, language: 3}, state=state), now)
            case "remove_operator":
                estimates.remove_operator(str(number), now)
            case "wait":
                estimates.wait(f"call-{number}", language, now)
            case "accept":
                estimates.accept(f"call-{number}", str(number), now)
            case "leave":
                estimates.leave(f"call-{number}", now)
            case _:
                place = estimates.locate(f"call-{number}", language, {"fr": number, "ar": 2}, now)
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
def test_the_callers_counted_ahead_are_those_ahead_in_the_engines_order(
    callers: list[tuple[str, int, int]],
) -> None:
    engine = Engine()
    for operator in (Operator("1001", {"fr": 5, "ar": 3}), Operator("1002", {"fr": 5}), Operator("1003", {"nl": 5})):
        engine.set_operator(replace(operator, state=TALKING))
    for number, (language, waited, priority) in enumerate(callers):
        engine.wait(Waiting(f"call-{number:02}", (Step(language),), START - waited, priority))
    engine.decide(START)
    for position, waiting in enumerate(engine.waiting):
        language, counts = callers_ahead(engine.ranking, waiting.call, START)
        assert language == waiting.steps[0].language
        assert sum(counts.values()) == position
        assert counts.get("nl", 0) == sum(other.steps[0].language == "nl" for other in engine.waiting[:position])


@cache
def day(seed: int, load: float, patience_s: float = 900.0) -> dict[str, Any]:
    """Return the results of a simulated day. Cached, because simulating one takes seconds."""
    return week.measure_week(seed=seed, days=1, load=load, patience_s=patience_s)


@pytest.fixture(scope="module")
def busy_day() -> tuple[dict[str, Any], list[float]]:
    """The day's results, and the instants of its operator updates, in the order in which they were reported."""
    instants: list[float] = []

    class RecordingEstimates(Estimates):
        def set_operator(self, operator: Operator, now: float) -> None:
            instants.append(now)
            super().set_operator(operator, now)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(week, "Estimates", RecordingEstimates)
        patched.setattr(week, "OPERATORS", examples(week.OPERATORS))
        return week.measure_week(seed=5, days=1, load=1.1), instants


def test_a_simulated_day_reports_operator_changes_in_order(
    busy_day: tuple[dict[str, Any], list[float]],
) -> None:
    """An operator who is to go to lunch after their call has been talking for minutes when that is reported."""
    _, instants = busy_day
    assert len(instants) > 1000
    assert instants == sorted(instants)


@pytest.mark.long
def test_on_simulated_days_each_class_that_is_announced_is_right_at_least_four_times_in_five(
    busy_day: tuple[dict[str, Any], list[float]],
) -> None:
    days = [busy_day[0], day(6, 1.2), day(6, 1.0, 3600.0)]
    announced = {name: row for name, row in week.together(days)["classes"].items() if row["known"]}
    assert {"under_2", "about_5", "about_10"} <= set(announced)
    assert {name: row["right"] for name, row in announced.items() if row["right"] < week.WANTED} == {}
    assert all(found["said"] > 0.3 for found in days), "announcing nothing is always right"


def test_weeks_are_combined_by_the_number_of_predictions_with_a_known_result(
    busy_day: tuple[dict[str, Any], list[float]],
) -> None:
    other = copy.deepcopy(busy_day[0])
    other["classes"]["under_2"] |= {"known": 100, "right": 0.5}
    weeks = [busy_day[0], other]
    found = week.together(weeks)["classes"]["under_2"]
    rows = [result["classes"]["under_2"] for result in weeks]
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
    assert found["all"]["right"] > found["not_earned"]["right"], "withheld predictions would have been right less often"
