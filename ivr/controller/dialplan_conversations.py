"""Operators who talk with a caller whom the dialplan has connected with them: busy until that conversation is over.

A controller that was away for long finds them so. It did not ring them and does nothing with the conversation; it only
makes them no offers meanwhile.
"""

from collections.abc import Iterable, Mapping

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel
from ivr.call.services import Services
from ivr.model.floor_protocol import Ended, OpenOffer

_CALLED_BY_DIAL = "AppDial"
"""The application of a channel that Asterisk's `Dial` has called."""


def open_offers(channels: Iterable[Channel], telephones: Mapping[str, str]) -> list[OpenOffer]:
    """Return these conversations as offers, named by the operator's channel.

    Args:
        telephones: The operator of each telephone, as Asterisk names it.
    """
    found = []
    for channel in channels:
        operator = telephones.get(channel.name.rpartition("-")[0])
        if operator is not None and channel.state == "Up" and channel.application == _CALLED_BY_DIAL:
            found.append(OpenOffer(channel.id, channel.id, operator, True))
    return found


async def attach(services: Services, talks: Iterable[OpenOffer]) -> None:
    """Follow these conversations to their ends. Events are asked for: the channels are not in our application."""
    for talk in talks:
        services.route(talk.offer, receiver := DialplanTalk(services, talk))
        subscription = operations.SUBSCRIBE("hatif", eventSource=f"channel:{talk.offer}")
        await services.link.send(subscription, refused=receiver.over)


class DialplanTalk:
    """One such conversation: receives the events of the operator's channel, and tells the floor when it ends."""

    def __init__(self, services: Services, talk: OpenOffer) -> None:
        self._services, self._talk = services, talk

    def deliver(self, item: events.Event) -> None:
        """Handle an event of the operator's channel."""
        if isinstance(item, events.ChannelDestroyed):
            self.over()

    def over(self, *_: object) -> None:
        """End the conversation, also if Asterisk refuses the subscription: then it was over before."""
        self._services.unroute(self._talk.offer)
        self._services.to_floor(Ended(self._talk.offer, self._talk.call, self._talk.operator))
