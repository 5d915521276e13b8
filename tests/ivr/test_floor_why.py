"""The reason for a wait is recorded once for each part of it: at its start, after a step, and after a failed offer."""

from dataclasses import replace

from watched_floor import SHORT_S, a_floor, ready, refused, wait

from ivr.model.floor_protocol import AskPosition, OperatorEvent
from routing.match import Step
from routing.states import OfferState, OperatorState, Trigger


async def test_a_reason_is_recorded_when_a_wait_begins_and_when_a_step_ends_and_not_in_between() -> None:
    dutch = ready("1002", languages={"nl": 5, "fr": 3}, state=OperatorState.PAUSED)
    async with a_floor(dutch) as line:
        await line.send(wait("call", 10, Step("nl", 4, patience=10 + SHORT_S), Step("fr")))
        await line.send(AskPosition("call"), AskPosition("call"))
        assert [(call, why.language, why.states) for call, why in line.why] == [("call", "nl", {"paused": 1})]
        await line.until(lambda: len(line.why) == 2)
        _, why = line.why[1]
        assert why.language == "fr" and why.instead is not None and why.instead.operator == "1002"


async def test_a_reason_is_recorded_when_the_last_operator_who_speaks_the_language_leaves() -> None:
    dutch = ready("1002", languages={"nl": 5}, state=OperatorState.PAUSED)
    async with a_floor(dutch) as line:
        await line.send(wait("call", 10, Step("nl", 4, patience=60), Step("nl")))
        await line.send(OperatorEvent("1002", Trigger.LOG_OUT))
        (_, began), (_, gone) = line.why
        assert (began.on_duty, gone.on_duty, gone.speakers) == (1, 0, 0)


async def test_a_reason_is_recorded_after_a_failed_offer_and_not_for_a_caller_who_is_offered_at_once() -> None:
    async with a_floor(ready()) as line:
        await line.send(wait("call", 10))
        assert line.why == []
        await line.send(refused(line.offer, OfferState.NO_ANSWER))
        ((call, why),) = line.why
        assert (call, why.states) == ("call", {"paused": 1})


async def test_a_reason_is_recorded_for_each_of_many_callers_who_come_at_once() -> None:
    async with a_floor() as line:
        await line.send(*(wait(f"call-{number}", number) for number in range(40)))
        await line.until(lambda: len(line.why) == 40)
        assert {call for call, _ in line.why} == {f"call-{number}" for number in range(40)}


async def test_the_queue_shows_what_a_caller_needs_now() -> None:
    """Also after a transfer, whose steps began later, and when nobody on duty meets a step."""
    travel, anything = Step("fr", topic="travel", patience=600), Step("fr")
    busy = ready(topics=frozenset({"visa"}), state=OperatorState.TALKING)
    speaks = ready("1002", topics=frozenset({"travel"}), state=OperatorState.TALKING)
    async with a_floor(busy) as floor:
        await floor.send(wait("unmet", 30, travel, anything))
        assert [entry.topic for entry in await floor.client.queue()] == [None]
    async with a_floor() as floor:
        await floor.send(wait("nobody", 30, travel, anything))
        assert [entry.topic for entry in await floor.client.queue()] == ["travel"]
    async with a_floor(busy, speaks) as floor:
        handed_on = replace(wait("handed on", 900, travel, anything), before=890.0)
        await floor.send(wait("new", 30, travel, anything), wait("long", 700, travel, anything), handed_on)
        found = {entry.call: entry.topic for entry in await floor.client.queue()}
        assert found == {"handed on": "travel", "new": "travel", "long": None}
