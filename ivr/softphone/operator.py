"""An operator's telephone."""

import asyncio
import contextlib
import itertools
import time

from baresip import Account, UserAgent
from baresip import Call as NativeCall
from baresip.errors import BaresipError, RegistrationError

from ivr.softphone.call import Call
from ivr.softphone.line import Line, Transport, format_address, parse_address
from ivr.softphone.owner import Owner

_COUNT = itertools.count(1)
_REASONS = {
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


class Operator:
    """An operator's telephone; made by `Telephones.operator`.

    What it does with calls is set beforehand: `will_ring` (the default: until a test answers), `will_answer`,
    `will_refuse`. It can take several calls at once, like any telephone with call waiting.
    """

    def __init__(
        self,
        phones: Owner,
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
        return format_address(self._opened[0].address)

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
            domain=format_address(self._line.inside),
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
        native = await agent.dial(f"sip:{number}@{format_address(line.inside)}")
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
