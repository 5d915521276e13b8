"""Test telephones: callers of a carrier, and operators' telephones that register at an exchange.

    async with Telephones() as phones:
        caller = phones.caller("+33612345678")
        phone = phones.operator("1001", "password", "127.0.0.1:5060")
        await phone.register()
        phone.will_answer(after_s=1)
        call = await caller.dial("sip:+33800123456@127.0.0.1:5060")
        await call.established()
        await call.press("2")

All are real SIP telephones with real sound (`baresip`), in any number. Callers come from 127.0.0.2,
operators from 127.0.0.3, each through a `Line`. Several `Telephones` may be open in one event loop.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from baresip import Account, Event, StackEvent, UserAgent
from baresip import Call as NativeCall
from baresip.errors import RegistrationError

from ivr.softphone.call import Call, CallEndedError, End
from ivr.softphone.caller import Caller
from ivr.softphone.codecs import Codec
from ivr.softphone.line import Address, Line, Transport
from ivr.softphone.operator import Operator
from ivr.softphone.recording import Pump
from ivr.softphone.stack import Stack, the_stack

__all__ = ["Call", "CallEndedError", "Caller", "End", "Operator", "RegistrationError", "Telephones"]

_COUNT = itertools.count(1)


class Telephones:
    """The telephones of this process; use it as an asynchronous context."""

    def __init__(self, *, carrier: str = "127.0.0.2", operators: str = "127.0.0.3", trace: bool = False) -> None:
        """`carrier`, `operators`: the addresses of callers and of operators' telephones; `trace`: log each SIP message
        on the stack's side (logger `baresip.native.sip`, level DEBUG)."""
        self._carrier = carrier
        self._operators = operators
        self._trace = trace
        self._stack: Stack | None = None
        self._pump: Pump | None = None
        self._agents: set[int] = set()
        self._calls: dict[int, Call] = {}
        self._early: dict[int, list[StackEvent]] = {}
        self._trunks: dict[tuple[str, Address], Line] = {}
        self._lines: list[Line] = []
        self._phones: list[Operator] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the SIP stack. Raises RuntimeError if it cannot start, or runs in another event loop."""
        stack = the_stack()
        await stack.enter(self._trace)
        stack.runtime.subscribe(self._handle_event)
        self._stack = stack
        self._pump = Pump()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up all calls, unregister the telephones that can be, and free everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        live = [call for call in self._calls.values() if call.end is None]
        await asyncio.gather(*(call.hangup() for call in live), return_exceptions=True)
        await asyncio.gather(*(call.ended(1.0) for call in live), return_exceptions=True)
        await asyncio.gather(*(phone.leave() for phone in self._phones), return_exceptions=True)
        stack, pump = self._parts
        await asyncio.to_thread(pump.stop)
        stack.runtime.unsubscribe(self._handle_event)
        try:
            await stack.leave()
        finally:
            await asyncio.gather(*(line.close() for line in self._lines))

    def caller(
        self,
        number: str | None = None,
        name: str = "",
        *,
        asserted: str | None = None,
        privacy: str | None = None,
        identity: bytes | None = None,
        address: str | None = None,
        codec: Codec | None = None,
    ) -> Caller:
        """Return a caller who calls through the carrier.

        `number` and `name` are those of the `From` header, None for an anonymous caller; `asserted` is the number that
        the carrier vouches for in `P-Asserted-Identity`; `privacy` is the header `Privacy` (RFC 3323); `identity` is
        the whole value of `From`, for values that no telephone would send; `address` is the carrier's, if it is not
        that of all callers; `codec` is the telephone's only one, None for both laws of G.711.
        """
        user = f"caller-{next(_COUNT)}"
        return Caller(self, user, number, name, asserted, privacy, identity, address or self._carrier, codec)

    def operator(
        self,
        user: str,
        password: str = "",
        server: str | None = None,
        *,
        transport: Transport = "udp",
        address: str | None = None,
        expires_s: int = 600,
    ) -> Operator:
        """Return an operator's telephone; `await register()` before it can be called.

        `server` is host and port of the exchange; None for a telephone that does not register, and is reached by its
        `uri` after `open()`. `expires_s` is how long a registration lasts (it is renewed in time).
        """
        phone = Operator(self, user, password, server, transport, address or self._operators, expires_s)
        self._phones.append(phone)
        return phone

    # For the telephones (`ivr.softphone.owner`).

    async def line(self, address: str, server: Address | None, transport: Transport = "udp") -> Line:
        """Open a new line from `address` to `server`."""
        line = Line(address, server, self._parts[0].address, transport)
        self._lines.append(line)
        await line.open()
        return line

    async def trunk(self, address: str, server: Address) -> Line:
        """Return the line that all callers of a carrier share."""
        if (address, server) not in self._trunks:
            self._trunks[address, server] = await self.line(address, server)
        return self._trunks[address, server]

    async def agent(self, account: Account) -> UserAgent:
        """Create an account of the SIP stack."""
        agent = await UserAgent.create(self._parts[0].runtime, account)
        self._agents.add(agent.handle)
        return agent

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until its end or until the telephones close."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def adopt(self, native: NativeCall, *, incoming: bool, peer: str, wide: bool = False) -> Call:
        """Take over a call of the stack, with its events so far."""
        call = Call(native, incoming=incoming, peer=peer, wide=wide)
        self._calls[call.handle] = call
        self._parts[1].add(call.handle, call.sound)
        for event in self._early.pop(call.handle, ()):
            self._deliver(call, event)
        return call

    def _handle_event(self, event: StackEvent) -> None:
        if not event.call or event.ua not in self._agents:
            return
        call = self._calls.get(event.call)
        if call is not None:
            self._deliver(call, event)
        else:
            # A fast answer can arrive before the stack's own call object.
            self._early.setdefault(event.call, []).append(event)

    def _deliver(self, call: Call, event: StackEvent) -> None:
        call.handle_event(event)
        if event.event is Event.CALL_CLOSED:
            self._calls.pop(call.handle, None)
            self._parts[1].remove(call.handle)

    @property
    def _parts(self) -> tuple[Stack, Pump]:
        if self._stack is None or self._pump is None:
            raise RuntimeError("the telephones are not open: use them inside `async with Telephones() as phones`")
        return self._stack, self._pump
