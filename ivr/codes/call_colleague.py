"""Calls between operators, by number: no caller takes part, and neither operator is offered one meanwhile.

During a conversation with a caller it is a consultation, as `consult` asks for: then the telephone's own transfer key
connects the colleague with the caller.
"""

from ivr.codes import help_call
from ivr.codes.code_call import CodeCall, CodeRefused
from ivr.codes.talk_codes import consult
from ivr.talk.operator_requests import Target
from routing.states import OperatorState

_BUSY = (OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP)


async def call_colleague(call: CodeCall) -> None:
    """Ring the operator whose number was dialled; play why not, or that nobody answers."""
    colleague = call.colleague(call.argument)
    if colleague is None:
        raise CodeRefused("code_unknown")
    if colleague.id == call.operator.id:
        raise CodeRefused("talk_yourself")
    leg = await help_call.find_leg(call) if call.resumed else None
    if leg is None and call.conversation is not None:
        await consult(call, call.conversation, Target(operator=colleague.id))
    fresh = leg is None
    if leg is None:
        state = call.floor.operators[colleague.id]
        if not state.present or state.state in _BUSY:
            raise CodeRefused("talk_away")
        leg = await help_call.claim_leg(call, colleague.id)
    await call.answer()
    if not await help_call.talk_with(call, leg, fresh=fresh):
        raise CodeRefused("talk_no_answer")
