"""The comparison with app_queue: idle times, what is counted, and the same calls for both."""

import io

import pytest
from rich.console import Console

from bench import queue_conf, queue_results
from bench.queue_day import Case, Planned, is_counted, plan_calls, predict
from bench.queue_results import Result
from bench.queue_story import Event, Ringing, Story, ringings
from bench.reference_case import LANGUAGES
from routing.engine import Engine
from routing.match import Step, Waiting
from routing.states import Operator, OperatorState

MS = 1_000_000
SPEAKS = {"1001": ("fr", "ar"), "1002": ("ar",)}


def rings_of(*events: Event, languages: tuple[str, ...] = ("fr", "ar", "fr")) -> list[Ringing]:
    return ringings(events, languages, SPEAKS)


def test_an_operator_is_idle_from_the_end_of_their_call_while_a_caller_waits_whom_they_can_serve() -> None:
    found = rings_of(
        Event(1 * MS, "waits", 0),
        Event(2 * MS, "rung", 0, "1001"),
        Event(3 * MS, "waits", 2),
        Event(10 * MS, "free", 0, "1001"),
        Event(14 * MS, "rung", 2, "1001"),
    )
    assert found == [Ringing(0, "1001", 1.0, freed=False), Ringing(2, "1001", 4.0, freed=True)]


def test_an_operator_who_is_rung_for_another_caller_first_counts_as_idle() -> None:
    """Otherwise a way that lets the operator wait until another caller comes would seem to be quick."""
    found = rings_of(
        Event(1 * MS, "rung", 0, "1001"),
        Event(2 * MS, "waits", 2),
        Event(10 * MS, "free", 0, "1001"),
        Event(500 * MS, "waits", 1),
        Event(510 * MS, "rung", 1, "1001"),
    )
    assert found == [Ringing(1, "1001", 500.0, freed=True)]


def test_an_operator_is_not_idle_while_only_others_can_serve_the_waiting_callers() -> None:
    found = rings_of(
        Event(1 * MS, "waits", 0),
        Event(2 * MS, "rung", 0, "1001"),
        Event(5 * MS, "waits", 2),
        Event(700 * MS, "waits", 1),
        Event(703 * MS, "rung", 1, "1002"),
    )
    assert [item.idle_ms for item in found] == [1.0, 3.0]


def test_idle_time_restarts_after_another_operator_has_taken_the_only_caller() -> None:
    found = rings_of(
        Event(1 * MS, "waits", 1),
        Event(2 * MS, "rung", 1, "1002"),
        Event(900 * MS, "waits", 0),
        Event(904 * MS, "rung", 0, "1001"),
    )
    assert [item.idle_ms for item in found] == [1.0, 4.0]
    assert not any(item.freed for item in found)


def test_events_are_ordered_by_their_instants_not_by_when_they_were_read() -> None:
    found = rings_of(
        Event(14 * MS, "rung", 2, "1001"),
        Event(3 * MS, "waits", 2),
        Event(10 * MS, "free", 0, "1001"),
        Event(1 * MS, "rung", 0, "1001"),
    )
    assert found == [Ringing(2, "1001", 4.0, freed=True)]


def test_an_operator_with_two_calls_and_a_caller_with_two_operators_are_counted() -> None:
    story = Story()
    for operator in ("1001", "1002"):
        story.add(1, "answered", 0, operator)
    story.add(2, "twice", 1, "1002")
    assert (story.twice, story.with_two) == (1, 1)


def test_a_lost_caller_has_no_wait_and_is_counted_with_the_reason() -> None:
    case = Case(minutes=1, warm_minutes=1)
    calls = [Planned(90.0, "fr", 10.0), Planned(91.0, "ar", 10.0), Planned(5.0, "ar", 10.0)]
    story = Story(sent_ns={0: 0, 1: 0, 2: 0}, answered_ns={0: 1_500 * MS, 2: MS}, lost={1: "refused"})
    found = queue_results.result(story, case, calls, SPEAKS)
    assert found.waits == [("fr", 1.5)]  # the third came before counting began
    assert found.lost == {"refused": 1}
    assert queue_results.figures(found)["calls"] == 2


