"""The floor serves callers in turn; messages that come twice, late or from a call that is gone change nothing."""

import time

import pytest
from watched_floor import (
    NO_ANSWER,
    RING_S,
    SHORT_S,
    UNREACHABLE,
    WITHDRAWN,
    a_floor,
    accepted,
    ended,
    ready,
    refused,
    wait,
)

from ivr.model.floor_protocol import (
    Accepted,
    AskPosition,
    Begin,
    ConnectionLost,
    Ended,
    Leave,
    OpenOffer,
    OperatorEvent,
    Refused,
)
from routing.match import Decision, Step
from routing.states import UNREACHABLE as AWAY_UNREACHABLE
from routing.states import Operator, OperatorState, Trigger

# Order


async def test_two_callers_get_one_operator_in_the_order_of_their_waiting() -> None:
    async with a_floor(ready(), wrap_up_s=SHORT_S) as line:
        await line.send(wait("second", 5), wait("first", 50))
        assert (line.offered, line.waiting) == ([("first", "1001")], ["second"])
        first = line.offer
        await line.send(accepted(first))
        assert line.state() == (OperatorState.TALKING, "")
        await line.send(ended(first))
        assert line.state() == (OperatorState.WRAPPING_UP, "")
        await line.until(lambda: len(line.offers) == 2)
        assert line.offered == [("first", "1001"), ("second", "1001")]
        assert line.waiting == []


async def test_an_offer_names_call_and_operator_ringing_time_and_reason() -> None:
    async with a_floor(ready(idle_s=30)) as line:
        await line.send(wait("call", 50))
        offer = line.offer
        assert (offer.call, offer.operator, offer.ring_s) == ("call", "1001", RING_S)
        (decision,) = line.decisions
        assert offer.reason is not None
        assert decision == Decision("call", "1001", offer.reason)
        assert (round(offer.reason.waited_s), round(offer.reason.idle_s)) == (50, 30)
        assert line.changes == [("1001", OperatorState.OFFERED, "call")]


async def test_every_offer_has_its_own_id_and_the_epoch_of_its_connection() -> None:
    async with a_floor(ready("1001"), ready("1002")) as line:
        await line.send(wait("a", 5), wait("b", 6))
        assert len({offer.id for offer in line.offers}) == 2
        assert {offer.epoch for offer in line.offers} == {1}
        await line.send(ConnectionLost(), Begin(2, (ready("1001"),), ()), wait("c", 5))
        assert (line.offer.call, line.offer.epoch) == ("c", 2)


async def test_without_a_connection_no_offer_is_made_and_nothing_is_kept() -> None:
    async with a_floor(ready("1001")) as line:
        before = list(line.changes)
        await line.send(ConnectionLost(), wait("a", 5), OperatorEvent("1001", Trigger.PHONE_PRESENT))
        assert (line.offers, line.changes) == ([], before)


async def test_messages_that_come_together_are_decided_together() -> None:
    """Otherwise the caller of the first message would get the operator of the one who has waited longest."""
    async with a_floor(ready()) as line:
        await line.send(wait("short", 1), wait("long", 100))
        assert line.offered == [("long", "1001")]


async def test_a_step_that_expires_makes_an_offer_possible_by_itself() -> None:
    dutch = ready("1002", languages={"nl": 5}, state=OperatorState.PAUSED)  # on duty, so that the step is not skipped
    async with a_floor(ready(), dutch) as line:
        await line.send(wait("call", 10, Step("nl", patience=10 + SHORT_S), Step("fr")))
        assert line.offers == []
        await line.until(lambda: line.offered == [("call", "1001")])
        assert line.offer.reason is not None and line.offer.reason.step == 1


# Positions


async def test_a_caller_gets_their_position_among_those_who_could_take_the_same_operators() -> None:
    talks = ready(state=OperatorState.TALKING, offer="offer-1")
    async with a_floor(talks, ready("1002", state=OperatorState.PAUSED, languages={"nl": 5})) as line:
        await line.send(wait("first", 50), wait("other", 45, Step("nl")), wait("second", 40), AskPosition("second"))
        assert [(entry.call, entry.position) for entry in line.positions] == [("second", 2)]
        await line.send(Leave("first"), AskPosition("second"))
        assert line.positions[-1].position == 1
        assert not line.positions[-1].estimate.earned, "nothing was accepted yet"


async def test_a_call_that_does_not_wait_or_is_offered_gets_no_position() -> None:
    async with a_floor(ready()) as line:
        await line.send(wait("call", 50), AskPosition("call"), AskPosition("nobody"))
        assert line.offered == [("call", "1001")]
        assert line.positions == []


# Offers that fail


