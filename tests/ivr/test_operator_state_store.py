"""Operators' states are read back from AstDB unchanged, and foreign values in it do no harm."""

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import patient

from ivr.floor.operator_state_store import encode, restored
from ivr.site.operators import OperatorEntry
from routing.states import ABSENT, Operator, OperatorState

ENTRY = OperatorEntry("1001", "Ghali Carob", {"ar": 5, "es": 4}, frozenset({"file"}), supervisor=False)
FRESH = Operator("1001", {"ar": 5, "es": 4}, frozenset({"file"}))

reasons = st.text(st.characters(exclude_categories=["C"]), max_size=30)
instants = st.floats(0, 4_102_444_800)


def back(value: str) -> Operator:
    (operator,) = restored([ENTRY], {"1001": value})
    return operator


@patient
@given(st.sampled_from(OperatorState), reasons, instants, instants, st.none() | reasons.filter(bool))
def test_a_state_is_read_back_as_it_was(
    state: OperatorState, reason: str, since: float, until: float, pause_after: str | None
) -> None:
    before = replace(
        FRESH,
        state=state,
        reason=reason,
        since=since,
        until=until if state is OperatorState.WRAPPING_UP else None,
        pause_after=pause_after,
    )
    after = back(encode(before))
    assert (after.id, after.languages, after.topics, after.state) == ("1001", FRESH.languages, FRESH.topics, state)
    assert after.reason == reason.replace("|", " ")
    assert after.pause_after == (pause_after and pause_after.replace("|", " "))
    assert math.isclose(after.since, since, abs_tol=0.001)
    assert (after.until is None) == (before.until is None)
    assert after.until is None or math.isclose(after.until, until, abs_tol=0.001)


@patient
@given(st.sampled_from(OperatorState), reasons)
def test_the_state_is_the_first_field_for_the_dialplan(state: OperatorState, reason: str) -> None:
    assert encode(replace(FRESH, state=state, reason=reason)).split("|")[0] == state.value


@pytest.mark.parametrize("value", ["", "ready", "ready|", "asleep||1.0||", "ready||yesterday||", "ready||1.0||||"])
def test_an_operator_whose_state_cannot_be_read_is_away_until_their_telephone_appears(value: str) -> None:
    assert back(value) == FRESH
    assert (FRESH.state, FRESH.reason) == (OperatorState.AWAY, ABSENT)


@patient
@given(st.text())
@example("ready||nan||")
@example("ready||inf||")
@example("wrapping_up||1.0|nan|")
@example("paused|lunch|1.0|5.0|")
@example("wrapping_up||1.0||")
@example("wrapping_up|lunch|1e400|1|")
def test_garbage_does_no_harm(value: str) -> None:
    operator = back(value)
    assert operator.id == "1001"
    assert math.isfinite(operator.since)
    # Only a wrap-up ends by itself, and every wrap-up does.
    assert (operator.until is not None) == (operator.state is OperatorState.WRAPPING_UP)
    assert operator.until is None or math.isfinite(operator.until)


def test_the_operators_list_decides_who_there_is_and_what_they_speak() -> None:
    other = replace(ENTRY, id="1002", languages={"fr": 3}, topics=frozenset())
    kept = {"1001": "paused|lunch|5.000||", "1003": "ready||5.000||"}
    assert restored([ENTRY, other], kept) == [
        replace(FRESH, state=OperatorState.PAUSED, reason="lunch", since=5.0),
        Operator("1002", {"fr": 3}),
    ]
