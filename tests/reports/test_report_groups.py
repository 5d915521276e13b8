"""How a report counts: which day and hour a call belongs to, its outcome, and that nothing is lost or counted twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from db.arrays import NONE, Coded
from db.enums import OperatorState, Outcome
from db.report import ATTRIBUTES, STATES, OperatorStates, WaitedCalls
from reports.by import TIMES, By
from reports.groups import Groups
from reports.periods import Period
from routing.figures import Limits

DAY = datetime(2026, 11, 25, tzinfo=UTC)
BERLIN, NEPAL, CASABLANCA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Africa/Casablanca")
LATER = DAY + timedelta(days=400)


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


def groups(
    *by: By, begins: datetime = DAY, days: float = 1, zone: ZoneInfo = CASABLANCA, now: datetime = LATER
) -> Groups:
    return Groups(by, Period(begins, begins + timedelta(days=days), zone), Limits(), now)


@dataclass(frozen=True)
class Call:
    queued: datetime
    waited_s: float | None
    outcome: str | None
    operator: str | None = None
    talked_s: float | None = None
    language: str | None = "fr"
    country: str | None = "FR"
    topic: str | None = None


def answered(queued: datetime, waited: float = 10, talked: float | None = 100, operator: str = "1001") -> Call:
    return Call(queued, waited, "answered", operator, talked, topic="file")


def ended(queued: datetime, outcome: Outcome | None, waited: float | None = 10) -> Call:
    return Call(queued, waited, outcome)


def add(counted: Groups, *calls: Call) -> None:
    """Add calls as the database returns them. The first one's mark is 1."""

    def micros(seconds: float | None) -> int:
        return NONE if seconds is None else round(seconds * 1e6)

    def numbers(found: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(found, np.int64)

    counted.add_calls(
        WaitedCalls(
            np.arange(1, len(calls) + 1),
            numbers([micros(call.queued.timestamp()) for call in calls]),
            numbers([micros(call.waited_s) for call in calls]),
            numbers([micros(call.talked_s) for call in calls]),
            np.array([call.outcome == "answered" and call.operator is not None for call in calls], np.bool_),
            Coded.of([call.outcome or "" for call in calls]),
            {name: Coded.of([getattr(call, name, None) or "" for call in calls]) for name in ATTRIBUTES},
        )
    )


def counts(counted: Groups) -> list[tuple[str | None, int]]:
    return [(key, group.tally.figures().waited) for (key,), group in counted.rows]


def states(counted: Groups, operator: str, *changes: tuple[float, OperatorState], call: int = 0) -> None:
    counted.add_states(
        OperatorStates(
            Coded.of([operator for _ in changes]),
            np.array([round((DAY.timestamp() + seconds) * 1e6) for seconds, _ in changes]),
            np.array([STATES.index(state) for _, state in changes]),
            np.array([call if state is OperatorState.TALKING else 0 for _, state in changes]),
            Coded.of([None for _ in changes]),
        )
    )


def test_a_call_belongs_to_the_half_hour_in_which_it_began_to_wait() -> None:
    counted = groups(By.HALF_HOUR)
    add(counted, answered(at(9 * 3600 + 1799.9), waited=60))
    add(counted, answered(at(9 * 3600 + 1800), waited=1))
    assert counts(counted) == [("2026-11-25 09:00", 1), ("2026-11-25 09:30", 1)]


@pytest.mark.parametrize(
    ("by", "key"),
    [
        (By.DAY, "2026-11-26"),
        (By.HOUR, "2026-11-26 01:00"),
        (By.HALF_HOUR, "2026-11-26 01:00"),
        (By.HOUR_OF_DAY, "01:00"),
    ],
)
def test_days_and_hours_are_those_of_the_sites_zone(by: By, key: str) -> None:
    counted = groups(by, zone=NEPAL)  # five hours and three quarters ahead
    add(counted, answered(at(19 * 3600 + 15 * 60)))
    add(counted, answered(at(19 * 3600 + 44 * 60)))
    assert counts(counted) == [(key, 2)]


def test_an_hour_that_comes_twice_is_two_hours_in_their_order() -> None:
    begins = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight in Berlin
    counted = groups(By.HALF_HOUR, begins=begins, zone=BERLIN)
    for quarters in (18, 16, 14, 12, 10, 8):
        add(counted, answered(begins + timedelta(minutes=15 * quarters)))
    assert [key for (key,), _ in counted.rows] == [
        "2026-10-25 02:00",
        "2026-10-25 02:30",
        "2026-10-25 02:00 (+0100)",
        "2026-10-25 02:30 (+0100)",
        "2026-10-25 03:00",
        "2026-10-25 03:30",
    ]


def test_only_callers_who_waited_and_got_nothing_count_as_abandoned() -> None:
    counted = groups(By.DAY)
    for outcome in Outcome:
        add(counted, ended(at(1), outcome))
    add(counted, ended(at(1), None))
    add(counted, ended(at(1), None, waited=None))
    figures = counted.total.figures()
    assert [figures[outcome] for outcome in ("callback", "message", "closed", "self_served")] == [1, 1, 1, 1]
    assert figures["abandoned"] == len(Outcome) - 4
    assert (figures["waited"], figures["still_waiting"]) == (len(Outcome), 2)
    assert figures["abandonment"] == round((len(Outcome) - 4) / len(Outcome), 6)


def test_a_percentage_of_all_comes_from_sums_and_not_from_averages() -> None:
    counted = groups(By.DAY, days=2)
    add(counted, answered(at(0), waited=20))
    for _ in range(3):
        add(counted, answered(at(86400), waited=20.001))
    assert [group.figures()["service_level_offered"] for _, group in counted.rows] == [1, 0]
    assert counted.total.figures()["service_level_offered"] == 0.25
    assert counted.total.figures()["average_speed_of_answer_s"] == 20.00075


def test_occupancy_is_the_share_of_talk_and_wrap_up_and_pauses_do_not_count() -> None:
    counted = groups(By.OPERATOR)
    states(
        counted, "1001",
        (-60, OperatorState.AWAY), (0, OperatorState.READY), (600, OperatorState.OFFERED), (610, OperatorState.TALKING),
        (1810, OperatorState.WRAPPING_UP), (2400, OperatorState.PAUSED), (3600, OperatorState.AWAY),
    )  # fmt: skip
    counted.finish()
    (((key,), group),) = counted.rows
    figures = group.figures()
    assert key == "1001"
    assert (figures["talking_s"], figures["wrapping_up_s"], figures["ready_s"]) == (1200, 590, 600)
    assert (figures["ringing_s"], figures["paused_s"], figures["logged_in_s"]) == (10, 1200, 3600)
    assert figures["occupancy"] == round(1790 / 2390, 6)


def test_a_state_counts_within_the_period_only_and_no_longer_than_until_now() -> None:
    counted = groups(By.OPERATOR, now=at(1000))
    states(counted, "1001", (-500, OperatorState.READY))
    states(counted, "1002", (900, OperatorState.PAUSED))
    counted.finish()
    assert [group.figures()["logged_in_s"] for _, group in counted.rows] == [1000, 100]
    over = groups(By.OPERATOR)
    states(over, "1001", (86300, OperatorState.READY), (90000, OperatorState.AWAY))
    over.finish()
    assert over.total.figures()["logged_in_s"] == 100


def test_operators_times_are_spread_over_the_hours_in_which_they_were() -> None:
    counted = groups(By.HOUR)
    states(counted, "1001", (1800, OperatorState.READY), (3600, OperatorState.TALKING), (9000, OperatorState.AWAY))
    counted.finish()
    found = [(key, group.figures()["ready_s"], group.figures()["talking_s"]) for (key,), group in counted.rows]
    assert found == [("2026-11-25 00:00", 1800, 0), ("2026-11-25 01:00", 0, 3600), ("2026-11-25 02:00", 0, 1800)]


def test_handling_is_talk_and_wrap_up_of_a_call_also_after_the_periods_end() -> None:
    counted = groups(By.LANGUAGE)
    add(counted, answered(at(86390), talked=300))
    states(
        counted, "1001",
        (86400, OperatorState.TALKING), (86700, OperatorState.WRAPPING_UP), (86720, OperatorState.READY), call=1,
    )  # fmt: skip
    # One of the day after.
    states(
        counted, "1002",
        (86420, OperatorState.TALKING), (86500, OperatorState.WRAPPING_UP), (86600, OperatorState.READY),
        call=999,
    )  # fmt: skip
    counted.finish()
    assert counted.rows[0][1].figures()["handling_s"] == 320
    assert counted.total.figures()["logged_in_s"] is None


def test_a_conversation_that_goes_on_is_in_no_handling_time() -> None:
    counted = groups(By.DAY)
    add(counted, answered(at(0), talked=100))
    add(counted, answered(at(1), talked=None))
    assert counted.total.figures()["handling_s"] == 100


def test_by_language_country_and_topic_the_most_calls_come_first_and_the_unknown_last() -> None:
    counted = groups(By.TOPIC)
    for topic, calls in ((None, 5), ("file", 1), ("documents", 3)):
        for _ in range(calls):
            add(counted, Call(at(0), 1, "abandoned", topic=topic))
    assert counts(counted) == [("documents", 3), ("file", 1), (None, 5)]


_INSTANTS = st.integers(0, 2 * 86400 - 1).map(at)
_CALLS = st.builds(
    Call,
    queued=_INSTANTS,
    waited_s=st.none() | st.floats(0, 500),
    outcome=st.none() | st.sampled_from(Outcome),
    language=st.none() | st.sampled_from(["ar", "fr"]),
    country=st.none() | st.sampled_from(["BE", "NL"]),
    topic=st.none() | st.sampled_from(["file", "documents"]),
) | st.builds(answered, _INSTANTS, st.floats(0, 500), st.none() | st.floats(0, 900), st.sampled_from(["1001", "1002"]))
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["1001", "1002"]), st.integers(-86400, 3 * 86400), st.sampled_from(OperatorState),
        st.integers(1, 31),
    )
)  # fmt: skip


