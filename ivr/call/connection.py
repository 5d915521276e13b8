"""The connection to Asterisk that calls belong to, as seen by calls, feature codes and call-backs."""

from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, Protocol

from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.call.services import Services
from ivr.call.version import Version
from ivr.floor.client import FloorClient


class Connection(Protocol):
    """One connection to Asterisk and everything that ends with it. Implemented by `ivr.controller.connection`."""

    services: Services

    @property
    def floor(self) -> FloorClient | None:
        """None until the state of Asterisk has been read."""

    @property
    def version(self) -> Version[Call]:
        """The version of the flow for new calls."""

    @property
    def calls(self) -> Collection[Call]:
        """The calls that are up."""

    def call_on(self, leg: str) -> Call | None:
        """Return the call that an operator's leg belongs to."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start work that ends with the connection."""

    def start_with_retry(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Start work that is retried whenever it fails, until the connection ends."""

    def forget(self, receiver: Receiver) -> None:
        """Deliver no more events to this receiver."""
