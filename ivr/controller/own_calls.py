"""Calls of operators' telephones that are not the floor's: feature codes, help calls, calls between operators.

An operator on such a call gets no offers, since a telephone without call waiting would refuse them. A feature code
enters our application. Of the other calls only a change of the device's state is reported, so Asterisk is then asked
which channels there are. In both cases the end of the channel frees the operator.
"""

import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import Link, LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.model.floor_protocol import OnOtherCall

_IN_USE = ("INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD")


class OwnCalls:
    """The operators who are on calls of their own.

    Args:
        telephones: The operator of each telephone, as Asterisk names it.
        tell: Sends a message to the floor.
        routed: The channels that have another receiver, among them all of the floor's.
        start: Starts work that ends with the connection.
    """

    def __init__(
        self,
        link: Link,
        telephones: Mapping[str, str],
        tell: Callable[[OnOtherCall], None],
        routed: Collection[str],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._link, self._tell, self._routed, self._start = link, tell, routed, start
        self._operators = telephones
        self._channels: dict[str, str] = {}  # to the operator

    async def begin(self, channels: Iterable[Channel], floors: Collection[str]) -> None:
        """Take over what is up already. `floors`: the channels of offers and conversations."""
        for channel in channels:
            operator = self._operators.get(channel.name.rpartition("-")[0])
            if operator is not None and channel.id not in floors:
                self._add(channel.id, operator)
        await self.watch(self._operators)

    async def watch(self, telephones: Collection[str]) -> None:
        """Have changes of these telephones reported from now on."""
        devices = ",".join(f"deviceState:{address}" for address in telephones)
        await self._link.send(operations.SUBSCRIBE("hatif", eventSource=devices))

    def entered(self, channel: str, args: tuple[str, ...]) -> None:
        """Handle a channel that has entered with these arguments; only one of a feature code counts."""
        if args[:1] == (leg_dialing.CODE,) and len(args) > 2 and args[2] in self._operators.values():
            self._add(channel, args[2])

    def has(self, operator: str) -> bool:
        """Return whether the operator is on such a call."""
        return operator in self._channels.values()

    def _add(self, channel: str, operator: str) -> None:
        if channel in self._channels:
            return
        on_line = operator in self._channels.values()
        self._channels[channel] = operator
        if not on_line:
            self._tell(OnOtherCall(operator, True))
        # Without a subscription its end would not be reported once it has left Stasis.
        self._start(self._subscribe(channel), "call of an operator's own")

    async def _subscribe(self, channel: str) -> None:
        def refused(_: Request, __: int) -> None:
            self.ended(channel)  # it is gone already

        with contextlib.suppress(LinkLost):  # the next connection begins with what is up
            request = operations.SUBSCRIBE("hatif", eventSource=f"channel:{channel}")
            await self._link.send(request, refused=refused)

    def ended(self, channel: str) -> None:
        """Handle the end of any channel."""
        operator = self._channels.pop(channel, None)
        if operator is not None and operator not in self._channels.values():
            self._tell(OnOtherCall(operator, False))

    def device(self, event: events.DeviceStateChanged) -> None:
        """Look for calls on a telephone whose state has changed."""
        telephone = event.device_state
        operator = self._operators.get(telephone.name)
        if operator is not None and telephone.state in _IN_USE:
            self._start(self._look(telephone.name, operator), "calls of an operator's own")

    async def _look(self, address: str, operator: str) -> None:
        technology, _, resource = address.partition("/")
        try:
            (answer,) = await self._link.ask(operations.ENDPOINT(technology, resource))
            for channel in answer.body["channel_ids"] if answer.ok else ():
                if channel not in self._routed:
                    self._add(channel, operator)
        except (LinkLost, TimeoutError):
            pass
