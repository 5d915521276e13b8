"""The part of a group of telephones that each of them needs."""

from collections.abc import Coroutine
from typing import Any, Protocol

from baresip import Account, UserAgent
from baresip import Call as NativeCall

from ivr.softphone.call import Call
from ivr.softphone.line import Address, Line, Transport


class Owner(Protocol):
    """`ivr.softphone.telephone.Telephones`, which owns the lines, accounts, calls and tasks."""

    async def line(self, address: str, server: Address | None, transport: Transport = "udp") -> Line: ...

    async def trunk(self, address: str, server: Address) -> Line: ...

    async def agent(self, account: Account) -> UserAgent: ...

    def own(self, work: Coroutine[Any, Any, None]) -> None: ...

    def adopt(self, native: NativeCall, *, incoming: bool, peer: str, wide: bool = False) -> Call: ...
