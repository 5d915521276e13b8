"""The connection to Asterisk, as call-backs see it."""

from collections.abc import Iterable
from typing import Protocol

from ivr.call.connection import Connection
from ivr.call.items import Item
from ivr.model.call_state import CallState, LegState


class CallbackConnection(Connection, Protocol):
    """The interface that a call-back may use besides `Connection`."""

    @property
    def operators_on_duty(self) -> int:
        """How many operators are neither away nor paused."""

    def enter(
        self, channel: str, state: CallState, leg: LegState | None, happened: Iterable[Item], *, resumed: bool
    ) -> None:
        """Make a channel that we called a call like any other; `happened` are its events that have not been read."""
