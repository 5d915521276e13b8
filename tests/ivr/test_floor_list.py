"""The list of operators changes while calls are up: a floor goes by the new one, and restarts nothing."""

from dataclasses import replace

from watched_floor import a_floor, ready, wait

from ivr.model.floor_protocol import Accepted, DutyRoster, Ended, OnOtherCall, OperatorEvent, OperatorList
from routing.match import Step
from routing.states import OperatorState, Trigger


async def test_an_operator_who_is_added_takes_a_caller_once_their_telephone_is_there() -> None:
    async with a_floor(ready()) as line:
        await line.send(OnOtherCall("1001", True), wait("call", 5))
        new = replace(ready("1002"), state=OperatorState.AWAY, reason="absent", present=False)
        await line.send(OperatorList((ready(), new)))
        assert line.offers == []
        await line.send(OperatorEvent("1002", Trigger.PHONE_PRESENT))
        assert line.offered == [("call", "1002")]


async def test_an_operator_with_other_languages_keeps_their_state_and_gets_other_callers() -> None:
    async with a_floor(ready()) as line:
        await line.send(wait("other", 5, Step("nl")))
        assert line.offers == []
        listed = replace(ready(), languages={"nl": 5}, state=OperatorState.AWAY, reason="absent")
        await line.send(OperatorList((listed,)))
        assert line.offered == [("other", "1001")]


async def test_an_operator_who_is_removed_gets_no_caller_and_one_in_a_call_ends_it_first() -> None:
    async with a_floor(ready(), ready("1002")) as line:
        await line.send(wait("call", 5))
        ((call, talking),) = line.offered
        offer = line.offers[0].id
        await line.send(Accepted(offer, call, talking))
        await line.send(OperatorList(()))
        assert set(line.floor.operators) == {talking}
        assert line.floor.operators[talking].state is OperatorState.TALKING
        await line.send(wait("next", 5), DutyRoster(None))
        await line.send(Ended(offer, call, talking))
        assert not line.floor.operators and len(line.offers) == 1
