"""What a telephone asks for with REFER, by its own transfer key: told by Asterisk, done by us.

Only what stands before the @ is looked at, and only among our operators, languages, topics and consuls: nothing of it
ever becomes an address that is dialled. Every telephone gets an answer. See docs/decisions/0015-refer.md.
"""

from collections.abc import Mapping, Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.model.talk_table import OperatorPlace, Talk
from ivr.site.codes import Codes
from ivr.talk.operator_requests import Refusal, Target, from_keys

GOES_ON, DONE, REFUSED = "channel_progress", "channel_answered", "channel_declined"
"""What the telephone is told: nothing yet (100), the transfer is over (200), or it keeps its caller (603)."""


def progress(leg: str, state: str) -> Request:
    return operations.TRANSFER_PROGRESS(leg, states=state)


def again(talk: Talk) -> list[Request]:
    """After a restart: what telephones have asked for while nobody listened is told once more, if anything. Not as long
    as the operator's other line is not known, which it may be about."""
    known = talk.place is not OperatorPlace.ASIDE or talk.via is not None
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
