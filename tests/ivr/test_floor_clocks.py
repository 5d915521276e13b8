"""A clock that is set while the floor runs changes no wait, step or wrap-up."""

import time

import pytest
from watched_floor import SHORT_S, a_floor, accepted, ended, ready, refused, wait

from ivr.model.floor_protocol import AskPosition, Wait
from routing.match import Step
from routing.states import OfferState, OperatorState


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_step_expires_in_time_though_the_clock_is_set(hours: int) -> None:
    dutch = ready("1002", languages={"nl": 5}, state=OperatorState.PAUSED)
    async with a_floor(ready(), dutch) as line:
        steps = (Step("nl", patience=10 + SHORT_S), Step("fr"))
        await line.send(wait("call", 10, *steps))
        line.set_by_s = 3600.0 * hours
        await line.send(AskPosition("nobody"))
        assert line.offers == []
        await line.until(lambda: line.offered == [("call", "1001")])


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_wrap_up_ends_in_time_though_the_clock_is_set(hours: int) -> None:
    async with a_floor(ready(), wrap_up_s=SHORT_S) as line:
        await line.send(wait("call", 50))
        await line.send(accepted(line.offer), ended(line.offer))
        line.set_by_s = 3600.0 * hours
        await line.send(AskPosition("nobody"))
        assert line.state()[0] is OperatorState.WRAPPING_UP
        await line.until(lambda: line.state()[0] is OperatorState.READY)


@pytest.mark.parametrize("hours", [-2, 2])
async def test_callers_keep_their_order_though_the_clock_is_set(hours: int) -> None:
    async with a_floor(ready(state=OperatorState.TALKING)) as line:
        await line.send(wait("first", 60), wait("second", 50))
        line.set_by_s = 3600.0 * hours
        await line.send(Wait("third", (Step("fr"),), time.time() + line.set_by_s))
        assert line.waiting == ["first", "second", "third"]
        await line.send(Wait("fourth", (Step("fr"),), time.time() + line.set_by_s + 600))
        assert line.waiting[-1] == "fourth"
        (waits,) = (entry for entry in line.floor.waiting if entry.call == "fourth")
        assert waits.since <= time.time() + line.set_by_s


async def test_a_caller_who_is_offered_when_the_clock_is_set_back_keeps_their_place() -> None:
    async with a_floor(ready()) as line:
        await line.send(wait("first", 60))
        line.set_by_s = -7200.0
        await line.send(Wait("second", (Step("fr"),), time.time() + line.set_by_s))
        await line.send(refused(line.offer, OfferState.NO_ANSWER))
        assert line.waiting == ["first", "second"]


async def test_a_clock_that_is_set_gives_an_operator_who_was_never_on_shift_no_instant() -> None:
    async with a_floor(ready(), ready("1002", since=0.0, state=OperatorState.AWAY)) as line:
        await line.send(AskPosition("nobody"))
        before = line.floor.operators["1001"].since
        line.set_by_s = 7200.0
        await line.send(AskPosition("nobody"))
        await line.until(lambda: line.floor.operators["1001"].since > before + 7000)
        assert line.floor.operators["1002"].since == 0.0
