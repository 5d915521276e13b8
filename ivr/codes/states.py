"""Codes that change the operator's state. Each plays the new state, also when it is run again after a restart."""

from ivr.codes.code_call import CodeCall, CodeRefused
from ivr.codes.state_prompts import reason_text, state_prompts
from ivr.model.floor_protocol import OperatorEvent
from routing.states import Operator, OperatorState, Trigger

_ASKED = 2
"""How often the reason of a pause is asked for."""


async def ready(call: CodeCall) -> None:
    await _say_state(call, await _change(call, Trigger.RESUME))


async def pause(call: CodeCall) -> None:
    """Pause with the number of a reason, or ask for it; an operator in a call pauses when it ends."""
    if call.resumed and not call.argument and call.state.state is OperatorState.PAUSED:
        await _say_state(call, call.state)  # chosen before the restart
        return
    number = call.argument or await _ask_reason(call)
    pauses = call.services.site.operators.pauses
    if not number.isdecimal() or not 1 <= int(number) <= len(pauses):
        raise CodeRefused("code_argument")
    await _say_state(call, await _change(call, Trigger.PAUSE, pauses[int(number) - 1]))


async def _ask_reason(call: CodeCall) -> str:
    pauses = call.services.site.operators.pauses
    question = ["code_pause_ask"]
    for number, reason in enumerate(pauses, 1):
        question += [reason_text(reason), f"key_{number}"]
    for _ in range(_ASKED):
        key = await call.listen(*question)
        if key is not None and key.isdecimal() and 1 <= int(key) <= len(pauses):
            return key
    raise CodeRefused("code_argument")


async def wrap_up_end(call: CodeCall) -> None:
    if not (call.resumed and call.state.state in (OperatorState.READY, OperatorState.OFFERED)):
        _require_wrap_up(call)
    await _say_state(call, await _change(call, Trigger.WRAP_UP_OVER))


async def wrap_up_more(call: CodeCall) -> None:
    """Extend the wrap-up once; after a restart, not a second time."""
    before = _require_wrap_up(call)
    usual = call.services.site.operators.wrap_up_s
    if call.resumed and before.until is not None and before.until - before.since > usual + 0.5:
        await call.say("code_wrap_up_more")
        return
    now = await _change(call, Trigger.WRAP_UP_MORE)
    if now.state is not OperatorState.WRAPPING_UP:
        raise CodeRefused("code_no_wrap_up")  # it ended at this moment
    if now.until == before.until:
        raise CodeRefused("code_wrap_up_longest")
    await call.say("code_wrap_up_more")


def _require_wrap_up(call: CodeCall) -> Operator:
    """Return the operator's state. Raises CodeRefused if they are not in wrap-up."""
    if call.state.state is OperatorState.AWAY:
        raise CodeRefused("code_off_duty")
    if call.state.state is not OperatorState.WRAPPING_UP:
        raise CodeRefused("code_no_wrap_up")
    return call.state


async def _change(call: CodeCall, trigger: Trigger, reason: str = "") -> Operator:
    return await call.floor.change(OperatorEvent(call.operator.id, trigger, reason))


async def _say_state(call: CodeCall, operator: Operator) -> None:
    await call.say(*state_prompts(operator, call.services.site.operators.pauses))