def test_the_calls_are_the_same_each_time_and_the_floor_is_full_before_counting_begins() -> None:
    case = Case(seed=3)
    calls = plan_calls(case)
    assert calls == plan_calls(Case(seed=3))
    assert calls != plan_calls(Case(seed=4))
    assert sum(call.at_s < 10 for call in calls) >= round(case.load)
    assert all(call.at_s < case.length_s for call in calls)
    assert 100 < sum(is_counted(case, call) for call in calls) < 300  # 200 on average, 14 its standard deviation


def test_a_case_that_cannot_be_served_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="more operators"):
        Case(calls_per_hour=600)
    with pytest.raises(ValueError, match="warm-up"):
        Case(warm_minutes=0.1)


def test_with_a_floor_far_too_large_the_engine_predicts_that_nobody_waits() -> None:
    case = Case(calls_per_hour=100, operators=200)
    alone = predict(case, plan_calls(case), Engine())
    assert (alone.within, alone.worst, alone.mean_s) == (1.0, 1.0, 0.0)


def test_every_operator_is_in_the_queue_of_each_of_their_languages_and_in_no_other() -> None:
    team = Case().team()
    text = queue_conf.queues_conf(queue_conf.plan_of(queue_conf.BEST, LANGUAGES, team))
    members: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line[1:].partition("]")[0]
        elif line.startswith("member =>"):
            members.setdefault(section, []).append(line.partition("/")[2].partition(",")[0])
    assert members == {
        language: [operator.id for operator in team if language in operator.languages] for language in LANGUAGES
    }


def test_a_rarer_language_weighs_more_and_speakers_of_rare_ones_are_rung_last() -> None:
    team = (
        Operator("1", {"fr": 5, "ar": 5}),
        Operator("2", {"fr": 5, "nl": 5}),
        Operator("3", {"ar": 5, "fr": 5}),
    )
    plan = queue_conf.plan_of(queue_conf.BEST, ("fr", "ar", "nl"), team)
    assert plan.weights["fr"] < plan.weights["ar"] < plan.weights["nl"]
    assert plan.penalties["fr"]["1"] == plan.penalties["fr"]["3"] < plan.penalties["fr"]["2"]


def ready(identity: str, *languages: str, since: float = 0.0) -> Operator:
    return Operator(identity, dict.fromkeys(languages, 5), state=OperatorState.READY, since=since, present=True)


def test_the_model_of_app_queue_serves_the_heavier_queue_first_and_rings_the_least_penalty() -> None:
    team = (ready("1", "fr", "ar"), ready("2", "fr"))
    routing = queue_conf.AppQueue(queue_conf.Plan({"fr": 0, "ar": 1}, queue_conf.first_or_not(("fr", "ar"), team)), 1)
    routing.set_operator(team[0])
    routing.wait(Waiting("a", (Step("fr"),), 0.0))
    routing.wait(Waiting("b", (Step("ar"),), 5.0))
    assert [pair.call for pair in routing.decide(6.0).pairs] == ["b"]
    routing.set_operator(team[1])
    assert [(pair.call, pair.operator) for pair in routing.decide(7.0).pairs] == [("a", "2")]


def test_each_variant_has_a_queue_for_each_language() -> None:
    for name in queue_conf.VARIANTS:
        plan = queue_conf.plan_of(name, LANGUAGES, Case().team())
        assert set(plan.weights) == set(plan.penalties) == set(LANGUAGES)


def outcome(*waits: float, lost: int = 0, idle_ms: float = 3.0) -> Result:
    rings = [Ringing(0, "1001", idle_ms, freed=True)]
    return Result([("fr", wait) for wait in waits], rings, {"refused": lost} if lost else {}, 0, 0, 0)


