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
import contextlib
import itertools
import re
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from baresip import Account, Event, StackEvent, UserAgent
from baresip import Call as NativeCall
from baresip.errors import BaresipError, RegistrationError

from ivr.softphone.call import Call, CallEndedError, End
from ivr.softphone.codecs import CODECS, Codec
from ivr.softphone.line import LOOPBACK, Address, Line, Transport, from_header, parse_address
from ivr.softphone.recording import Pump
from ivr.softphone.stack import Stack, the_stack

__all__ = ["Call", "CallEndedError", "Caller", "End", "Operator", "RegistrationError", "Telephones"]

_URI = re.compile(r"sip:([^@\s]+)@([\d.]+(?::\d+)?)")
_COUNT = itertools.count(1)
_REASONS = {
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


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
    ) -> "Caller":
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
    ) -> "Operator":
        """Return an operator's telephone; `await register()` before it can be called.

        `server` is host and port of the exchange; None for a telephone that does not register, and is reached by its
        `uri` after `open()`. `expires_s` is how long a registration lasts (it is renewed in time).
        """
        phone = Operator(self, user, password, server, transport, address or self._operators, expires_s)
        self._phones.append(phone)
        return phone

    # For the telephones.

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


class Caller:
    """A caller's telephone; made by `Telephones.caller`."""

    def __init__(
        self,
        phones: Telephones,
        user: str,
        number: str | None,
        name: str,
        asserted: str | None,
        privacy: str | None,
        identity: bytes | None,
        address: str,
        codec: Codec | None,
    ) -> None:
        self.number = number
        self._phones, self._user = phones, user
        self._identity = identity if identity is not None else from_header(number, name, address)
        privacy = privacy or ("id" if asserted and number is None else None)
        headers = {"P-Asserted-Identity": f"<sip:{asserted}@{address}>" if asserted else None, "Privacy": privacy}
        self._headers = {name: value for name, value in headers.items() if value}
        self._address = address
        self._codec = codec
        self._agent: UserAgent | None = None

    async def dial(self, uri: str) -> Call:
        """Call `sip:NUMBER@HOST:PORT`; return while it rings. Raises ValueError for another form."""
        if not (found := _URI.fullmatch(uri)):
            raise ValueError(f"{uri!r} cannot be dialled: expected sip:NUMBER@HOST:PORT with HOST as an IPv4 address")
        trunk = await self._phones.trunk(self._address, parse_address(found[2]))
        trunk.identities[self._user.encode()] = self._identity
        if self._agent is None:
            codecs = CODECS[self._codec]
            account = Account(user=self._user, domain=LOOPBACK, password="", reg_interval=0, audio_codecs=codecs)
            self._agent = await self._phones.agent(account)
        native = await self._agent.dial(f"sip:{found[1]}@{_text(trunk.inside)}", self._headers)
        return self._phones.adopt(native, incoming=False, peer=found[1], wide=self._codec == "g722")


