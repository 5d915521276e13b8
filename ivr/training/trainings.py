"""The operators in training, each called by one scripted caller at most."""

from collections.abc import Callable, Coroutine, Mapping

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import Link
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.training.scripted_caller import ScriptedCaller

MOST = 4
"""How many scripted callers call at once."""


class Trainings:
    """The scripted callers of one connection.

    Args:
        route, unroute: Deliver the events of a channel to a receiver.
        start: Starts work that ends with the connection.
        changed: Called when a scripted caller begins or ends.
    """

    def __init__(
        self,
        link: Link,
        route: Callable[[str, Receiver], None],
        unroute: Callable[[str], None],
        start: Callable[[Coroutine[None, None, None], str], None],
        changed: Callable[[], None],
    ) -> None:
        self._link, self._route, self._unroute, self._start, self._changed = link, route, unroute, start, changed
        self._callers: dict[str, ScriptedCaller] = {}  # by operator

    @property
    def callers(self) -> Mapping[str, ScriptedCaller]:
        """The scripted callers, by the operator in training."""
        return self._callers

    def reserve(self, caller: ScriptedCaller) -> None:
        """Keep a place for a scripted caller. Their operator has none yet, and there is room for one more."""
        self._callers[caller.operator] = caller

    def release(self, caller: ScriptedCaller) -> None:
        """Give up the place of a scripted caller who does not call after all."""
        self._callers.pop(caller.operator, None)
        self._changed()

    def begin(self, caller: ScriptedCaller) -> None:
        """Have a scripted caller call, whose place was kept."""
        self._start(self._run(caller), f"training {caller.operator}")

    async def _run(self, caller: ScriptedCaller) -> None:
        try:
            await caller.run(self._link, self._route, self._unroute)
        finally:
            self.release(caller)

    async def end(self, operator: str) -> bool:
        """Have the scripted caller of an operator hang up. Return False if there is none."""
        caller = self._callers.get(operator)
        if caller is not None:
            await self._link.send(operations.HANG_UP(caller.channel))
        return caller is not None

    def of_line(self, channel: str) -> ScriptedCaller | None:
        """Return the scripted caller whose call has this channel in the line."""
        return next((caller for caller in self._callers.values() if caller.line == channel), None)

    def joins(self, call: Call) -> None:
        """Tell the scripted caller which call is theirs."""
        if (caller := self.of_line(call.channel)) is not None:
            caller.joins(call)
