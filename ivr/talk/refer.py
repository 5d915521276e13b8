"""What a telephone asks for with REFER, by its own transfer key: told by Asterisk, done by us.

Only what stands before the @ is looked at, and only among our operators, languages, topics and consuls: nothing of it
ever becomes an address that is dialled. Every telephone gets an answer. See docs/decisions/0015-refer.md.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.model.talk_table import Place, Talk
from ivr.queue.ringing import Leg
from ivr.site.codes import Codes
from ivr.talk.operator_requests import Act, Refusal, Target, from_keys

if TYPE_CHECKING:
    from ivr.talk.conversation import Conversation

GOES_ON, DONE, REFUSED = "channel_progress", "channel_answered", "channel_declined"
"""What the telephone is told: nothing yet (100), the transfer is over (200), or it keeps its caller (603)."""


def progress(leg: str, state: str) -> Request:
    return operations.TRANSFER_PROGRESS(leg, states=state)


def again(talk: Talk) -> list[Request]:
    """After a restart: what telephones have asked for while nobody listened is told once more, if anything. Not as long
    as the operator's other line is not known, which it may be about."""
    known = talk.place is not Place.ASIDE or talk.via is not None
    legs = [leg for leg in (talk.leg, talk.via) if leg is not None and known]
    legs += [talk.colleague.leg] if talk.colleague is not None and talk.colleague.there else []
    return [progress(leg, GOES_ON) for leg in legs]


def told(routes: Mapping[str, Receiver], event: events.ChannelTransfer) -> Call | None:
    """The call in whose conversation this is: by the leg that it came on, or by the one that is to be replaced, where
    a telephone asks on the line of the colleague. None: there is none, and nothing to be handed on."""
    found = (routes.get(leg) for leg in (event.channel_id, event.replaces) if leg is not None)
    return next((each for each in found if isinstance(each, Call)), None)


def meant(to: str, codes: Codes, languages: Sequence[str], topics: Sequence[str]) -> Target | Refusal:
    """Whom the telephone names: an operator's id, or the digits that follow the code for a transfer, with or without
    it. What is no number of ours is a number outside."""
    digits = to.removeprefix(codes.transfer) if codes.transfer else to
    if not digits.isascii() or not digits.isdigit():
        return Refusal.OUTSIDE
    return from_keys(digits, languages, topics)


async def referred(talk: "Conversation", event: events.ChannelTransfer) -> None:
    """The telephone is told how it went, and so is who asked if nothing comes of it."""
    from ivr.talk import request_handler  # which needs this module

    call, colleague = talk.call, talk.colleague
    lines = (talk.leg.id, talk.talk.via)
    ours = {*lines, colleague.id if colleague is not None else None} - {None}
    if event.again and (event.channel_id in talk.referred or not ours & {event.channel_id, event.replaces}):
        return  # it came at the same moment, and has been answered; or it is of a conversation before this one
    talk.referred.add(event.channel_id)
    asks = colleague.operator if colleague is not None and colleague.id == event.channel_id else talk.leg.operator
    attended = event.replaces is not None
    asked_first = colleague.operator if attended and colleague is not None else None
    call.event("referred", by=asks, to=event.to[:40], attended=attended, colleague=asked_first)
    if event.channel_id in lines and event.replaces is not None:
        refusal = await _attended(talk, event)
    elif event.channel_id == talk.leg.id:
        refusal = await _blind(talk, event)
    else:
        refusal = Refusal.NOT_NOW  # a colleague has no caller yet whom he could hand on
    if refusal is None:
        return
    await call.services.link.send(progress(event.channel_id, REFUSED))
    if event.channel_id == talk.leg.id:
        await request_handler.say_why(talk, refusal)
    else:
        await talk.tell(Leg(event.channel_id, asks), refusal.value)


async def _blind(talk: "Conversation", event: events.ChannelTransfer) -> Refusal | None:
    from ivr.talk import request_handler

    call, operator = talk.call, talk.leg.operator
    target = meant(
        event.to, call.services.site.codes, call.services.site.languages, request_handler.topics_of(call.flow)
    )
    if not isinstance(target, Refusal):
        return await request_handler.grant(talk, Act.TRANSFER, target, "refer", operator)
    call.event("wish_refused", act="transfer", target=event.to[:40], way="refer", by=operator, why=target.name.lower())
    return target


async def _attended(talk: "Conversation", event: events.ChannelTransfer) -> Refusal | None:
    """The caller goes to whom the operator has asked on his other line; either line may be the one to be replaced."""
    from ivr.talk import request_handler

    lines = {event.channel_id, event.replaces}
    if lines != {talk.leg.id, talk.talk.via}:
        return Refusal.NOT_NOW
    refusal = request_handler.complete_refused(talk)
    if refusal is not None:
        return refusal
    # First this: once it is done there is no line any more to tell it on.
    await talk.call.services.link.send(progress(event.channel_id, DONE))
    return await request_handler.grant(talk, Act.COMPLETE, Target(), "refer", talk.leg.operator)
