"""States change as the tables say, and no operator becomes ready who does not want a call or cannot take one."""

from dataclasses import replace
from itertools import product

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from routing.states import (
    ABSENT,
    LOGGED_OUT,
    OPERATOR_TRANSITIONS,
    UNREACHABLE,
    OfferState,
    Operator,
    OperatorState,
    Trigger,
    apply_trigger,
    next_offer_state,
)

BEGAN, NOW, WRAP_UP = 100.0, 200.0, 20.0
AWAY, READY, OFFERED = OperatorState.AWAY, OperatorState.READY, OperatorState.OFFERED
TALKING, WRAPPING_UP, PAUSED = OperatorState.TALKING, OperatorState.WRAPPING_UP, OperatorState.PAUSED
PAIRS = tuple(product(OperatorState, Trigger))


def operator_in(state: OperatorState, *, present: bool = True, reason: str | None = None) -> Operator:
    """Return an operator who has been in `state` for a while."""
    usual = {AWAY: LOGGED_OUT if present else ABSENT, PAUSED: "lunch"}.get(state, "")
    return Operator(
        "1001",
        {"fr": 5},
        state=state,
        reason=usual if reason is None else reason,
        since=BEGAN,
        until=BEGAN + WRAP_UP if state is WRAPPING_UP else None,
        present=present,
        offer="offer-1" if state in (OFFERED, TALKING) else None,
    )


def then(operator: Operator, *triggers: Trigger, reason: str = "") -> Operator:
    for trigger in triggers:
        operator = apply_trigger(operator, trigger, NOW, reason=reason, wrap_up_s=WRAP_UP)
    return operator


@every(("state", "trigger"), OPERATOR_TRANSITIONS)
def test_transitions_in_the_table_are_made(state: OperatorState, trigger: Trigger) -> None:
    missed = "no_answer" if (state, trigger) == (PAUSED, Trigger.PHONE_ABSENT) else None
    before = operator_in(state, present=trigger is not Trigger.PHONE_PRESENT, reason=missed)
    result = then(before, trigger)
    wanted = OPERATOR_TRANSITIONS[state, trigger]
    assert result.state is wanted
    if (state, trigger) in ((AWAY, Trigger.LOG_OUT), (PAUSED, Trigger.PAUSE)):
        return  # already in that state; tests below cover the change of the reason
    assert result.since == NOW
    assert result.until == (NOW + WRAP_UP if wanted is WRAPPING_UP else None)
    assert result.offer == (before.offer if wanted in (OFFERED, TALKING) else None)


@every(("state", "trigger"), [pair for pair in PAIRS if pair not in OPERATOR_TRANSITIONS])
def test_transitions_not_in_the_table_change_nothing(state: OperatorState, trigger: Trigger) -> None:
    before = operator_in(state)
    result = then(before, trigger)
    if trigger is Trigger.PHONE_ABSENT:  # recorded for later
        assert result == replace(before, present=False)
    elif state in (OFFERED, TALKING) and trigger in (Trigger.PAUSE, Trigger.LOG_OUT):  # takes effect after the call
        assert result == replace(before, pause_after=LOGGED_OUT if trigger is Trigger.LOG_OUT else "pause")
    elif (state, trigger) == (WRAPPING_UP, Trigger.WRAP_UP_MORE):
        assert result == replace(before, until=BEGAN + 2 * WRAP_UP)
    else:
        assert result is before


@pytest.mark.parametrize("state", OperatorState)
def test_a_refreshed_registration_changes_nothing(state: OperatorState) -> None:
    for reason in (ABSENT, LOGGED_OUT, "lunch", "no_answer"):
        before = operator_in(state, reason=reason)
        assert then(before, Trigger.PHONE_PRESENT) is before


@pytest.mark.parametrize("state", [state for state in OperatorState if state is not READY])
def test_a_repeated_absence_of_the_telephone_changes_nothing(state: OperatorState) -> None:
    before = operator_in(state, present=False)
    assert then(before, Trigger.PHONE_ABSENT) is before


def test_a_telephone_that_registers_makes_an_operator_ready_who_was_away_because_of_it() -> None:
    result = then(operator_in(AWAY, present=False), Trigger.PHONE_PRESENT)
    assert (result.state, result.present, result.reason, result.since) == (READY, True, "", NOW)


def test_a_telephone_that_registers_does_not_make_an_operator_ready_who_logged_out() -> None:
    result = then(operator_in(AWAY, present=False, reason=LOGGED_OUT), Trigger.PHONE_PRESENT)
    assert (result.state, result.reason, result.since) == (AWAY, LOGGED_OUT, BEGAN)