async def test_a_caller_whom_nobody_answered_keeps_their_place_at_the_head() -> None:
    async with a_floor(ready("1001", idle_s=20), ready("1002", idle_s=10)) as line:
        await line.send(wait("first", 50), OperatorEvent("1002", Trigger.PAUSE), wait("second", 40))
        assert (line.offered, line.waiting) == ([("first", "1001")], ["second"])
        await line.send(refused(line.offer, NO_ANSWER))
        assert line.waiting == ["first", "second"]
        assert line.state("1001") == (OperatorState.PAUSED, "no_answer")
        await line.send(OperatorEvent("1002", Trigger.RESUME))
        assert line.offered == [("first", "1001"), ("first", "1002")]


async def test_the_next_operator_gets_the_caller_at_once() -> None:
    async with a_floor(ready("1001", idle_s=20), ready("1002", idle_s=10)) as line:
        await line.send(wait("call", 50))
        await line.send(refused(line.offer, UNREACHABLE))
        assert line.offered == [("call", "1001"), ("call", "1002")]
        assert line.state("1001") == (OperatorState.AWAY, AWAY_UNREACHABLE)


async def test_a_caller_who_leaves_while_they_are_offered_is_not_offered_again() -> None:
    async with a_floor(ready("1001", idle_s=20), ready("1002", idle_s=10)) as line:
        await line.send(wait("call", 50))
        offer = line.offer
        await line.send(Leave("call"))
        assert line.state("1001")[0] is OperatorState.OFFERED, "the telephone rings until the call says otherwise"
        await line.send(refused(offer, WITHDRAWN))
        assert line.state("1001") == (OperatorState.READY, "")
        assert (line.offered, line.waiting) == ([("call", "1001")], [])
        await line.send(wait("next", 5))
        assert line.offered[1:] == [("next", "1002")]


async def test_an_offer_for_a_call_that_is_gone_costs_its_operator_nothing() -> None:
    """As the connection answers when it does not know the call."""
    async with a_floor(ready()) as line:
        await line.send(wait("gone", 50), wait("next", 40))
        offer = line.offer
        await line.send(Leave("gone"), refused(offer, WITHDRAWN))
        assert line.offered == [("gone", "1001"), ("next", "1001")]
        assert line.waiting == []


async def test_a_caller_who_leaves_before_any_offer_is_forgotten() -> None:
    async with a_floor() as line:
        await line.send(wait("a", 50), wait("b", 40), Leave("a"), Leave("nobody"))
        assert line.waiting == ["b"]


# Repeated and late messages


async def test_messages_are_idempotent() -> None:
    async with a_floor(ready("1001"), ready("1002", idle_s=5)) as line:
        waits = wait("call", 50)
        await line.send(waits, waits)
        await line.send(waits)
        assert line.offered == [("call", "1001")]
        offer = line.offer
        await line.send(accepted(offer), accepted(offer), waits)
        assert (line.offered, line.waiting) == ([("call", "1001")], [])
        await line.send(ended(offer), ended(offer))
        assert [state for _, state, _ in line.changes] == [
            OperatorState.OFFERED,
            OperatorState.TALKING,
            OperatorState.WRAPPING_UP,
        ]
        assert line.waiting == []


async def test_a_late_answer_changes_nothing() -> None:
    async with a_floor(ready("1001"), ready("1002", idle_s=5)) as line:
        await line.send(wait("call", 50))
        first = line.offer
        await line.send(refused(first, NO_ANSWER))
        second = line.offer
        before = len(line.changes), len(line.offers)
        await line.send(refused(first, NO_ANSWER), refused(first, WITHDRAWN), ended(first))
        await line.send(OperatorEvent("1002", Trigger.PHONE_PRESENT), OperatorEvent("9999", Trigger.RESUME))
        assert (len(line.changes), len(line.offers)) == before
        await line.send(accepted(second))
        assert line.state("1002")[0] is OperatorState.TALKING
        assert line.state("1001") == (OperatorState.PAUSED, "no_answer")


async def test_a_late_answer_takes_no_caller_out_of_the_queue() -> None:
    async with a_floor(ready()) as line:
        await line.send(wait("call", 50))
        offer = line.offer
        await line.send(refused(offer, NO_ANSWER), accepted(offer))
        assert line.waiting == ["call"]


async def test_a_late_end_of_an_earlier_conversation_does_not_end_the_present_one() -> None:
    async with a_floor(ready(), wrap_up_s=0) as line:
        await line.send(wait("first", 50))
        first = line.offer
        await line.send(accepted(first), ended(first))
        await line.until(lambda: line.state()[0] is OperatorState.READY)
        await line.send(wait("second", 10))
        second = line.offer
        await line.send(accepted(second), ended(first), refused(first, NO_ANSWER))
        assert line.state() == (OperatorState.TALKING, "")


# Operators


