"""Alarms by a site's limits begin when a limit is exceeded, and end once nothing has exceeded it for a while."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.figures import Counts
from routing.thresholds import CALM_S, Exceeded, Thresholds, ThresholdWatch, Waiting

NONE = Counts()
NOBODY: Mapping[str, Waiting] = {}


def exceeded(
    watch: ThresholdWatch, now: float, waiting: Mapping[str, Waiting] = NOBODY, latest: Counts = NONE
) -> set[str]:
    return {str(found.what) for found in watch.look(now, waiting, latest)}


def test_so_many_callers_as_the_limit_are_too_many_in_all_languages_together() -> None:
    watch = ThresholdWatch(Thresholds(waiting=3))
    assert exceeded(watch, 100, {"fr": Waiting(2, 99)}) == set()
    assert exceeded(watch, 101, {"fr": Waiting(2, 99), "ar": Waiting(1, 100)}) == {"many_waiting"}


def test_a_caller_who_waits_too_long_alarms_for_their_language_and_not_for_another() -> None:
    watch = ThresholdWatch(Thresholds(waiting_s=60))
    waiting = {"fr": Waiting(4, 940), "ar": Waiting(1, 941)}
    (found,) = watch.look(1000, waiting, NONE)
    assert (found.what, found.language, found.since, found.figure) == (Exceeded.LONG_WAIT, "fr", 1000, 940)
    assert {row.language for row in watch.look(1001, waiting, NONE)} == {"fr", "ar"}


def test_a_long_wait_has_no_clock_any_more_once_that_caller_has_got_an_operator() -> None:
    watch = ThresholdWatch(Thresholds(waiting_s=60))
    assert [row.figure for row in watch.look(1000, {"fr": Waiting(1, 0)}, NONE)] == [0]
    assert [(row.what, row.figure) for row in watch.look(1001, {"fr": Waiting(1, 985)}, NONE)] == [("long_wait", None)]
    assert watch.look(1000 + CALM_S, {"fr": Waiting(1, 985)}, NONE) == []


def test_shares_count_only_after_enough_calls() -> None:
    watch = ThresholdWatch(Thresholds(service_level=0.8, abandoned=0.1))
    assert exceeded(watch, 0, latest=Counts(answered=2, answered_within=0, abandoned=7)) == set()
    assert exceeded(watch, 0, latest=Counts(answered=8, answered_within=8, abandoned=2)) == {"abandoned"}
    assert exceeded(watch, 99, latest=Counts(answered=10, answered_within=7)) == {"service_level"}
    assert exceeded(watch, 199, latest=Counts(answered=10, answered_within=8)) == set()


def test_an_alarm_keeps_its_beginning_while_callers_come_and_go_and_ends_when_it_was_calm() -> None:
    watch = ThresholdWatch(Thresholds(waiting=2))
    many, few = {"fr": Waiting(2, 0)}, {"fr": Waiting(1, 0)}
    assert [row.since for row in watch.look(10, many, NONE)] == [10]
    assert [row.since for row in watch.look(12, few, NONE)] == [10]
    assert [(row.since, row.figure) for row in watch.look(14, {"fr": Waiting(5, 0)}, NONE)] == [(10, 5)]
    assert len(watch.look(14 + CALM_S - 0.1, few, NONE)) == 1
    assert watch.look(14 + CALM_S, few, NONE) == []
    assert [row.since for row in watch.look(100, many, NONE)] == [100]


@pytest.mark.parametrize("what", list(Exceeded))
def test_a_limit_of_zero_is_off(what: Exceeded) -> None:
    on = Thresholds(waiting=1, waiting_s=1, service_level=0.9, abandoned=0.1)
    name = {Exceeded.MANY_WAITING: "waiting", Exceeded.LONG_WAIT: "waiting_s"}.get(what, what.value)
    values = {field: getattr(on, field) for field in Thresholds.__dataclass_fields__} | {name: 0}
    bad, waiting = Counts(answered=1, abandoned=9), {"fr": Waiting(5, 0)}
    assert exceeded(ThresholdWatch(on), 100, waiting, bad) == {str(kind) for kind in Exceeded}
    assert exceeded(ThresholdWatch(Thresholds(**values)), 100, waiting, bad) == set(map(str, Exceeded)) - {what.value}


steps = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 6)), max_size=30)


@given(steps)
def test_nothing_alarms_that_was_not_exceeded_within_the_calm_time(walk: list[tuple[float, int]]) -> None:
    watch, now, last = ThresholdWatch(Thresholds(waiting=4)), 0.0, None
    for passed, callers in walk:
        now += passed
        last = now if callers >= 4 else last
        found = watch.look(now, {"fr": Waiting(callers, 0.0)} if callers else {}, NONE)
        assert bool(found) == (last is not None and now - last < CALM_S)
