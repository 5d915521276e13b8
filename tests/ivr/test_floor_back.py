"""A caller who was handed on comes back to who did it only once nobody else is waited for, and then at once."""

from test_floor import NO_ANSWER, a_floor, accepted, ended, ready, refused, wait

from ivr.model.floor_protocol import Leave, OperatorEvent, Wait
from ivr.talk.transfers import ANYBODY, Transfer, steps
from routing.match import Step
from routing.states import OperatorState, Trigger
from routing.waits import describe_wait

READY, OFFERED, WRAPPING_UP = OperatorState.READY, OperatorState.OFFERED, OperatorState.WRAPPING_UP
SPEAKS = {"1001": {"fr": 5}, "1002": {"fr": 5}}


def handed_on(call: str, *, to: str = ANYBODY, waited_s: float = 0.0) -> Wait:
    """By 1001, to whoever can, a moment ago."""
    waits = wait(call, 500)
    now = waits.since + 500
    transfer = Transfer((to,), "1001", now - waited_s, 1)
    before = transfer.at - waits.since
    needed = steps(transfer, (Step("fr"),), SPEAKS)
    return Wait(call, needed, waits.since, 0, before, transfer.by, len(needed) - 1)


async def test_who_handed_him_on_gets_others_but_not_him_as_long_as_somebody_may_take_him() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.hears(handed_on("first"))
        assert (line.offered, line.waiting) == ([], ["first"])
        assert line.why[-1][1].excluded_operator == "1001"
        await line.hears(wait("second", 1))
        assert line.offered == [("second", "1001")]
        await line.hears(
            accepted(line.offer), OperatorEvent("1002", Trigger.ENDED), OperatorEvent("1002", Trigger.RESUME)
        )
        assert line.offered[1:] == [("first", "1002")]
        # Nor if that one does not take him.
        await line.hears(ended(line.offers[0]), OperatorEvent("1001", Trigger.RESUME), refused(line.offer, NO_ANSWER))
        assert (line.state(), line.waiting) == ((READY, ""), ["first"])


async def test_he_comes_back_when_nobody_else_is_there_before_the_work_after_his_call_is_done() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.hears(wait("first", 500))
        await line.hears(accepted(line.offer))
        await line.hears(ended(line.offer), handed_on("first"))
        assert (line.state()[0], line.waiting) == (WRAPPING_UP, ["first"])
        # What is told of a step that names somebody is true of a caller who was handed on.
        for to, who in (("1002", "1002, to whom the caller was handed on"), ("7777", "1001, who handed the caller on")):
            paused = OperatorEvent("1001", Trigger.PAUSE)  # else he would get him at once
            await line.hears(paused, handed_on("first", to=to))
            assert describe_wait(line.why[-1][1]).startswith(f"waits for operator {who} and is not idle")
        await line.hears(Leave("first"), OperatorEvent("1001", Trigger.RESUME), wait("second", 500))
        await line.hears(accepted(line.offer), ended(line.offer), handed_on("second"))
        assert line.state()[0] is WRAPPING_UP
        await line.hears(
            OperatorEvent("1002", Trigger.LOG_OUT),
            OperatorEvent("1002", Trigger.ENDED),
            OperatorEvent("1002", Trigger.LOG_OUT),
        )
        assert line.offered[1:] == [("second", "1001")] * 2
        assert line.state()[0] is OFFERED


async def test_he_comes_back_when_the_time_of_his_colleague_is_over() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        await line.hears(wait("first", 500))
        await line.hears(accepted(line.offer))
        await line.hears(ended(line.offer), handed_on("first", waited_s=59.95))
        assert line.state()[0] is WRAPPING_UP
        await line.until(lambda: line.offered == [("first", "1001")] * 2)
        # Who waits no more frees nobody.
        await line.hears(accepted(line.offer), ended(line.offer), handed_on("first", waited_s=59.95), Leave("first"))
        assert line.state()[0] is WRAPPING_UP


async def test_the_work_after_another_call_is_done_before_he_comes_back() -> None:
    async with a_floor(ready("1001"), wrap_up_s=0.3) as line:
        await line.hears(wait("first", 500))
        await line.hears(
            accepted(line.offer), ended(line.offer), OperatorEvent("1001", Trigger.RESUME), wait("other", 500)
        )
        await line.hears(accepted(line.offer), handed_on("first", to="7777"), ended(line.offer))
        assert line.state()[0] is WRAPPING_UP  # it is his turn already, and this work is not after his call
        await line.hears(OperatorEvent("1001", Trigger.WRAP_UP_MORE))
        assert (line.state()[0], line.waiting) == (WRAPPING_UP, ["first"])
        await line.hears(OperatorEvent("1001", Trigger.WRAP_UP_OVER))
        assert line.offered[2:] == [("first", "1001")]


async def test_of_a_usual_step_that_names_somebody_it_is_told_that_he_has_the_file() -> None:
    async with a_floor(ready("1001"), ready("1002", state=OperatorState.TALKING)) as line:
        waits = handed_on("first", to="7777", waited_s=45)  # so that the time of who handed him on is over as well
        file = Step("fr", operator="1002", patience=600)
        await line.hears(Wait("first", (*waits.steps[:-1], file, Step("fr")), waits.since, 0, waits.before, "1001", 1))
        assert describe_wait(line.why[-1][1]).startswith("waits for operator 1002, who has the caller's file")
