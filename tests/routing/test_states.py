"""An operator is moved as the tables say, and nobody becomes ready who does not want a call or cannot have one."""

from dataclasses import replace
from itertools import product

import pytest
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
    after,
    offer_state_after,
)

BEGAN, NOW, WRAP_UP = 100.0, 200.0, 20.0
AWAY, READY, OFFERED = OperatorState.AWAY, OperatorState.READY, OperatorState.OFFERED
TALKING, WRAPPING_UP, PAUSED = OperatorState.TALKING, OperatorState.WRAPPING_UP, OperatorState.PAUSED
PAIRS = tuple(product(OperatorState, Trigger))


def one(state: OperatorState, *, present: bool = True, reason: str | None = None) -> Operator:
    """An operator who has been in `state` for a while, with what belongs to it."""
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
        operator = after(operator, trigger, NOW, reason=reason, wrap_up_s=WRAP_UP)
    return operator


@pytest.mark.parametrize(("state", "trigger"), OPERATOR_TRANSITIONS)
def test_a_transition_of_the_table_is_made(state: OperatorState, trigger: Trigger) -> None:
    missed = "no_answer" if (state, trigger) == (PAUSED, Trigger.PHONE_ABSENT) else None
    before = one(state, present=trigger is not Trigger.PHONE_PRESENT, reason=missed)
    result = then(before, trigger)
    wanted = OPERATOR_TRANSITIONS[state, trigger]
    assert result.state is wanted
    if (state, trigger) in ((AWAY, Trigger.LOG_OUT), (PAUSED, Trigger.PAUSE)):
        return  # the state that he is in already; whether its reason changes is told below
    assert result.since == NOW
    assert result.until == (NOW + WRAP_UP if wanted is WRAPPING_UP else None)
    assert result.offer == (before.offer if wanted in (OFFERED, TALKING) else None)


@pytest.mark.parametrize(("state", "trigger"), [pair for pair in PAIRS if pair not in OPERATOR_TRANSITIONS])
def test_what_is_not_in_the_table_changes_nothing(state: OperatorState, trigger: Trigger) -> None:
    before = one(state)
    result = then(before, trigger)
    if trigger is Trigger.PHONE_ABSENT:  # is noted for later
        assert result == replace(before, present=False)
    elif state in (OFFERED, TALKING) and trigger in (Trigger.PAUSE, Trigger.LOG_OUT):  # waits for the end of the call
        assert result == replace(before, pause_after=LOGGED_OUT if trigger is Trigger.LOG_OUT else "pause")
    elif (state, trigger) == (WRAPPING_UP, Trigger.WRAP_UP_MORE):
        assert result == replace(before, until=BEGAN + 2 * WRAP_UP)
    else:
        assert result is before


@pytest.mark.parametrize("state", OperatorState)
def test_a_refreshed_registration_changes_nothing(state: OperatorState) -> None:
    for reason in (ABSENT, LOGGED_OUT, "lunch", "no_answer"):
        before = one(state, reason=reason)
        assert then(before, Trigger.PHONE_PRESENT) is before


@pytest.mark.parametrize("state", [state for state in OperatorState if state is not READY])
def test_a_telephone_that_is_absent_for_a_second_time_changes_nothing(state: OperatorState) -> None:
    before = one(state, present=False)
    assert then(before, Trigger.PHONE_ABSENT) is before


def test_a_telephone_that_appears_makes_ready_who_was_away_because_it_was_absent() -> None:
    result = then(one(AWAY, present=False), Trigger.PHONE_PRESENT)
    assert (result.state, result.present, result.reason, result.since) == (READY, True, "", NOW)


def test_a_telephone_that_appears_does_not_make_ready_who_logged_out() -> None:
    result = then(one(AWAY, present=False, reason=LOGGED_OUT), Trigger.PHONE_PRESENT)
    assert (result.state, result.reason, result.since) == (AWAY, LOGGED_OUT, BEGAN)


def test_who_logs_out_while_his_telephone_is_absent_stays_away_when_it_appears() -> None:
    result = then(one(AWAY, present=False), Trigger.LOG_OUT, Trigger.PHONE_PRESENT)
    assert (result.state, result.reason) == (AWAY, LOGGED_OUT)


@pytest.mark.parametrize("state", [OFFERED, TALKING, WRAPPING_UP, PAUSED])
def test_a_telephone_that_appears_moves_nobody_else(state: OperatorState) -> None:
    before = one(state, present=False)
    assert then(before, Trigger.PHONE_PRESENT) == replace(before, present=True)