def kept(ours: Result, theirs: Result) -> dict[str, bool | None]:
    return {item["wanted"]: item["kept"] for item in queue_results.judge(ours, theirs, [2.0], "app_queue")}


def test_a_worse_figure_than_app_queue_is_missed_and_one_without_callers_is_neither() -> None:
    found = kept(outcome(1, 30), outcome(1, 2))
    assert found["within 20 s, at least app_queue's"] is False
    assert found["mean wait, s, at most app_queue's"] is False
    assert found["within 20 s, de, at least app_queue's"] is None
    assert kept(outcome(1, 2), outcome(1, 30))["worst-served language within 20 s, at least app_queue's"] is True


def test_free_to_ring_is_measured_against_the_bare_originate_and_a_lost_call_is_never_kept() -> None:
    name = "free to ring, p99, ms, at most the bare originate's and 5 more"
    assert kept(outcome(1, idle_ms=6.9), outcome(1))[name] is True
    assert kept(outcome(1, idle_ms=7.1), outcome(1))[name] is False
    assert kept(outcome(1, lost=1), outcome(1))["calls lost, ours"] is False


def test_the_error_of_a_difference_is_that_of_paired_calls() -> None:
    same = [("fr", float(wait % 50)) for wait in range(100)]
    assert queue_results.difference_error(same, same, queue_results.mean) == 0.0
    longer = [(language, wait + 1) for language, wait in same]
    assert queue_results.difference_error(longer, same, queue_results.mean) == pytest.approx(0.0, abs=1e-12)
    # Blocks of ten that differ by 0 or 2: the mean of ten of those has a standard error of 1/3.
    uneven = [(language, wait + 2 * (place // 10 % 2)) for place, (language, wait) in enumerate(same)]
    assert queue_results.difference_error(uneven, same, queue_results.mean) == pytest.approx(1 / 3)
    assert queue_results.difference_error(same[:99], same, queue_results.mean) is None


def test_a_table_can_include_a_way_that_has_no_calls() -> None:
    way = queue_results.figures(outcome(1, 30)) | {"cpu_s": {"asterisk": 1.0}}
    bare = {"free_to_ring_ms": queue_results.spread([2.0]), "cpu_s": {"asterisk": 1.0}, "lost": {}}
    written = io.StringIO()
    queue_results.show(
        {
            "machine": {"cpu": "x", "cores": 2, "kernel": "6", "python": "3", "asterisk": "22", "load_before": 0},
            "case": {
                "operators": 40, "languages_each": 3, "calls_per_hour": 400, "minutes": 1, "warm_minutes": 1,
                "pick_up_s": 0, "seed": 1,
            },
            "queues": {"app_queue": "no weights"},
            "together": True,
            "ways": {"bare": bare, "app_queue": way, "ours": way},
            "generator": {"seconds": 1.0, "cpu_s": 0.1, "late_ms": 1.0, "registers_lost": []},
            "predicted": {"ours": {"within": 0.9, "worst": 0.8, "mean_s": 10.0}},
            "wanted": {"app_queue": queue_results.judge(outcome(1, 30), outcome(1, 30), [2.0], "app_queue")},
        },
        Console(file=written, width=160),
    )  # fmt: skip
    printed = written.getvalue()
    assert "bare originate" in printed
    assert "50.0" in printed  # answered within 20 s, by both
    assert "no data" in printed  # languages without callers


def test_a_figure_over_several_runs_has_the_error_of_all_their_blocks() -> None:
    flat = [("fr", float(wait % 50)) for wait in range(300)]
    uneven = [(language, wait + 2 * (place // 10 % 2)) for place, (language, wait) in enumerate(flat)]
    error = queue_results.difference_error(uneven, flat, queue_results.mean, (100, 100, 100))
    # Thirty blocks of ten that differ by 0 or 2.
    assert error == pytest.approx(1 / 29**0.5)
    assert queue_results.difference_error(uneven, flat, queue_results.mean, (281, 19)) is None
