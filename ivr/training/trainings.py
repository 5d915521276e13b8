"""The operators in training, each called by one scripted caller at most."""

from collections.abc import Callable, Coroutine, Mapping

from ivr.asterisk.ari import operations
from ivr.call.call import Call
from ivr.call.services import Services
from ivr.training.scripted_caller import ScriptedCaller

MOST = 4
"""How many scripted callers call at once."""


class Trainings:
    """The scripted callers of one connection. `start`: starts work that ends with the connection."""

    def __init__(self, services: Services, start: Callable[[Coroutine[None, None, None], str], None]) -> None:
        self._services, self._start = services, start
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
        self._services.note_change()

    def begin(self, caller: ScriptedCaller) -> None:
        """Have a scripted caller call, whose place was kept."""
        self._start(self._run(caller), f"training {caller.operator}")

    async def _run(self, caller: ScriptedCaller) -> None:
        try:
            await caller.run(self._services)
        finally:
            self.release(caller)

    async def end(self, operator: str) -> bool:
        """Have the scripted caller of an operator hang up. Return False if there is none."""
        caller = self._callers.get(operator)
        if caller is not None:
            await self._services.link.send(operations.HANG_UP(caller.channel))
        return caller is not None

    def of_line(self, channel: str) -> ScriptedCaller | None:
        """Return the scripted caller whose call has this channel in the line."""
        return next((caller for caller in self._callers.values() if caller.line == channel), None)

    def joins(self, call: Call) -> None:
        """Tell the scripted caller which call is theirs."""
        if (caller := self.of_line(call.channel)) is not None:
            caller.joins(call)
