"""The interface through which requests are sent: `ivr.asterisk.ari.link` implements it, and the trial's Asterisk."""

from collections.abc import Callable
from typing import Protocol

from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request


class Link(Protocol):
    """A connection to Asterisk."""

    async def send(self, *requests: Request, refused: Callable[[Request, int], None] = ...) -> None: ...

    async def ask(self, *requests: Request) -> list[Response]: ...
