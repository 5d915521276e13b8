"""Transfers that a telephone requests with REFER, by its own transfer key: reported by Asterisk, executed by us.

Only the part before the @ counts, and it can only mean our operators, languages, topics and supervisors: it never
becomes an address that is dialled. Every telephone gets an answer. See docs/decisions/0015-refer.md.
"""

from collections.abc import Mapping, Sequence

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.model.talk_table import OperatorPlace, Talk
from ivr.site.codes import Codes
from ivr.talk.operator_requests import Refusal, Target, target_from_digits

GOES_ON, DONE, REFUSED = "channel_progress", "channel_answered", "channel_declined"
"""The answers to a telephone: nothing yet (100), the transfer is complete (200), or it keeps its caller (603)."""


_SIP_VALUE = "CHANNEL(pjsip,call-id)"
"""Any value that Asterisk reads in the thread that handles a channel's SIP messages."""


def answer(leg: str, state: str) -> list[Request]:
    """Return the requests that answer a telephone's REFER, to be sent together.

    Asterisk reports a REFER before it has stored what the answer needs: an answer that comes in between, as on a busy
    machine, makes it crash (22.10.1, `refer_ari_progress_framehook`). So a SIP value is read first, for which Asterisk
    waits until it is done with the REFER.
    """
    return [operations.VARIABLE(leg, variable=_SIP_VALUE), operations.TRANSFER_PROGRESS(leg, states=state)]


def repeat_requests(talk: Talk) -> list[Request]:
    """Return the requests that make Asterisk report pending REFERs again, after a restart.

    Empty while the operator's other line is unknown, since a REFER may be about it.
    """
    known = talk.place is not OperatorPlace.ASIDE or talk.via is not None
    legs = [leg for leg in (talk.leg, talk.via) if leg is not None and known]
    legs += [talk.colleague.leg] if talk.colleague is not None and talk.colleague.there else []
    return [request for leg in legs for request in answer(leg, GOES_ON)]


def find_call(routes: Mapping[str, Receiver], event: events.ChannelTransfer) -> Call | None:
    """Return the call whose conversation a REFER belongs to, or None: then there is nothing to transfer.

    It is found by the leg the REFER came on, or by the leg to be replaced, if the request came on the colleague's line.
    """
    found = (routes.get(leg) for leg in (event.channel_id, event.replaces) if leg is not None)
    return next((receiver for receiver in found if isinstance(receiver, Call)), None)


def parse_target(to: str, codes: Codes, languages: Sequence[str], topics: Sequence[str]) -> Target | Refusal:
    """Return the target a telephone names: an operator's id, or the digits after the transfer code, with or without
    that code. Anything else is an outside number."""
    digits = to.removeprefix(codes.transfer) if codes.transfer else to
    if not digits.isascii() or not digits.isdigit():
        return Refusal.OUTSIDE
    return target_from_digits(digits, languages, topics)
