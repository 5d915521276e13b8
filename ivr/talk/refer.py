"""What a telephone asks for with REFER, by its own transfer key: told by Asterisk, done by us.

Only what stands before the @ is looked at, and only among our operators, languages, topics and consuls: nothing of it
ever becomes an address that is dialled. See docs/decisions/0015-refer.md.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.ari import events, operations
from ivr.ari.operations import Request
from ivr.site_codes import Codes
from ivr.talk.wishes import Act, Refusal, Target, from_keys

if TYPE_CHECKING:
    from ivr.talk.conversation import Conversation

DONE, REFUSED = "channel_answered", "channel_declined"
"""What the telephone is told: the transfer is over (200), or it keeps its caller (603)."""


def progress(leg: str, state: str) -> Request:
    return operations.TRANSFER_PROGRESS(leg, states=state)


def meant(to: str, codes: Codes, languages: Sequence[str], topics: Sequence[str]) -> Target | Refusal:
    """Whom the telephone names: an operator's id, or the digits that follow the code for a transfer, with or without
    it. What is no number of ours is a number outside."""
    digits = to.removeprefix(codes.transfer) if codes.transfer else to
    if not digits.isascii() or not digits.isdigit():
        return Refusal.OUTSIDE
    return from_keys(digits, languages, topics)


async def referred(talk: "Conversation", event: events.ChannelTransfer) -> None:
    """The telephone is told how it went, and so is the operator if nothing comes of it."""
    from ivr.talk import asked  # which needs this module

    call = talk.call
    call.event("referred", by=talk.leg.operator, to=event.to[:40], attended=event.replaces is not None)
    if event.replaces is not None:
        await _attended(talk, event)
        return
    target = meant(event.to, call.services.site.codes, call.services.site.languages, asked.topics_of(call.flow))
    if isinstance(target, Refusal):
        call.event(
            "wish_refused",
            act="transfer",
            target=event.to[:40],
            way="refer",
            by=talk.leg.operator,
            why=target.name.lower(),
        )
        refusal: Refusal | None = target
    else:
        refusal = await asked.grant(talk, Act.TRANSFER, target, "refer", talk.leg.operator)
    if refusal is not None:
        await call.services.link.send(progress(event.channel_id, REFUSED))
        await asked.say_why(talk, refusal)


async def _attended(talk: "Conversation", event: events.ChannelTransfer) -> None:
    """The caller goes to whom the operator has asked on the line that is to be replaced."""
    from ivr.talk import asked

    link, leg = talk.call.services.link, talk.leg
    refusal: Refusal | None = Refusal.NOT_NOW
    if event.replaces is not None and event.replaces == talk.talk.via:
        # First this: once it is done there is no line any more to tell it on.
        refusal = asked.complete_refused(talk)
        await link.send(progress(event.channel_id, DONE if refusal is None else REFUSED))
        if refusal is None:
            refusal = await asked.grant(talk, Act.COMPLETE, Target(), "refer", leg.operator)
    else:
        await link.send(progress(event.channel_id, REFUSED))
    if refusal is not None:
        await asked.say_why(talk, refusal)