def test_an_operator_who_logs_out_while_the_telephone_is_absent_stays_away_when_it_registers() -> None:
    result = then(operator_in(AWAY, present=False), Trigger.LOG_OUT, Trigger.PHONE_PRESENT)
    assert (result.state, result.reason) == (AWAY, LOGGED_OUT)


@pytest.mark.parametrize("state", [OFFERED, TALKING, WRAPPING_UP, PAUSED])
def test_a_telephone_that_registers_changes_no_other_state(state: OperatorState) -> None:
    before = operator_in(state, present=False)
    assert then(before, Trigger.PHONE_PRESENT) == replace(before, present=True)


def test_only_the_operator_or_a_supervisor_ends_a_pause() -> None:
    paused = operator_in(PAUSED)
    for trigger in Trigger:
        result = then(paused, trigger)
        if trigger not in (Trigger.RESUME, Trigger.LOG_OUT):
            assert result.state is PAUSED, trigger
    assert then(paused, Trigger.RESUME).state is READY
    assert then(paused, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is PAUSED


def test_a_pause_for_a_missed_call_ends_when_the_telephone_comes_back_after_an_absence() -> None:
    missed = operator_in(PAUSED, reason="no_answer")
    assert then(missed, Trigger.PHONE_PRESENT) is missed, "a refreshed registration"
    gone = then(missed, Trigger.PHONE_ABSENT)
    assert (gone.state, gone.reason) == (AWAY, ABSENT)
    assert then(gone, Trigger.PHONE_PRESENT).state is READY


@pytest.mark.parametrize("reason", ["refused", "lunch", "pause"])
def test_any_other_pause_outlasts_an_absence_of_the_telephone(reason: str) -> None:
    result = then(operator_in(PAUSED, reason=reason), Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT)
    assert (result.state, result.reason, result.present) == (PAUSED, reason, True)


def test_a_second_pause_replaces_the_reason_and_the_same_one_changes_nothing() -> None:
    paused = operator_in(PAUSED)
    assert then(paused, Trigger.PAUSE, reason="lunch") is paused
    result = then(paused, Trigger.PAUSE, reason="training")
    assert (result.state, result.reason, result.since) == (PAUSED, "training", NOW)


@pytest.mark.parametrize("state", [READY, AWAY, WRAPPING_UP])
def test_a_pause_begins_at_once_if_the_operator_has_no_call(state: OperatorState) -> None:
    result = then(operator_in(state), Trigger.PAUSE, reason="training")
    assert (result.state, result.reason, result.since, result.until) == (PAUSED, "training", NOW, None)


def test_a_pause_requested_while_talking_begins_after_the_wrap_up() -> None:
    talking = then(operator_in(TALKING), Trigger.PAUSE, reason="lunch")
    assert (talking.state, talking.since) == (TALKING, BEGAN)
    wrapping_up = then(talking, Trigger.ENDED)
    assert wrapping_up.state is WRAPPING_UP
    result = then(wrapping_up, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason, result.pause_after) == (PAUSED, "lunch", None)
    assert then(result, Trigger.RESUME).state is READY


def test_a_pause_requested_during_an_offer_begins_when_the_offer_is_withdrawn() -> None:
    result = then(then(operator_in(OFFERED), Trigger.PAUSE, reason="lunch"), Trigger.WITHDRAWN)
    assert (result.state, result.reason) == (PAUSED, "lunch")


def test_an_operator_who_logs_out_while_talking_is_away_after_the_wrap_up() -> None:
    result = then(operator_in(TALKING), Trigger.LOG_OUT, Trigger.ENDED)
    assert result.state is WRAPPING_UP
    result = then(result, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason) == (AWAY, LOGGED_OUT)
    assert then(result, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is AWAY


def test_the_latest_request_of_the_operator_counts() -> None:
    asked = then(operator_in(TALKING), Trigger.PAUSE, reason="lunch")
    assert then(asked, Trigger.RESUME, Trigger.ENDED, Trigger.WRAP_UP_OVER).state is READY
    assert then(asked, Trigger.ENDED, Trigger.RESUME).state is READY
    assert then(asked, Trigger.LOG_OUT, Trigger.ENDED, Trigger.WRAP_UP_OVER).reason == LOGGED_OUT
    out = then(asked, Trigger.ENDED, Trigger.LOG_OUT)
    assert (out.state, out.reason) == (AWAY, LOGGED_OUT)
    assert then(out, Trigger.RESUME).state is READY


def test_an_unanswered_offer_pauses_the_operator_with_that_reason() -> None:
    result = then(operator_in(OFFERED), Trigger.NO_ANSWER)
    assert (result.state, result.reason) == (PAUSED, "no_answer")


def test_a_refused_offer_pauses_the_operator_with_that_reason() -> None:
    result = then(operator_in(OFFERED), Trigger.REFUSED)
    assert (result.state, result.reason) == (PAUSED, "refused")


def test_an_unreachable_operator_is_away_until_the_telephone_registers_or_they_resume() -> None:
    result = then(operator_in(OFFERED), Trigger.UNREACHABLE)
    assert (result.state, result.reason) == (AWAY, UNREACHABLE)
    registered = then(result, Trigger.PHONE_PRESENT)  # even before the former registration has expired
    assert (registered.state, registered.present) == (READY, True)
    assert then(result, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is READY
    assert then(result, Trigger.RESUME).state is READY


def test_a_wrap_up_can_be_extended_up_to_its_limit_and_ends_like_any_other() -> None:
    wraps_up = operator_in(WRAPPING_UP)
    once = apply_trigger(wraps_up, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100)
    assert (once.state, once.since, once.until) == (WRAPPING_UP, BEGAN, BEGAN + WRAP_UP + 60)
    twice = apply_trigger(once, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100)
    assert twice.until == BEGAN + 100
    assert apply_trigger(twice, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100) is twice
    assert apply_trigger(wraps_up, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=WRAP_UP) is wraps_up
    assert then(twice, Trigger.WRAP_UP_OVER).state is READY


def test_a_withdrawn_offer_has_no_penalty() -> None:
    result = then(operator_in(OFFERED), Trigger.WITHDRAWN)
    assert (result.state, result.reason, result.offer) == (READY, "", None)


@pytest.mark.parametrize("state", [AWAY, WRAPPING_UP, PAUSED])
def test_no_operator_is_ready_without_a_telephone(state: OperatorState) -> None:
    result = then(operator_in(state, present=False, reason="x"), Trigger.RESUME)
    assert (result.state, result.reason) == (AWAY, ABSENT)
    assert then(result, Trigger.PHONE_PRESENT).state is READY


def test_a_telephone_lost_during_a_call_counts_after_the_wrap_up() -> None:
    result = then(operator_in(TALKING), Trigger.PHONE_ABSENT, Trigger.ENDED)
    assert result.state is WRAPPING_UP
    result = then(result, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason) == (AWAY, ABSENT)


@patient
@given(st.lists(st.tuples(st.sampled_from(Trigger), st.sampled_from(["", "lunch", "training"])), max_size=40))
def test_whatever_happens_no_absent_operator_is_ready_and_no_offer_outlives_its_call(
    happened: list[tuple[Trigger, str]],
) -> None:
    operator = Operator("1001", {"fr": 5})
    for instant, (trigger, reason) in enumerate(happened):
        operator = apply_trigger(operator, trigger, float(instant), reason=reason, wrap_up_s=WRAP_UP)
        if trigger is Trigger.OFFER and operator.state is OFFERED:
            operator = replace(operator, offer=operator.offer or "offer")
        assert operator.state is not READY or operator.present
        assert (operator.offer is not None) == (operator.state in (OFFERED, TALKING))
        assert (operator.until is not None) == (operator.state is WRAPPING_UP)
        assert bool(operator.reason) == (operator.state in (AWAY, PAUSED))
        again = apply_trigger(operator, Trigger.PHONE_PRESENT, NOW)
        assert again is operator or not operator.present or operator.reason == UNREACHABLE


@patient
@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_whatever_happens_the_end_of_the_call_a_telephone_and_resuming_make_the_operator_ready(
    happened: list[Trigger],
) -> None:
    operator = then(Operator("1001", {"fr": 5}), *happened)
    ways = (Trigger.WITHDRAWN, Trigger.ENDED, Trigger.WRAP_UP_OVER, Trigger.PHONE_PRESENT, Trigger.RESUME)
    assert then(operator, *ways, Trigger.RESUME).state is READY


@patient
@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_whatever_happens_a_pause_and_a_log_out_last_until_the_operator_ends_them(happened: list[Trigger]) -> None:
    requests = (Trigger.RESUME, Trigger.PAUSE, Trigger.LOG_OUT)
    for requested in (Trigger.PAUSE, Trigger.LOG_OUT):
        for state in OperatorState:
            operator = then(operator_in(state), requested)
            operator = then(operator, *(trigger for trigger in happened if trigger not in requests))
            assert operator.state is not READY, (state, requested)


@every("first", [state for state in OfferState if state is not OfferState.RINGING])
@every("second", OfferState)
def test_the_first_final_state_of_an_offer_wins(first: OfferState, second: OfferState) -> None:
    assert next_offer_state(OfferState.RINGING, first) is first
    assert next_offer_state(first, second) is first


def test_a_ringing_offer_keeps_ringing() -> None:
    assert next_offer_state(OfferState.RINGING, OfferState.RINGING) is OfferState.RINGING
