"""The metrics are as docs/figures.md defines them, and are computed from sums."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from routing.figures import (
    Counts,
    Limits,
    Tally,
    Work,
    merge_tallies,
    percentile,
    service_level_by_target,
    service_level_offered,
    service_level_without_short,
)

PUBLISHED = Counts(answered=1000, answered_within=860, abandoned=60, abandoned_within=20, abandoned_short=10)

waits = st.floats(0, 3600) | st.sampled_from([0.0, 5.0, 20.0])
calls = st.lists(st.tuples(st.sampled_from(["answered", "abandoned", "callback", "message"]), waits), max_size=40)


def counted(found: list[tuple[str, float]], limits: Limits | None = None) -> Tally:
    tally = Tally(limits)
    for outcome, wait in found:
        if outcome == "answered":
            tally.add_answered(wait, 60)
        elif outcome == "abandoned":
            tally.add_abandoned(wait)
        else:
            tally.add_elsewhere(outcome)
    return tally


def test_the_published_example_gives_the_published_service_levels() -> None:
    found = [
        level(PUBLISHED) for level in (service_level_offered, service_level_without_short, service_level_by_target)
    ]
    assert [f"{level:.1%}" for level in found if level is not None] == ["81.1%", "81.9%", "82.7%"]


def test_a_tally_of_the_published_example_gives_its_counts_and_its_abandonment() -> None:
    answered = [("answered", 20.0)] * 860 + [("answered", 20.1)] * 140
    gave_up = [("abandoned", 5.0)] * 10 + [("abandoned", 20.0)] * 10 + [("abandoned", 21.0)] * 40
    tally = counted(answered + gave_up)
    assert tally.counts == PUBLISHED
    assert tally.figures().abandonment == pytest.approx(60 / 1060)


def test_a_caller_who_ends_elsewhere_waited_but_was_neither_answered_nor_abandoned() -> None:
    figures = counted([("answered", 3), ("callback", 40), ("message", 50), ("message", 60), ("abandoned", 9)]).figures()
    assert (figures.waited, figures.offered, figures.answered, figures.abandoned) == (5, 2, 1, 1)
    assert figures.elsewhere == {"callback": 1, "message": 2}
    assert figures.abandonment == 1 / 5
    assert figures.service_level_offered == 1 / 2


def test_the_average_speed_of_answer_counts_answered_calls_only() -> None:
    figures = counted([("answered", 10), ("answered", 30), ("abandoned", 500)]).figures()
    assert figures.average_speed_of_answer_s == 20
    assert figures.handling_s == 60


def test_metrics_of_an_empty_group_are_none_and_not_zero() -> None:
    figures = Tally().figures()
    assert figures.waited == 0
    assert {figures.service_level_offered, figures.abandonment, figures.wait_p99_s, figures.handling_s} == {None}
    assert Work().occupancy is None


@patient
@given(st.lists(calls, max_size=5))
def test_metrics_of_merged_groups_equal_those_of_all_their_calls(groups: list[list[tuple[str, float]]]) -> None:
    apart = merge_tallies(counted(group) for group in groups).figures()
    at_once = counted([call for group in groups for call in group]).figures()
    assert apart == at_once


def test_groups_are_not_averaged() -> None:
    small, large = counted([("answered", 100)]), counted([("answered", 1)] * 9)
    assert merge_tallies([small, large]).figures().service_level_offered == 0.9


def test_tallies_with_different_limits_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="use the same limits"):
        Tally(Limits(within_s=20)).add(Tally(Limits(within_s=30)))


@patient
@given(calls, st.floats(0, 600))
def test_a_longer_target_is_met_at_least_as_often(found: list[tuple[str, float]], within: float) -> None:
    short = counted(found, Limits(within)).figures().service_level_offered
    long = counted(found, Limits(within + 30)).figures().service_level_offered
    assert (short is None) == (long is None)
    assert short is None or long is None or short <= long


@patient
@given(st.lists(waits, min_size=1, max_size=200), st.floats(0, 100))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(
    values: list[float], percent: float
) -> None:
    found = percentile(values, percent)
    assert found in values
    enough = len(values) * percent / 100 - 1e-6
    assert sum(value <= found for value in values) >= enough
    assert all(sum(value <= less for value in values) < enough + 2e-6 for less in values if less < found)


def test_a_percentile_is_not_rounded_up_because_of_a_binary_fraction() -> None:
    assert percentile(map(float, range(1, 1001)), 99.9) == 999
    assert percentile([], 50) is None


@patient
@given(st.lists(st.tuples(*[st.floats(0, 1e5)] * 3), max_size=10))
def test_occupancy_is_computed_from_summed_seconds_without_pauses(done: list[tuple[float, float, float]]) -> None:
    total = sum((Work(*seconds) for seconds in done), Work())
    talking, wrapping_up, ready = (math.fsum(seconds[at] for seconds in done) for at in range(3))
    if talking + wrapping_up + ready == 0:
        assert total.occupancy is None
    else:
        assert total.occupancy == pytest.approx((talking + wrapping_up) / (talking + wrapping_up + ready))
