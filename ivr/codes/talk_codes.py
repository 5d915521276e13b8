"""Hold, transfer and the like by feature code, dialled on a second line of the operator's telephone.

The telephone itself puts the first line on hold. On the second the operator hears why the request is refused, or talks
with the colleague, whom they may connect with the caller by the telephone's own transfer key (REFER with Replaces).
"""

from typing import NoReturn

from ivr.call.call import Call
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone
from ivr.talk.code_reader import act_for_code
from ivr.talk.grants import topics_of
from ivr.talk.operator_requests import (
    NEED_TARGET,
    RECORDING_ACTS,
    RECORDING_TEXTS,
    Act,
    Refusal,
    Target,
    target_from_digits,
)


async def in_conversation(code: CodeCall) -> None:
    """Run any of the codes of a conversation; its digits name the target."""
    call = code.conversation
    if call is None:
        raise CodeRefused(Refusal.NOT_NOW.value)
    act, target = act_for_code(code.name, code.argument), Target()
    if act in NEED_TARGET:
        requested = target_from_digits(code.argument, code.services.site.languages, topics_of(call.flow))
        if isinstance(requested, Refusal):
            raise CodeRefused(requested.value)
        target = requested
    if act is Act.CONSULT:
        await consult(code, call, target)
    if code.resumed:
        return  # a request from before the restart was carried out, or can be made again
    refusal = await code.connection.requests.ask(call, act, target, way="code", by=code.operator.id)
    if refusal is not None:
        raise CodeRefused(refusal.value)
    if act in RECORDING_ACTS and call.recording is not None:
        await code.say(RECORDING_TEXTS[call.recording])


async def consult(code: CodeCall, call: Call, target: Target) -> NoReturn:
    """Have the operator talk with a colleague on this line until they hang it up; the call handles the rest.

    Raises CodeRefused if nobody can be asked, OperatorGone in the end.
    """
    await code.answer()
    requests, first = code.connection.requests, Act.ATTACH if code.resumed else Act.CONSULT
    refusal = await requests.ask(call, first, target, way="code", by=code.operator.id, channel=code.channel)
    if refusal is not None:
        raise CodeRefused(refusal.value)
    try:
        while True:
            await code.next()
    except OperatorGone:
        await code.connection.requests.ask(call, Act.LINE_GONE, way="code", by=code.operator.id, channel=code.channel)
        raise