def by_operator(changes: Sequence[tuple[str, int, OperatorState, int]]) -> list[OperatorStates]:
    """Return the changes as the database returns them."""
    found = []
    for operator, own in groupby(sorted(changes, key=lambda change: change[:2]), key=lambda change: change[0]):
        _, seconds, states, calls = zip(*own, strict=True)
        instants = np.array([round((DAY.timestamp() + second) * 1e6) for second in seconds])
        talking = np.array(
            [call if state is OperatorState.TALKING else 0 for state, call in zip(states, calls, strict=True)]
        )
        found.append(
            OperatorStates(
                Coded.of([operator] * len(states)),
                instants,
                np.array([*map(STATES.index, states)]),
                talking,
                Coded.of([None] * len(states)),
            )
        )
    return found


_GROUPINGS = [(by,) for by in By] + [(By.DAY, By.LANGUAGE), (By.OPERATOR, By.HOUR_OF_DAY)]


@patient
@given(st.lists(_CALLS), _CHANGES, st.lists(st.sampled_from(_GROUPINGS), min_size=3, max_size=3, unique=True))
def test_however_it_is_grouped_the_total_is_the_same_and_the_sum_of_its_rows(
    calls: list[Call], changes: list[tuple[str, int, OperatorState, int]], groupings: list[tuple[By, ...]]
) -> None:
    totals = []
    for by in groupings:
        counted = groups(*by, days=2)
        add(counted, *calls)
        for operator in by_operator(changes):
            counted.add_states(operator)
        counted.finish()
        total = counted.total.figures()
        for name in ("waited", "answered", "abandoned", "still_waiting", "callback", "answered_within"):
            assert sum(group.figures()[name] for _, group in counted.rows) == total[name]
        assert total["waited"] + total["still_waiting"] == len(calls)
        if {*by} <= {*TIMES, By.OPERATOR}:
            spent = sum(group.figures()["logged_in_s"] or 0 for _, group in counted.rows)
            assert spent == pytest.approx(total["logged_in_s"] or 0)
        if by != (By.OPERATOR,):  # there the talk is counted by conversation, which `credit` adds
            totals.append(total)
    for total in totals:
        assert total == pytest.approx(totals[0], abs=0.00001)


