"""The calls and the team of a simulated day follow their parameters, and a change of one leaves the others."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from routing.simulation.demand import HOUR_S, Calls, Demand, Spread, draw
from routing.simulation.past import PastCall, mean_patience, repeat_calls
from routing.simulation.team import first_languages, spread_team

LANGUAGES = ("ar", "fr", "nl")
LONG = Demand(LANGUAGES, (300.0,) * 100, ((0.6, 0.3, 0.1),), patience_s=180)
REFERENCE = (0.34, 0.30, 0.12, 0.10, 0.07, 0.04, 0.03)

mixes = st.lists(st.floats(0.01, 1), min_size=1, max_size=7)


def is_same(one: Calls, other: Calls, *columns: str) -> bool:
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns)


def test_arrivals_talk_times_patience_and_mix_are_distributed_as_given() -> None:
    calls = draw(LONG, 1)
    assert len(calls) == pytest.approx(30_000, abs=4 * math.sqrt(30_000))
    gaps = np.diff(calls.arrival)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)  # Poisson: the standard deviation equals the mean
    assert calls.talk_s.mean() == pytest.approx(300, rel=0.03)
    assert calls.patience_s.mean() == pytest.approx(180, rel=0.03)
    assert np.bincount(calls.language) / len(calls) == pytest.approx([0.6, 0.3, 0.1], abs=0.01)


def test_each_hour_has_its_own_calls_and_its_own_mix() -> None:
    rates, mix = (0.0, 2000.0, 500.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))
    calls = draw(Demand(LANGUAGES, rates, mix), 1)
    hour = (calls.arrival // HOUR_S).astype(int)
    assert np.array_equal(calls.language, hour)
    found = np.bincount(hour, minlength=3)
    assert found[0] == 0
    assert found[1:] == pytest.approx([2000, 500], abs=4 * math.sqrt(2000))


@pytest.mark.parametrize("variation", [0.3, 1.0, 2.0])
def test_lognormal_talk_times_have_the_given_mean_and_variation(variation: float) -> None:
    calls = draw(replace(LONG, spread=Spread.LOGNORMAL, variation=variation), 2)
    assert calls.talk_s.mean() == pytest.approx(300, rel=0.05)
    assert calls.talk_s.std() / calls.talk_s.mean() == pytest.approx(variation, rel=0.15)


@pytest.mark.parametrize(
    ("change", "unchanged"),
    [
        ({"mix": ((0.1, 0.1, 0.8),)}, ("arrival", "talk_s", "patience_s")),
        ({"patience_s": None}, ("arrival", "language", "talk_s")),
        ({"spread": Spread.LOGNORMAL}, ("arrival", "language", "patience_s")),
        ({"talk_s": 90.0}, ("arrival", "language", "patience_s")),
    ],
)
def test_a_change_of_one_parameter_leaves_the_other_columns_unchanged(
    change: dict[str, Any], unchanged: tuple[str, ...]
) -> None:
    before, after = draw(LONG, 4), draw(replace(LONG, **change), 4)
    assert is_same(before, after, *unchanged)
    assert not is_same(before, after, "arrival", "language", "talk_s", "patience_s")


def test_another_seed_or_another_day_gives_other_calls() -> None:
    assert is_same(draw(LONG, 1, 2), draw(LONG, 1, 2), "arrival", "language", "talk_s", "patience_s")
    days = [draw(LONG, seed, day).arrival[:100].tolist() for seed in (1, 2) for day in (0, 1, 2)]
    assert all(one != other for at, one in enumerate(days) for other in days[:at])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"calls_per_hour": ()}, "one figure of 0 or more for each hour"),
        ({"calls_per_hour": (math.nan,)}, "one figure of 0 or more for each hour"),
        ({"mix": ((1.0, 0, 0),) * 2}, "one row of shares, or one row for each hour"),
        ({"mix": ((1.0, 0.5),)}, "one share for each of ar, fr, nl"),
        ({"mix": ((0.0, 0.0, 0.0),)}, "one share for each of ar, fr, nl"),
        ({"talk_s": 0.0}, "greater than 0"),
        ({"patience_s": 0.0}, "leave it out if nobody gives up"),
    ],
)
def test_an_invalid_demand_is_refused_with_a_remedy(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(LONG, **change)


@patient
@given(mixes, st.integers(0, 60))
def test_every_operator_has_a_first_language_and_every_language_has_an_operator(mix: list[float], more: int) -> None:
    count = len(mix) + more
    found = first_languages(mix, count)
    assert sum(found) == count
    assert min(found) >= 1
    for share, people in zip(mix, found, strict=True):
        assert people < count * share / sum(mix) + 1 or people == 1


def test_the_reference_mix_gives_the_reference_first_languages() -> None:
    assert first_languages(REFERENCE, 40) == [14, 12, 5, 4, 3, 1, 1]


@patient
@given(mixes, st.integers(0, 30), st.integers(1, 7))
def test_each_operator_has_the_requested_number_of_different_languages(
    mix: list[float], more: int, languages_each: int
) -> None:
    languages = (*LANGUAGES, "es", "it", "de", "en")
    languages_each = min(languages_each, len(mix))
    operators = spread_team(languages[: len(mix)], mix, len(mix) + more, languages_each)
    assert [len(one.languages) for one in operators] == [languages_each] * (len(mix) + more)
    assert len({one.id for one in operators}) == len(operators)
    firsts = [next(iter(one.languages)) for one in operators]
    wanted = first_languages(mix, len(mix) + more)
    assert [firsts.count(language) for language in languages[: len(mix)]] == wanted


def test_rare_languages_get_more_than_their_share_of_further_speakers() -> None:
    operators = spread_team(("ar", "fr", "es", "it", "nl", "de", "en"), REFERENCE, 40, 2)
    speakers = sum("en" in one.languages for one in operators)
    assert speakers > 2 * 0.03 * 40


@pytest.mark.parametrize(("count", "languages_each"), [(2, 1), (3, 4), (3, 0)])
def test_an_impossible_team_is_refused_with_a_remedy(count: int, languages_each: int) -> None:
    with pytest.raises(ValueError, match="use "):
        spread_team(LANGUAGES, (0.5, 0.3, 0.2), count, languages_each)


def test_past_calls_are_repeated_at_their_times_and_abandoned_ones_with_the_same_patience() -> None:
    past = [
        PastCall(50, "fr", 4, 120),
        PastCall(10, "ar", 30, None),
        PastCall(70, "ar", 0, 33),
        PastCall(90, "nl", 9, None),
    ]
    calls = repeat_calls(past, LANGUAGES, HOUR_S, mean_patience(past), 300, seed=1)
    assert calls.arrival.tolist() == [10, 50, 70, 90]
    assert [LANGUAGES[language] for language in calls.language] == ["ar", "fr", "ar", "nl"]
    assert calls.talk_s.tolist() == [33, 120, 33, 300]  # the talk times in nl are unknown
    assert calls.patience_s[[0, 3]].tolist() == [30, 9]
    assert (calls.patience_s[[1, 2]] > [4, 0]).all()


def test_patience_is_estimated_from_the_waits_of_answered_calls_too() -> None:
    chance = np.random.default_rng(1)
    patience, offered = chance.exponential(100, 20_000), chance.exponential(40, 20_000)
    past = [
        PastCall(0, "ar", min(one, other), 10 if other < one else None)
        for one, other in zip(patience, offered, strict=True)
    ]
    assert mean_patience(past) == pytest.approx(100, rel=0.05)
    assert mean_patience([PastCall(0, "ar", 10, 10)]) == math.inf
