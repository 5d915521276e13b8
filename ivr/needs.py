"""What a call needs of others, who may be stood in for, as in a trial."""

from collections.abc import Callable
from typing import Protocol

from ivr.ari.link import Response
from ivr.ari.operations import Request
from ivr.messages_left import Left


class Link(Protocol):
    """What a call asks of Asterisk: `ivr.ari.link`, or what stands in for it in a trial."""

    async def send(self, *requests: Request, refused: Callable[[Request, int], None] = ...) -> None: ...

    async def ask(self, *requests: Request) -> list[Response]: ...


class Mailbox(Protocol):
    """Messages that callers leave by voice: `ivr.messages_left`."""

    async def keep(self, name: str) -> Left | None: ...

    def is_full(self) -> bool: ...