@patient
@given(_CHANGES, st.lists(st.integers(-86400, 3 * 86400), max_size=3))
def test_times_are_those_of_each_second_and_the_same_if_they_are_added_in_parts(
    changes: list[tuple[str, int, OperatorState, int]], cuts: list[int]
) -> None:
    now = 2 * 86400 - 1000
    calls = [answered(at(3600 * number), talked=100) for number in range(10)]
    whole, parts = (groups(By.OPERATOR, days=2, now=at(now)) for _ in range(2))
    for counted, edges in ((whole, [4 * 86400]), (parts, [*sorted(cuts), 4 * 86400])):
        add(counted, *calls)
        since = -2 * 86400
        for edge in edges:
            for operator in by_operator([change for change in changes if since <= change[1] < edge]):
                counted.add_states(operator)
            since = edge
        counted.finish()
    of_whole, of_parts = ([(key, group.figures()) for key, group in counted.rows] for counted in (whole, parts))
    assert of_parts == of_whole
    for name in ("1001", "1002"):
        own = sorted((change for change in changes if change[0] == name), key=lambda change: change[1])
        spent: dict[OperatorState, int] = {}
        instants = [*(change[1] for change in own), now]
        for (_, since, state, _), until in zip(own, instants[1:], strict=False):
            spent[state] = spent.get(state, 0) + max(0, min(until, 2 * 86400) - max(since, 0))
        figures = dict(whole.rows)[name,].figures() if (name,) in dict(whole.rows) else {}
        for figure, of_state in (("ready_s", OperatorState.READY), ("ringing_s", OperatorState.OFFERED)):
            assert (figures.get(figure) or 0) == spent.get(of_state, 0)