class Operator:
    """An operator's telephone; made by `Telephones.operator`.

    What it does with calls is set beforehand: `will_ring` (the default: until a test answers), `will_answer`,
    `will_refuse`. It can take several calls at once, like any telephone with call waiting.
    """

    def __init__(
        self,
        phones: Telephones,
        user: str,
        password: str,
        server: str | None,
        transport: Transport,
        address: str,
        expires_s: int,
    ) -> None:
        self.user = self._user = user
        self.calls: list[Call] = []
        """All calls that have rung here, the oldest first."""
        self.one_line = False
        """Refuse (486) all calls while another one is up, like a telephone without call waiting."""
        self._dialled: list[Call] = []
        self._phones = phones
        self._password = password
        self._server = server
        self._transport: Transport = transport
        self._host = address
        self._expires_s = expires_s
        self._line: Line | None = None
        self._agent: UserAgent | None = None
        self._registered = False
        self._answer_after_s: float | None = None
        self._tone_hz: float | None = None
        self._refusal: int | None = None
        self._fresh: asyncio.Queue[Call] = asyncio.Queue()

    def will_ring(self) -> None:
        """Let calls ring until `call.answer()`."""
        self._answer_after_s = self._refusal = None

    def will_answer(self, after_s: float = 0.2, tone_hz: float | None = None) -> None:
        """Answer each call after `after_s`; then send that tone (None: silence)."""
        self._answer_after_s, self._tone_hz, self._refusal = after_s, tone_hz, None

    def will_refuse(self, status: int = 486) -> None:
        """Refuse each call at once: 486 busy, 603 declined, 480, 404, 500 or 503."""
        _reason(status)
        self._answer_after_s, self._refusal = None, status

    @property
    def address(self) -> str:
        """`host:port` as seen by the exchange, once open."""
        return _text(self._opened[0].address)

    @property
    def uri(self) -> str:
        """The URI of a telephone that is not registered, once open."""
        return f"sip:{self._user}@{self.address}"

    async def open(self) -> None:
        """Connect the telephone without registering it. Raises OSError if its address is not one of this machine."""
        if self._line is not None:
            return
        server = parse_address(self._server) if self._server else None
        if server is None:
            # The stack identifies telephones by the dialled number, and forgets none.
            self._user = f"{self.user}-{next(_COUNT)}"
        self._line = await self._phones.line(self._host, server, self._transport)
        account = Account(
            user=self._user,
            domain=_text(self._line.inside),
            password=self._password,
            reg_interval=self._expires_s if server else 0,
            transport=self._transport,
        )
        self._agent = await self._phones.agent(account)
        self._agent.on_incoming(self._take_call)

    async def register(self, timeout_s: float = 5.0) -> None:
        """Register, also again after `vanish`, `unregister` or the exchange's death.

        Raises RegistrationError, with the SIP status if refused, without one if there is no answer within `timeout_s`.
        """
        await self.open()
        line, agent = self._opened
        await line.mend()
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                await agent.register(timeout=deadline - time.monotonic())
                break
            except RegistrationError as error:
                # No answer at all: the exchange may be starting, or its old connection has just broken.
                if error.status is not None or time.monotonic() + 0.2 >= deadline:
                    raise
            await asyncio.sleep(0.2)
        self._registered = True

    async def unregister(self, timeout_s: float = 5.0) -> None:
        """Unregister; calls that are up go on."""
        await self._opened[1].unregister(timeout=timeout_s)
        self._registered = False

    async def vanish(self, *, closes: bool = False) -> None:
        """Lose power: no more packets, no BYE. `register` brings it back. `closes`: only its program has died."""
        self._opened[0].cut(closes=closes)
        for call in self.calls:
            await call.hangup()

    async def next_call(self, timeout_s: float = 10.0) -> Call:
        """Return the oldest call that rang here and was not returned yet. Raises TimeoutError if there is none."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fresh.get()
        except TimeoutError:
            raise TimeoutError(f"no call rang at {self.user} within {timeout_s:g} s") from None

    async def refuse(self, call: Call, status: int = 486) -> None:
        """Refuse a ringing call."""
        self._opened[0].refusal = f"{status} {_reason(status)}".encode()
        await call.refuse(status)

    async def dial(self, number: str) -> Call:
        """Call `number` at the exchange; return while it rings."""
        line, agent = self._opened
        native = await agent.dial(f"sip:{number}@{_text(line.inside)}")
        self._dialled.append(self._phones.adopt(native, incoming=False, peer=number))
        return self._dialled[-1]

    async def leave(self) -> None:
        """Unregister if registered, but do not wait long: the exchange may be gone."""
        if self._registered and not self._opened[0].is_cut:
            with contextlib.suppress(BaresipError):
                await self.unregister(timeout_s=1.0)

    @property
    def _opened(self) -> tuple[Line, UserAgent]:
        if self._line is None or self._agent is None:
            raise RuntimeError(f"the telephone {self.user} is not connected: await its register() or open() first")
        return self._line, self._agent

    def _take_call(self, native: NativeCall) -> None:
        busy = self.one_line and any(call.end is None for call in (*self.calls, *self._dialled))
        call = self._phones.adopt(native, incoming=True, peer=native.peer or "")
        self.calls.append(call)
        self._fresh.put_nowait(call)
        if busy or self._refusal is not None:
            self._phones.own(self.refuse(call, self._refusal or 486))
        elif self._answer_after_s is not None:
            self._phones.own(self._answer(call, self._answer_after_s, self._tone_hz))

    async def _answer(self, call: Call, after_s: float, tone_hz: float | None) -> None:
        await asyncio.sleep(after_s)
        if call.end is None:
            if tone_hz is not None:
                call.tone(tone_hz)
            await call.answer()


def _reason(status: int) -> str:
    if status not in _REASONS:
        raise ValueError(f"a telephone here refuses with one of {', '.join(map(str, _REASONS))}, not with {status}")
    return _REASONS[status]


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
