"""A transferred caller returns to the operator who transferred them once nobody else can take them, then at once."""

from watched_floor import NO_ANSWER, a_floor, accepted, ended, ready, refused, wait

from ivr.model.floor_protocol import Leave, OperatorEvent, Wait
from ivr.talk.transfers import ANYBODY, Transfer, transfer_steps
from routing.match import Step
from routing.states import OperatorState, Trigger
from routing.waits import describe_wait

READY, OFFERED, WRAPPING_UP = OperatorState.READY, OperatorState.OFFERED, OperatorState.WRAPPING_UP
SPEAKS = {"1001": {"fr": 5}, "1002": {"fr": 5}}


def transferred(call: str, *, to: str = ANYBODY, waited_s: float = 0.0) -> Wait:
    """Transferred by 1001 a moment ago, to anybody who can help."""
    waits = wait(call, 500)
    now = waits.since + 500
    transfer = Transfer((to,), "1001", now - waited_s, 1)
    before = transfer.at - waits.since
    needed = transfer_steps(transfer, (Step("fr"),), SPEAKS)
    return Wait(call, needed, waits.since, 0, before, transfer.by, len(needed) - 1)


async def test_the_operator_who_transferred_a_caller_gets_other_callers_while_somebody_else_may_take_this_one() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.send(transferred("first"))
        assert (line.offered, line.waiting) == ([], ["first"])
        assert line.why[-1][1].excluded_operator == "1001"
        await line.send(wait("second", 1))
        assert line.offered == [("second", "1001")]
        await line.send(
            accepted(line.offer), OperatorEvent("1002", Trigger.ENDED), OperatorEvent("1002", Trigger.RESUME)
        )
        assert line.offered[1:] == [("first", "1002")]
        # Nor if that operator does not take them.
        await line.send(ended(line.offers[0]), OperatorEvent("1001", Trigger.RESUME), refused(line.offer, NO_ANSWER))
        assert (line.state(), line.waiting) == ((READY, ""), ["first"])


async def test_a_caller_returns_during_the_wrap_up_of_their_call_when_nobody_else_is_there() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.send(wait("first", 500))
        await line.send(accepted(line.offer))
        await line.send(ended(line.offer), transferred("first"))
        assert (line.state()[0], line.waiting) == (WRAPPING_UP, ["first"])
        # The reason that names an operator is true of a transferred caller.
        for to, named in (
            ("1002", "1002, to whom the caller was handed on"),
            ("7777", "1001, who handed the caller on"),
        ):
            paused = OperatorEvent("1001", Trigger.PAUSE)  # otherwise they would get the caller at once
            await line.send(paused, transferred("first", to=to))
            assert describe_wait(line.why[-1][1]).startswith(f"waits for operator {named} and is not idle")
        await line.send(Leave("first"), OperatorEvent("1001", Trigger.RESUME), wait("second", 500))
        await line.send(accepted(line.offer), ended(line.offer), transferred("second"))
        assert line.state()[0] is WRAPPING_UP
        await line.send(
            OperatorEvent("1002", Trigger.LOG_OUT),
            OperatorEvent("1002", Trigger.ENDED),
            OperatorEvent("1002", Trigger.LOG_OUT),
        )
        assert line.offered[1:] == [("second", "1001")] * 2
        assert line.state()[0] is OFFERED


async def test_a_caller_returns_when_the_colleagues_time_is_over() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.send(wait("first", 500))
        await line.send(accepted(line.offer))
        await line.send(ended(line.offer), transferred("first", waited_s=59.95))
        assert line.state()[0] is WRAPPING_UP
        await line.until(lambda: line.offered == [("first", "1001")] * 2)
        # A caller who no longer waits ends no wrap-up.
        await line.send(accepted(line.offer), ended(line.offer), transferred("first", waited_s=59.95), Leave("first"))
        assert line.state()[0] is WRAPPING_UP


async def test_the_wrap_up_of_another_call_ends_before_a_caller_returns() -> None:
    async with a_floor(ready("1001"), wrap_up_s=0.3) as line:
        await line.send(wait("first", 500))
        await line.send(
            accepted(line.offer), ended(line.offer), OperatorEvent("1001", Trigger.RESUME), wait("other", 500)
        )
        await line.send(accepted(line.offer), transferred("first", to="7777"), ended(line.offer))
        assert line.state()[0] is WRAPPING_UP  # it is the caller's turn, but this wrap-up is not of their call
        await line.send(OperatorEvent("1001", Trigger.WRAP_UP_MORE))
        assert (line.state()[0], line.waiting) == (WRAPPING_UP, ["first"])
        await line.send(OperatorEvent("1001", Trigger.WRAP_UP_OVER))
        assert line.offered[2:] == [("first", "1001")]


async def test_the_reason_for_an_ordinary_step_that_names_an_operator_is_that_they_have_the_case() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        waits = transferred("first", to="7777", waited_s=45)  # so that the first operator's time is over as well
        own = Step("fr", operator="1002", patience=600)
        await line.send(Wait("first", (*waits.steps[:-1], own, Step("fr")), waits.since, 0, waits.before, "1001", 1))
        assert describe_wait(line.why[-1][1]).startswith("waits for operator 1002, who has the caller's file")
