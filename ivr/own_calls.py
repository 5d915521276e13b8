"""Calls of operators' telephones that are not the floor's: codes, talks with a supervisor, calls between operators.

An operator who is on one of them is offered nobody, since a telephone without call waiting would refuse it. Codes are
known by their entry. Of the others only the device's state is heard, so Asterisk is asked which channels there are.
Either way it is the end of the channel that frees the operator.
"""

import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping

from ivr import rung
from ivr.ari import events, operations
from ivr.ari.events import Channel
from ivr.ari.link import Link, LinkLost
from ivr.ari.operations import Request
from ivr.messages import OnLine

_IN_USE = ("INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD")


class OwnCalls:
    """`addresses`: by operator, as Asterisk names the telephone; `tell`: the floor; `routed`: the channels of which
    somebody else hears, among them all of the floor's; `start`: work that ends with the connection."""

    def __init__(
        self,
        link: Link,
        addresses: Mapping[str, str],
        tell: Callable[[OnLine], None],
        routed: Collection[str],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._link, self._tell, self._routed, self._start = link, tell, routed, start
        self._operators = {address: operator for operator, address in addresses.items()}
        self._channels: dict[str, str] = {}  # to the operator

    async def begin(self, channels: Iterable[Channel], floors: Collection[str]) -> None:
        """What is up already; `floors`: the channels of offers and conversations."""
        for channel in channels:
            operator = self._operators.get(channel.name.rpartition("-")[0])
            if operator is not None and channel.id not in floors:
                self._add(channel.id, operator)
        devices = ",".join(f"deviceState:{address}" for address in self._operators)
        await self._link.send(operations.SUBSCRIBE("hatif", eventSource=devices))

    def entered(self, channel: str, args: tuple[str, ...]) -> None:
        """A channel has entered with these arguments; only that of a code counts."""
        if args[:1] == (rung.CODE,) and len(args) > 2 and args[2] in self._operators.values():
            self._add(channel, args[2])

    def has(self, operator: str) -> bool:
        """Whether the operator is on such a call."""
        return operator in self._channels.values()

    def _add(self, channel: str, operator: str) -> None:
        if channel in self._channels:
            return
        on_line = operator in self._channels.values()
        self._channels[channel] = operator
        if not on_line:
            self._tell(OnLine(operator, True))
        # Else its end would not be told once it has left Stasis.
        self._start(self._listen(channel), "call of an operator's own")

    async def _listen(self, channel: str) -> None:
        def refused(_: Request, __: int) -> None:
            self.ended(channel)  # it is gone already

        with contextlib.suppress(LinkLost):  # the next connection begins with what is up
            request = operations.SUBSCRIBE("hatif", eventSource=f"channel:{channel}")
            await self._link.send(request, refused=refused)

    def ended(self, channel: str) -> None:
        operator = self._channels.pop(channel, None)
        if operator is not None and operator not in self._channels.values():
            self._tell(OnLine(operator, False))

    def device(self, event: events.DeviceStateChanged) -> None:
        operator = self._operators.get(event.device)
        if operator is not None and event.state in _IN_USE:
            self._start(self._look(event.device, operator), "calls of an operator's own")

    async def _look(self, address: str, operator: str) -> None:
        technology, _, resource = address.partition("/")
        try:
            (answer,) = await self._link.ask(operations.ENDPOINT(technology, resource))
            for channel in answer.body["channel_ids"] if answer.ok else ():
                if channel not in self._routed:
                    self._add(channel, operator)
        except (LinkLost, TimeoutError):
            pass