def test_a_pause_ends_only_by_hand() -> None:
    paused = one(PAUSED)
    for trigger in Trigger:
        result = then(paused, trigger)
        if trigger not in (Trigger.RESUME, Trigger.LOG_OUT):
            assert result.state is PAUSED, trigger
    assert then(paused, Trigger.RESUME).state is READY
    assert then(paused, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is PAUSED


def test_a_pause_for_a_missed_call_ends_when_the_telephone_comes_back_after_an_absence() -> None:
    missed = one(PAUSED, reason="no_answer")
    assert then(missed, Trigger.PHONE_PRESENT) is missed, "a refreshed registration"
    gone = then(missed, Trigger.PHONE_ABSENT)
    assert (gone.state, gone.reason) == (AWAY, ABSENT)
    assert then(gone, Trigger.PHONE_PRESENT).state is READY


@pytest.mark.parametrize("reason", ["refused", "lunch", "pause"])
def test_any_other_pause_lasts_over_an_absence_of_the_telephone(reason: str) -> None:
    result = then(one(PAUSED, reason=reason), Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT)
    assert (result.state, result.reason, result.present) == (PAUSED, reason, True)


def test_a_second_pause_takes_its_reason_and_the_same_one_changes_nothing() -> None:
    paused = one(PAUSED)
    assert then(paused, Trigger.PAUSE, reason="lunch") is paused
    result = then(paused, Trigger.PAUSE, reason="training")
    assert (result.state, result.reason, result.since) == (PAUSED, "training", NOW)


@pytest.mark.parametrize("state", [READY, AWAY, WRAPPING_UP])
def test_a_pause_that_he_can_have_begins_at_once(state: OperatorState) -> None:
    result = then(one(state), Trigger.PAUSE, reason="training")
    assert (result.state, result.reason, result.since, result.until) == (PAUSED, "training", NOW, None)


def test_a_pause_asked_for_while_talking_holds_after_the_wrap_up() -> None:
    talking = then(one(TALKING), Trigger.PAUSE, reason="lunch")
    assert (talking.state, talking.since) == (TALKING, BEGAN)
    wrapping_up = then(talking, Trigger.ENDED)
    assert wrapping_up.state is WRAPPING_UP
    result = then(wrapping_up, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason, result.pause_after) == (PAUSED, "lunch", None)
    assert then(result, Trigger.RESUME).state is READY


def test_a_pause_asked_for_while_he_is_offered_a_call_holds_when_the_offer_is_withdrawn() -> None:
    result = then(then(one(OFFERED), Trigger.PAUSE, reason="lunch"), Trigger.WITHDRAWN)
    assert (result.state, result.reason) == (PAUSED, "lunch")


def test_log_out_while_talking_lets_him_talk_and_wrap_up_and_then_he_is_away() -> None:
    result = then(one(TALKING), Trigger.LOG_OUT, Trigger.ENDED)
    assert result.state is WRAPPING_UP
    result = then(result, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason) == (AWAY, LOGGED_OUT)
    assert then(result, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is AWAY


def test_his_last_word_counts() -> None:
    asked = then(one(TALKING), Trigger.PAUSE, reason="lunch")
    assert then(asked, Trigger.RESUME, Trigger.ENDED, Trigger.WRAP_UP_OVER).state is READY
    assert then(asked, Trigger.ENDED, Trigger.RESUME).state is READY
    assert then(asked, Trigger.LOG_OUT, Trigger.ENDED, Trigger.WRAP_UP_OVER).reason == LOGGED_OUT
    out = then(asked, Trigger.ENDED, Trigger.LOG_OUT)
    assert (out.state, out.reason) == (AWAY, LOGGED_OUT)
    assert then(out, Trigger.RESUME).state is READY


def test_no_answer_puts_him_on_pause_with_that_reason() -> None:
    result = then(one(OFFERED), Trigger.NO_ANSWER)
    assert (result.state, result.reason) == (PAUSED, "no_answer")


def test_a_refusal_puts_him_on_pause_with_that_reason() -> None:
    result = then(one(OFFERED), Trigger.REFUSED)
    assert (result.state, result.reason) == (PAUSED, "refused")


def test_who_cannot_be_reached_is_away_until_his_telephone_appears_or_he_says_so() -> None:
    result = then(one(OFFERED), Trigger.UNREACHABLE)
    assert (result.state, result.reason) == (AWAY, UNREACHABLE)
    registered = then(result, Trigger.PHONE_PRESENT)  # also before its former registration has expired
    assert (registered.state, registered.present) == (READY, True)
    assert then(result, Trigger.PHONE_ABSENT, Trigger.PHONE_PRESENT).state is READY
    assert then(result, Trigger.RESUME).state is READY


def test_a_wrap_up_is_extended_as_far_as_it_may_be_and_ends_as_any_other() -> None:
    wraps_up = one(WRAPPING_UP)
    once = after(wraps_up, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100)
    assert (once.state, once.since, once.until) == (WRAPPING_UP, BEGAN, BEGAN + WRAP_UP + 60)
    twice = after(once, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100)
    assert twice.until == BEGAN + 100
    assert after(twice, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=100) is twice
    assert after(wraps_up, Trigger.WRAP_UP_MORE, NOW, wrap_up_s=60, longest_s=WRAP_UP) is wraps_up
    assert then(twice, Trigger.WRAP_UP_OVER).state is READY


def test_a_withdrawn_offer_has_no_penalty() -> None:
    result = then(one(OFFERED), Trigger.WITHDRAWN)
    assert (result.state, result.reason, result.offer) == (READY, "", None)


@pytest.mark.parametrize("state", [AWAY, WRAPPING_UP, PAUSED])
def test_nobody_is_ready_without_a_telephone(state: OperatorState) -> None:
    result = then(one(state, present=False, reason="x"), Trigger.RESUME)
    assert (result.state, result.reason) == (AWAY, ABSENT)
    assert then(result, Trigger.PHONE_PRESENT).state is READY


def test_a_telephone_lost_during_a_call_counts_after_the_wrap_up() -> None:
    result = then(one(TALKING), Trigger.PHONE_ABSENT, Trigger.ENDED)
    assert result.state is WRAPPING_UP
    result = then(result, Trigger.WRAP_UP_OVER)
    assert (result.state, result.reason) == (AWAY, ABSENT)


@patient
@given(st.lists(st.tuples(st.sampled_from(Trigger), st.sampled_from(["", "lunch", "training"])), max_size=40))
def test_whatever_happens_nobody_is_ready_who_is_absent_and_no_offer_outlives_its_call(
    happened: list[tuple[Trigger, str]],
) -> None:
    operator = Operator("1001", {"fr": 5})
    for instant, (trigger, reason) in enumerate(happened):
        operator = after(operator, trigger, float(instant), reason=reason, wrap_up_s=WRAP_UP)
        if trigger is Trigger.OFFER and operator.state is OFFERED:
            operator = replace(operator, offer=operator.offer or "offer")
        assert operator.state is not READY or operator.present
        assert (operator.offer is not None) == (operator.state in (OFFERED, TALKING))
        assert (operator.until is not None) == (operator.state is WRAPPING_UP)
        assert bool(operator.reason) == (operator.state in (AWAY, PAUSED))
        again = after(operator, Trigger.PHONE_PRESENT, NOW)
        assert again is operator or not operator.present or operator.reason == UNREACHABLE


@patient
@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_whatever_happens_the_end_of_his_call_his_telephone_and_his_own_word_make_him_ready(
    happened: list[Trigger],
) -> None:
    operator = then(Operator("1001", {"fr": 5}), *happened)
    ways = (Trigger.WITHDRAWN, Trigger.ENDED, Trigger.WRAP_UP_OVER, Trigger.PHONE_PRESENT, Trigger.RESUME)
    assert then(operator, *ways, Trigger.RESUME).state is READY


@patient
@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_whatever_happens_a_pause_and_a_log_out_hold_until_he_ends_them(happened: list[Trigger]) -> None:
    by_hand = (Trigger.RESUME, Trigger.PAUSE, Trigger.LOG_OUT)
    for asked in (Trigger.PAUSE, Trigger.LOG_OUT):
        for state in OperatorState:
            operator = then(one(state), asked)
            operator = then(operator, *(trigger for trigger in happened if trigger not in by_hand))
            assert operator.state is not READY, (state, asked)


@pytest.mark.parametrize("first", [state for state in OfferState if state is not OfferState.RINGING])
@pytest.mark.parametrize("second", OfferState)
def test_the_first_final_state_of_an_offer_wins(first: OfferState, second: OfferState) -> None:
    assert offer_state_after(OfferState.RINGING, first) is first
    assert offer_state_after(first, second) is first


def test_an_offer_that_rings_rings_on() -> None:
    assert offer_state_after(OfferState.RINGING, OfferState.RINGING) is OfferState.RINGING
