"""A simulated day loses no call, is the same for the same seed, and agrees with exact results."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_engine import PlainEngine
from properties import examples, patient

from bench import erlang
from routing.engine import Engine
from routing.match import Step, Waiting
from routing.policy import Policy
from routing.simulation.day import STATES, CallOutcome, Day, Routing, simulate
from routing.simulation.demand import HOUR_S, Calls, Demand, draw
from routing.simulation.team import Team, spread_team
from routing.simulation.totals import LEFT, Totals
from routing.states import Operator, OperatorState

LANGUAGES = ("ar", "fr", "nl")
fewer = settings(patient, max_examples=examples(40))  # of days with hundreds of calls
MIX = (0.6, 0.3, 0.1)
ENGINES: dict[str, Callable[[], Routing]] = {
    "simplest": PlainEngine,
    "plain": lambda: Engine(Policy.plain(), explains=False),
    "ours": lambda: Engine(explains=False),
}

teams = st.builds(
    lambda count, languages_each, ring, wrap_up, slower, shift: Team(
        spread_team(LANGUAGES, MIX, count, languages_each, further_level=3),
        ring_s=ring,
        wrap_up_s=wrap_up,
        slower_per_level=slower,
        shifts={"1001": shift},
    ),
    count=st.integers(3, 8),
    languages_each=st.integers(1, 3),
    ring=st.sampled_from([0.0, 4.0]),
    wrap_up=st.sampled_from([0.0, 20.0]),
    slower=st.sampled_from([0.0, 0.2]),
    shift=st.sampled_from([(), ((0.0, 1800.0),), ((600.0, 1200.0), (2000.0, 9000.0))]),
)
demands = st.builds(
    Demand,
    languages=st.just(LANGUAGES),
    calls_per_hour=st.lists(st.sampled_from([0.0, 20.0, 90.0]), min_size=1, max_size=2).map(tuple),
    mix=st.just((MIX,)),
    talk_s=st.sampled_from([60.0, 300.0]),
    patience_s=st.sampled_from([None, 30.0, 200.0]),
)


def one_language(operators: int) -> Team:
    return Team(tuple(Operator(str(1001 + at), {"ar": 5}, present=True) for at in range(operators)))


def calls_of(*calls: tuple[float, str, float], patience: float = math.inf) -> Calls:
    """Return calls given as (arrival, language, talk time)."""
    return Calls(
        LANGUAGES,
        HOUR_S,
        np.array([at for at, _, _ in calls]),
        np.array([LANGUAGES.index(language) for _, language, _ in calls]),
        np.array([talk for _, _, talk in calls]),
        np.full(len(calls), patience),
    )


def same(one: Day, other: Day) -> bool:
    columns = ("outcome", "wait_s", "handling_s", "operator", "passed_s")
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns)


@fewer
@given(teams, demands, st.integers(0, 50))
def test_a_day_is_the_same_if_the_engine_does_not_explain_its_decisions(team: Team, demand: Demand, seed: int) -> None:
    calls = draw(demand, seed, 0)
    explained, quick = (simulate(calls, team, Engine(explains=explains)) for explains in (True, False))
    for name in ("outcome", "wait_s", "operator", "passed_s"):
        assert np.array_equal(getattr(explained, name), getattr(quick, name), equal_nan=True)


@fewer
@given(demands, teams, st.integers(0, 1000), st.sampled_from(list(ENGINES)))
def test_the_same_seed_gives_the_same_day(demand: Demand, team: Team, seed: int, engine: str) -> None:
    one, other = (simulate(draw(demand, seed), team, ENGINES[engine]()) for _ in range(2))
    assert same(one, other)


@fewer
@given(demands, teams, st.integers(0, 1000), st.sampled_from(list(ENGINES)))
def test_every_call_has_one_outcome_and_no_operator_talks_to_two_callers(
    demand: Demand, team: Team, seed: int, engine: str
) -> None:
    calls = draw(demand, seed)
    day = simulate(calls, team, ENGINES[engine]())
    assert len(day.outcome) == len(calls) == len(day.wait_s)
    assert (day.wait_s >= 0).all()
    answered = day.outcome == CallOutcome.ANSWERED
    assert ((day.operator >= 0) == answered).all()
    assert (day.wait_s <= calls.patience_s + 1e-6)[day.outcome != CallOutcome.LEFT].all()
    gave_up = day.outcome == CallOutcome.ABANDONED
    assert day.wait_s[gave_up] == pytest.approx(calls.patience_s[gave_up])
    for at, operator in enumerate(team.operators):
        mine = np.flatnonzero(day.operator == at)
        assert all(LANGUAGES[calls.language[call]] in operator.languages for call in mine)
        begins = calls.arrival[mine] + day.wait_s[mine]
        order = np.argsort(begins)
        ends = (begins + day.handling_s[mine])[order]
        assert (begins[order][1:] >= ends[:-1] - 1e-6).all()


@fewer
@given(demands, teams, st.integers(0, 1000), st.sampled_from(list(ENGINES)))
def test_operators_are_busy_as_long_as_their_calls_and_in_one_state_at_a_time(
    demand: Demand, team: Team, seed: int, engine: str
) -> None:
    day = simulate(draw(demand, seed), team, ENGINES[engine]())
    spans = day.spans
    assert (spans.ends > spans.begins).all()
    busy = (spans.ends - spans.begins)[spans.state != STATES.index(OperatorState.READY)].sum()
    shift_ends = sum(len(shifts) for shifts in team.shifts.values())  # each may cut a wrap-up short
    assert day.handling_s.sum() - team.wrap_up_s * shift_ends - 1e-3 <= busy <= day.handling_s.sum() + 1e-3
    for at in range(len(team.operators)):
        mine = np.flatnonzero(spans.operator == at)
        order = mine[np.argsort(spans.begins[mine], kind="stable")]
        assert (spans.begins[order][1:] >= spans.ends[order][:-1] - 1e-6).all()


@fewer
@given(demands, teams, st.integers(0, 1000), st.sampled_from(list(ENGINES)))
def test_totals_count_every_call_once(demand: Demand, team: Team, seed: int, engine: str) -> None:
    day = simulate(draw(demand, seed), team, ENGINES[engine]())
    totals = Totals(LANGUAGES, len(demand.calls_per_hour))
    totals.add(day)
    whole = totals.group().figures
    assert whole.waited == len(day.calls) == totals.calls
    assert whole.elsewhere.get(LEFT, 0) == int((day.outcome == CallOutcome.LEFT).sum())
    for groups in (
        [totals.group(language).figures for language in LANGUAGES],
        [totals.group(hour=hour).figures for hour in range(totals.hours)],
    ):
        assert sum(group.waited for group in groups) == whole.waited
        assert sum(group.answered for group in groups) == whole.answered
    assert whole.answered == int((day.outcome == CallOutcome.ANSWERED).sum())


@patient
@given(st.integers(0, 1000), st.integers(1, 12))
def test_one_pool_with_the_plain_policy_is_served_first_come_first_served(seed: int, operators: int) -> None:
    calls = draw(Demand(("ar",), (10.0 * operators,), ((1.0,),), 300), seed)
    day = simulate(calls, one_language(operators), ENGINES["plain"]())
    assert day.wait_s == pytest.approx(erlang.pool_waits(calls, operators), abs=1e-6)


def test_one_pool_agrees_with_erlang() -> None:
    operators, per_hour, handling, within = 10, 84.0, 300.0, 20.0
    demand = Demand(("ar",), (per_hour,) * 22, ((1.0,),), handling)
    levels, means = [], []
    for batch in range(examples(15)):
        calls = draw(demand, 7, batch)
        day = simulate(calls, one_language(operators), Engine(explains=False))
        counted = calls.arrival >= 2 * HOUR_S
        levels.append((day.wait_s[counted] <= within).mean())
        means.append(day.wait_s[counted].mean())
    load = per_hour * handling / HOUR_S
    for found, exact in (
        (levels, erlang.share_answered_within(within, operators, load, handling)),
        (means, erlang.mean_wait_s(operators, load, handling)),
    ):
        error = np.std(found, ddof=1) / math.sqrt(len(found))
        assert abs(np.mean(found) - exact) < 3 * error
        assert error < 0.15 * exact


def test_erlangs_formula_is_the_published_one() -> None:
    assert erlang.wait_probability(1, 0.5) == pytest.approx(0.5)  # M/M/1: the load itself
    assert erlang.wait_probability(2, 1.0) == pytest.approx(1 / 3)
    assert erlang.mean_wait_s(1, 0.5, 60) == pytest.approx(60)
    assert erlang.share_answered_within(20, 40, 400 * 300 / 3600, 300) == pytest.approx(0.88, abs=0.005)
    with pytest.raises(ValueError, match="more than 2 operators"):
        erlang.wait_probability(2, 2.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_littles_law_holds_on_a_long_run(engine: str) -> None:
    demand = Demand(LANGUAGES, (100.0,) * 12, (MIX,), patience_s=300)
    team = Team(spread_team(LANGUAGES, MIX, 10, 2), ring_s=3, wrap_up_s=15)
    day = simulate(draw(demand, 3), team, ENGINES[engine]())
    assert day.mean_waiting > 0.1
    assert day.mean_waiting == pytest.approx(len(day.calls) / day.until_s * day.wait_s.mean(), rel=1e-6)


def test_all_policies_get_the_same_calls_and_the_plain_one_passes_nobody() -> None:
    demand = Demand(LANGUAGES, (110.0,) * 12, (MIX,))
    team = Team(spread_team(LANGUAGES, MIX, 10, 2))
    plain, simple = (simulate(draw(demand, 5), team, ENGINES[name]()) for name in ("plain", "simplest"))
    assert same(plain, simple)
    assert np.max(plain.wait_s) > 20
    assert not plain.passed_s.any()
    ours = simulate(draw(demand, 5), team, ENGINES["ours"]())
    assert np.array_equal(ours.calls.arrival, plain.calls.arrival)
    assert not same(ours, plain)


def test_nobody_is_passed_by_more_than_the_policys_bound() -> None:
    demand = Demand(LANGUAGES, (118.0,) * 12, (MIX,))
    team = Team(spread_team(LANGUAGES, MIX, 10, 2))
    policy = Policy()
    day = simulate(draw(demand, 5), team, Engine(policy, explains=False))
    speakers = [sum(language in operator.languages for operator in team.operators) for language in LANGUAGES]
    assert 0 < np.max(day.passed_s) <= policy.bound(speakers, 10)


def test_a_caller_counts_as_passed_only_if_the_operator_of_a_later_caller_could_have_served_them() -> None:
    class LatestFirst(PlainEngine):
        def turn(self, waiting: Waiting) -> float:
            return -waiting.since

    calls = calls_of((0, "ar", 100), (10, "ar", 5), (20, "nl", 5), (30, "ar", 5))
    operator = Operator("1001", {"ar": 5}, present=True)
    day = simulate(calls, Team((operator,)), LatestFirst())
    assert day.passed_s.tolist() == [0, 20, 0, 0]
    assert day.outcome.tolist() == [CallOutcome.ANSWERED, CallOutcome.ANSWERED, CallOutcome.LEFT, CallOutcome.ANSWERED]


def test_ringing_is_part_of_the_wait_and_a_caller_who_hangs_up_meanwhile_frees_the_operator() -> None:
    calls = calls_of((0, "ar", 60), (1, "ar", 60), patience=3)
    team = Team(one_language(1).operators, ring_s=5)
    day = simulate(calls, team, Engine())
    assert day.outcome.tolist() == [CallOutcome.ABANDONED, CallOutcome.ABANDONED]
    patient_ones = calls_of((0, "ar", 60), (70, "ar", 60))
    assert simulate(patient_ones, team, Engine()).wait_s.tolist() == [5, 5]


def test_wrap_up_occupies_the_operator_and_a_lower_level_takes_longer() -> None:
    calls = calls_of((0, "ar", 100), (10, "ar", 100))
    operator = Operator("1001", {"ar": 3}, present=True)
    day = simulate(calls, Team((operator,), wrap_up_s=20, slower_per_level=0.1), Engine())
    assert day.wait_s.tolist() == [0, pytest.approx(120 + 20 - 10)]
    assert day.handling_s.tolist() == pytest.approx([140, 140])


def test_an_operator_who_goes_off_duty_finishes_the_call_and_takes_no_other() -> None:
    calls = calls_of((10, "ar", 100), (20, "ar", 10), (500, "ar", 10))
    team = Team(one_language(1).operators, shifts={"1001": ((0, 50), (400, 3600))})
    day = simulate(calls, team, Engine())
    assert day.outcome.tolist() == [CallOutcome.ANSWERED] * 3
    assert day.wait_s.tolist() == [0, 380, 0]
    touching = Team(one_language(1).operators, shifts={"1001": ((0, 50), (50, 3600))})
    assert simulate(calls, touching, Engine()).wait_s.tolist() == [0, 90, 0]
    gone = Team(one_language(1).operators, shifts={"1001": ((0, 50),)})
    assert simulate(calls, gone, Engine()).outcome.tolist() == [
        CallOutcome.ANSWERED,
        CallOutcome.LEFT,
        CallOutcome.LEFT,
    ]


def test_after_a_step_has_ended_another_operator_can_serve_the_caller() -> None:
    calls = calls_of((0, "nl", 10))
    team = Team((Operator("1001", {"nl": 2}, present=True), Operator("1002", {"nl": 5}, present=True)))
    busy = calls_of((0, "nl", 500), (1, "nl", 10))
    needs = {"nl": (Step("nl", 4, patience=30), Step("nl"))}
    assert simulate(calls, team, Engine(), needs).operator.tolist() == [1]
    day = simulate(busy, team, Engine(), needs)
    assert day.operator.tolist() == [1, 0]
    assert day.wait_s.tolist() == [0, pytest.approx(30)]


def test_occupancy_is_that_of_the_languages_speakers_in_that_hour() -> None:
    team = Team((Operator("1001", {"ar": 5}, present=True), Operator("1002", {"fr": 5}, present=True)))
    totals = Totals(LANGUAGES, 1)
    totals.add(simulate(calls_of((0, "ar", 900), (100, "fr", 3500)), team, Engine()))
    assert totals.group("ar", 0).occupancy == pytest.approx(0.25)
    assert totals.group("fr", 0).occupancy == pytest.approx(3500 / 3600)
    assert totals.group("nl").occupancy is None
    assert totals.group().occupancy == pytest.approx(4400 / 7200)
