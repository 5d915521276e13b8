"""Operators' telephones that ring, answer, talk a little and hang up; all on one SIP socket."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from bench import media, sip
from bench.callers import LostCallError, in_time
from bench.udp import Udp, sink

RINGS = 0.05  # s from the INVITE to the operator's answer


Happens = Literal["rung", "twice", "picked_up", "over"]


@dataclass(slots=True)
class Ring:
    """A call at a telephone: its INVITE and the dialog in which the operator hangs up."""

    user: str
    invite: sip.Message
    tag: str
    dialog: sip.Dialog
    state: Literal["ringing", "picked_up", "talking", "over"] = "ringing"
    voice: media.Voice = field(default_factory=lambda: media.Voice(secrets.randbits(32)))


class Phones:
    """Telephones at `address`:`port`. `rings` gets the ns from an operator's BYE to their next INVITE, each time."""

    def __init__(self, address: str, port: int, server: tuple[str, int], talk: tuple[float, float], wanted: int):
        self._address, self._server, self._talk = address, server, talk
        self._sip = Udp(address, port, self._on_sip)
        self._audio = sink(address)
        self._calls: dict[str, Ring] = {}
        self._registered: dict[str, asyncio.Future[sip.Message]] = {}
        self._free_since: dict[str, int] = {}
        self._random = random.Random(1)
        self._wanted = wanted
        self.enough = asyncio.Event()  # set after the requested number of rings
        self.rings: list[int] = []
        self.twice = 0  # INVITEs to an operator who is in a call, which must not happen
        self.connected: Callable[[], None] = lambda: None
        self.picks_up_s = RINGS
        self.talks_s: Callable[[Ring], float] = lambda _: self._random.uniform(*self._talk)
        # Called at each step of a call, with the ns of a packet's arrival or of our sending.
        self.on_change: Callable[[Happens, Ring, int], None] = lambda *_: None

    async def register(self, accounts: Iterable[sip.Account], seconds: int = 600) -> None:
        """Register all telephones that have a password; `seconds` 0 unregisters them. Raises LostCallError."""
        await asyncio.gather(*(self._register(account, seconds) for account in accounts if account.password))

    def be_heard(self) -> None:
        """Send a packet of silence in each conversation: Asterisk gives up telephones that send nothing for long."""
        for ring in self._calls.values():
            if ring.state == "talking":
                self._audio.sendto(ring.voice.silence(), (self._server[0], sip.offered_port(ring.invite.body)))

    def close(self) -> None:
        self._sip.close()
        self._audio.close()

    async def _register(self, account: sip.Account, seconds: int) -> None:
        here = f"{account.user}@{self._address}:{self._sip.port}"
        uri = f"sip:{self._server[0]}:{self._server[1]}"
        dialog = sip.Dialog.to(uri, here)
        aor = f"sip:{account.user}@{self._server[0]}"
        dialog.local, dialog.remote = f"<{aor}>;tag={secrets.token_hex(4)}", f"<{aor}>"
        extra: tuple[str, ...] = (f"Expires: {seconds}",)
        for _ in range(2):
            future = asyncio.get_running_loop().create_future()
            self._registered[dialog.call_id] = future
            self._sip.send(dialog.request("REGISTER", extra=extra), self._server)
            answer: sip.Message = await in_time(future, f"no answer to the REGISTER of {account.user}")
            if answer.status == 200:
                return
            if answer.status == 401:
                extra = (*extra[:1], sip.digest(account, answer.headers["www-authenticate"], uri))
        raise LostCallError(f"the telephone {account.user} could not register: {answer.start}")

    def _on_sip(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        try:
            message = sip.parse(data)
        except ValueError:
            return
        ring = self._calls.get(message.call_id)
        match message.method if not message.status else f"{message.method} answered":
            case "INVITE" if ring is None:
                self._invited(message, arrived)
            case "INVITE":  # a retransmission, or a change of the session
                if ring and ring.state in ("picked_up", "talking"):
                    self._answer(message, "200 OK", ring.tag, self._sdp())
            case "ACK" if ring and ring.state == "picked_up":
                ring.state = "talking"
                asyncio.get_running_loop().call_later(self.talks_s(ring), self._hang_up, ring)
                self.connected()
            case "ACK" if ring and ring.state == "over":  # of our 487
                self._calls.pop(message.call_id)
            case "CANCEL":
                self._answer(message, "200 OK", "bench")
                if ring and ring.state == "ringing":
                    ring.state = "over"
                    self.on_change("over", ring, arrived)
                    self._answer(ring.invite, "487 Request Terminated", ring.tag)
            case "BYE":
                self._answer(message, "200 OK", "bench")
                if ring:
                    if ring.state != "over":
                        self.on_change("over", ring, arrived)
                    ring.state = "over"
                    self._calls.pop(message.call_id)
            case "REGISTER answered":
                if message.status >= 200 and (future := self._registered.pop(message.call_id, None)):
                    future.set_result(message)
            case "BYE answered":
                self._calls.pop(message.call_id, None)
            case "OPTIONS" | "NOTIFY" | "UPDATE" | "INFO":
                self._answer(message, "200 OK", "bench")

    def _invited(self, invite: sip.Message, arrived: int) -> None:
        tag = secrets.token_hex(4)
        ring = Ring(invite.user, invite, tag, sip.Dialog.of(invite, self._here(invite.user), tag))
        if any(other.user == ring.user and other.state != "over" for other in self._calls.values()):
            self.twice += 1
            self.on_change("twice", ring, arrived)
            self._answer(invite, "486 Busy Here", ring.tag)
            return
        if free := self._free_since.pop(ring.user, 0):
            self.rings.append(arrived - free)
            if len(self.rings) == self._wanted:
                self.enough.set()
        self._calls[invite.call_id] = ring
        self.on_change("rung", ring, arrived)
        self._answer(invite, "180 Ringing", ring.tag)
        asyncio.get_running_loop().call_later(self.picks_up_s, self._pick_up, ring)

    def _pick_up(self, ring: Ring) -> None:
        if ring.state == "ringing":
            ring.state = "picked_up"
            self.on_change("picked_up", ring, time.time_ns())
            self._answer(ring.invite, "200 OK", ring.tag, self._sdp())

    def _hang_up(self, ring: Ring) -> None:
        if ring.state == "talking":
            ring.state = "over"
            bye = ring.dialog.request("BYE")
            self._free_since[ring.user] = time.time_ns()
            self.on_change("over", ring, self._free_since[ring.user])
            self._sip.send(bye, self._server)

    def _answer(self, request: sip.Message, status: str, tag: str, body: str = "") -> None:
        self._sip.send(sip.response(request, status, self._here(request.user), tag, body), self._server)

    def _here(self, user: str) -> str:
        return f"{user}@{self._address}:{self._sip.port}"

    def _sdp(self) -> str:
        return sip.sdp(self._address, self._audio.getsockname()[1])
