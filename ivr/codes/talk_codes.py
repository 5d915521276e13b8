"""Hold, transfer, consultation and interpreter by feature code: on another line of the telephone that talks.

The telephone itself puts the first line on hold then. On the second the operator hears why not, or his colleague, whom
he may connect with the caller by the telephone's own transfer key (REFER with Replaces).
"""

from ivr.call.call import Call
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone
from ivr.talk.code_reader import act_for_code
from ivr.talk.grants import topics_of
from ivr.talk.operator_requests import NEED_TARGET, Act, Refusal, Target, target_from_digits


async def in_conversation(code: CodeCall) -> None:
    """Any of the four codes; its digits say who is meant."""
    call = code.conversation
    if call is None:
        raise CodeRefused(Refusal.NOT_NOW.value)
    act, target = act_for_code(code.name, code.argument), Target()
    if act in NEED_TARGET:
        meant = target_from_digits(code.argument, code.services.site.languages, topics_of(call.flow))
        if isinstance(meant, Refusal):
            raise CodeRefused(meant.value)
        target = meant
    wishes, by = code.session.requests, code.operator.id
    if act is Act.CONSULT:
        await code.answer()
        first = Act.ATTACH if code.resumed else Act.CONSULT
        refusal = await wishes.ask(call, first, target, way="code", by=by, channel=code.channel)
    elif code.resumed:
        return  # what was asked for before a restart was done, or can be asked for again
    else:
        refusal = await wishes.ask(call, act, target, way="code", by=by)
    if refusal is not None:
        raise CodeRefused(refusal.value)
    if act is Act.CONSULT:
        await _until_hung_up(code, call)


async def _until_hung_up(code: CodeCall, call: Call) -> None:
    """He talks with his colleague on this line; what becomes of it is the conversation's."""
    try:
        while True:
            await code.next()
    except OperatorGone:
        await code.session.requests.ask(call, Act.LINE_GONE, way="code", by=code.operator.id, channel=code.channel)
        raise
