"""What sends requests to Asterisk: `ivr.asterisk.ari.link`, or what stands in for it in a trial."""

from collections.abc import Callable
from typing import Protocol

from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request


class Link(Protocol):
    """A connection to Asterisk."""

    async def send(self, *requests: Request, refused: Callable[[Request, int], None] = ...) -> None: ...

    async def ask(self, *requests: Request) -> list[Response]: ...
