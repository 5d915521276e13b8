"""Operators who talk with a caller whom the dialplan has brought to them: busy until that is over.

That is how a controller finds them that was away for long. It has not rung them and has nothing to do with the
conversation; it only offers them nobody meanwhile.
"""

from collections.abc import Callable, Iterable

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request
from ivr.model.floor_protocol import Ended, OpenOffer, ToFloor

_RUNG_BY_DIAL = "AppDial"
"""What Asterisk says of a channel that its `Dial` has called."""


def standing(channels: Iterable[Channel], addresses: dict[str, str]) -> list[OpenOffer]:
    """Their conversations, named by the operator's channel. `addresses`: by operator, where `Dial` finds him."""
    by_name = {address: operator for operator, address in addresses.items()}
    found = []
    for channel in channels:
        operator = by_name.get(channel.name.rpartition("-")[0])
        if operator is not None and channel.state == "Up" and channel.application == _RUNG_BY_DIAL:
            found.append(OpenOffer(channel.id, channel.id, operator, True))
    return found


class DialplanTalk:
    """Gets what happens to the operator's channel, and tells the floor of its end."""

    def __init__(self, talk: OpenOffer, tell: Callable[[ToFloor], None], forget: Callable[[str], None]) -> None:
        self._talk, self._tell, self._forget = talk, tell, forget

    def asks(self) -> Request:
        """For its events, which nobody gets unasked."""
        return operations.SUBSCRIBE("hatif", eventSource=f"channel:{self._talk.offer}")

    def deliver(self, item: events.Event) -> None:
        if isinstance(item, events.ChannelDestroyed):
            self.over()

    def over(self, *_: object) -> None:
        """Also if Asterisk refuses to tell of it: then it was over before."""
        self._forget(self._talk.offer)
        self._tell(Ended(self._talk.offer, self._talk.call, self._talk.operator))