async def test_a_wrap_up_ends_by_itself() -> None:
    async with a_floor(ready(), wrap_up_s=SHORT_S) as line:
        await line.send(wait("call", 50))
        offer = line.offer
        await line.send(accepted(offer), ended(offer))
        began = time.time()
        until = line.floor.operators["1001"].until
        assert until is not None and until == pytest.approx(began + SHORT_S, abs=0.02)
        await line.until(lambda: line.state()[0] is OperatorState.READY)
        assert time.time() >= until


async def test_a_pause_requested_while_talking_applies_after_the_wrap_up() -> None:
    async with a_floor(ready(), wrap_up_s=SHORT_S) as line:
        await line.send(wait("call", 50))
        offer = line.offer
        await line.send(accepted(offer), OperatorEvent("1001", Trigger.PAUSE, "lunch"), wait("next", 5))
        assert line.state() == (OperatorState.TALKING, "")
        await line.send(ended(offer))
        await line.until(lambda: line.state() == (OperatorState.PAUSED, "lunch"))
        assert line.waiting == ["next"]


async def test_an_operator_whose_telephone_appears_gets_the_waiting_caller() -> None:
    async with a_floor(Operator("1001", {"fr": 5})) as line:
        await line.send(wait("call", 50))
        assert line.offers == []
        await line.send(OperatorEvent("1001", Trigger.PHONE_PRESENT))
        assert line.offered == [("call", "1001")]


async def test_only_changes_are_kept() -> None:
    async with a_floor(ready()) as line:
        await line.send(
            OperatorEvent("1001", Trigger.PHONE_PRESENT),
            OperatorEvent("1001", Trigger.WITHDRAWN),
            OperatorEvent("1001", Trigger.RESUME),
        )
        assert line.changes == []


# After a restart


@pytest.mark.parametrize("talking", [True, False])
async def test_a_rebuilt_floor_makes_no_second_offer(talking: bool) -> None:
    state = OperatorState.TALKING if talking else OperatorState.OFFERED
    settled = ready("1001", state=state, offer="offer-1")
    async with a_floor(settled, ready("1002")) as line:
        await line.send(OpenOffer("offer-1", "call", "1001", talking))
        await line.send(wait("call", 50))
        assert (line.offers, line.waiting, line.changes) == ([], [], [])
        await line.send(wait("next", 5))
        assert line.offered == [("next", "1002")]


async def test_an_operator_with_a_channel_is_busy_whatever_state_was_stored() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.PAUSED, reason="lunch")) as line:
        await line.send(
            OpenOffer("offer-1", "a", "1001", talking=True), OpenOffer("offer-2", "b", "1002", talking=False)
        )
        assert line.state("1001")[0] is OperatorState.TALKING
        assert line.state("1002")[0] is OperatorState.OFFERED
        await line.send(Ended("offer-1", "a", "1001"), Refused("offer-2", "b", "1002", WITHDRAWN))
        assert line.state("1001")[0] is OperatorState.WRAPPING_UP
        assert line.state("1002") == (OperatorState.READY, "")


async def test_a_leg_that_rang_through_the_restart_can_be_answered() -> None:
    async with a_floor(ready("1001", state=OperatorState.OFFERED, offer="offer-1")) as line:
        await line.send(OpenOffer("offer-1", "call", "1001", talking=False))
        await line.send(Accepted("offer-1", "call", "1001"))
        assert line.state() == (OperatorState.TALKING, "")
        await line.send(Ended("offer-1", "call", "1001"))
        assert line.state()[0] is OperatorState.WRAPPING_UP


async def test_an_unanswered_leg_that_rang_through_the_restart_leaves_its_caller_at_the_head() -> None:
    offered = ready("1001", state=OperatorState.OFFERED, offer="offer-1")
    async with a_floor(offered, ready("1002", idle_s=5, state=OperatorState.PAUSED, reason="lunch")) as line:
        await line.send(OpenOffer("offer-1", "old", "1001", talking=False), wait("young", 5))
        await line.send(Refused("offer-1", "old", "1001", NO_ANSWER), wait("old", 500))
        assert line.state("1001") == (OperatorState.PAUSED, "no_answer")
        assert line.waiting == ["old", "young"]


async def test_a_caller_whose_operator_was_lost_waits_again_with_their_waiting_time() -> None:
    async with a_floor(ready("1001", state=OperatorState.TALKING, offer="offer-1")) as line:
        await line.send(OpenOffer("offer-1", "old", "1001", talking=True), wait("young", 5))
        await line.send(Ended("offer-1", "old", "1001"), wait("old", 500))
        assert line.waiting == ["old", "young"]


async def test_a_wrap_up_that_ended_while_there_was_no_floor_is_over() -> None:
    past = ready(state=OperatorState.WRAPPING_UP, until=time.time() - 100)
    async with a_floor(past) as line:
        await line.send(wait("call", 5))
        assert line.offered == [("call", "1001")]
