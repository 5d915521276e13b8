"""Operators' telephones: they ring, talk, hold, transfer, dial, press keys, and lose their power.

All share one SIP socket and one for sound; Asterisk's ports tell calls apart.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bench import media, sip
from bench.callers import LostCallError, in_time
from bench.floor.heard import tone
from bench.phones import Phones

ANSWER_S = 10.0  # for Asterisk's answer to a request
GAP_S = 0.08  # between two keys
TONE = tone()


@dataclass(eq=False, slots=True)
class Leg:
    """A call at a telephone. `about`: the number that it shows, or has dialled."""

    user: str
    about: str
    dialog: sip.Dialog
    dialled: bool
    tag: str = ""
    invite: sip.Message | None = None
    state: Literal["ringing", "answered", "talking", "over"] = "ringing"
    port: int = 0
    holds: bool = False
    keying: bool = False
    version: int = 1  # of our SDP
    began: float = field(default_factory=time.time)
    voice: media.Voice = field(default_factory=lambda: media.Voice(secrets.randbits(32)))
    up: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ended_by_us: bool = False


class Fleet(Phones):
    """Telephones at `address`. `rung` is called with each new call; `twice` counts the calls that came to a telephone
    that already rang or talked, and `rung_twice` lists them."""

    def __init__(self, address: str, server: tuple[str, int]) -> None:
        super().__init__(address, 0, server, (0, 0), 0)
        self._legs: dict[str, Leg] = {}
        self._dark: set[str] = set()
        self._asked: dict[tuple[str, str], asyncio.Future[sip.Message]] = {}  # by call and CSeq
        self.rung: Callable[[Leg], None] = lambda _: None
        self.rung_twice: list[str] = []

    # What operators see

    def legs(self, user: str | None = None) -> list[Leg]:
        """Return the calls that are not over, of one telephone or of all."""
        return [leg for leg in self._legs.values() if leg.state != "over" and user in (None, leg.user)]

    def busy(self, user: str) -> bool:
        return user in self._dark or bool(self.legs(user))

    @property
    def dark(self) -> frozenset[str]:
        return frozenset(self._dark)

    # What operators do

    def pick_up(self, leg: Leg) -> None:
        if leg.state == "ringing" and leg.invite is not None:
            leg.state = "answered"
            self._answer(leg.invite, "200 OK", leg.tag, self._sdp())

    def decline(self, leg: Leg) -> None:
        if leg.state == "ringing" and leg.invite is not None:
            self._answer(leg.invite, "486 Busy Here", leg.tag)
            self._end(leg, ours=True)

    def hang_up(self, leg: Leg) -> None:
        """Decline the ringing call."""
        if leg.state == "ringing":
            self.decline(leg)
        elif leg.state != "over":
            self._sip.send(leg.dialog.request("BYE"), self._server)
            self._end(leg, ours=True)

    async def hold(self, leg: Leg, holds: bool) -> None:
        """Hold or resume by re-INVITE. Raises LostCallError if it is refused, or the call ends meanwhile."""
        leg.version += 1
        body = self._sdp().replace("o=- 1 1 ", f"o=- 1 {leg.version} ")
        answer = await self._ask(leg, "INVITE", body.replace("a=sendrecv", "a=sendonly") if holds else body)
        self._sip.send(leg.dialog.ack(answer), self._server)
        if answer.status != 200:
            raise LostCallError(f"the re-INVITE was answered with {answer.status}")
        leg.holds = holds

    async def refer(self, leg: Leg, number: str) -> int:
        """Press the transfer key; return the status. Raises LostCallError if there is none."""
        target = f"<sip:{number}@{self._server[0]}:{self._server[1]}>"
        answer = await self._ask(leg, "REFER", "", (f"Refer-To: {target}", f"Referred-By: <sip:{leg.user}@bench>"))
        return answer.status

    async def press(self, leg: Leg, keys: str) -> None:
        """Press keys while the call is up; each is held for 120 ms."""
        for key in keys:
            leg.keying = True
            held, released = leg.voice.key(key)
            due = asyncio.get_running_loop().time()
            for packet in held:
                due += media.PACE
                self._sound(leg, packet)
                await asyncio.sleep(due - asyncio.get_running_loop().time())
            for packet in released:
                self._sound(leg, packet)
            leg.keying = False
            await asyncio.sleep(GAP_S)

    async def dial(self, account: sip.Account, number: str) -> Leg:
        """Dial, and return the call once it is up. Raises LostCallError."""
        here = self._here(account.user)
        dialog = sip.Dialog.to(f"sip:{number}@{self._server[0]}:{self._server[1]}", here)
        leg = Leg(account.user, number, dialog, dialled=True)
        self._legs[dialog.call_id] = leg
        try:
            answer = await self._ask(leg, "INVITE", self._sdp())
            if answer.status == 401:
                self._sip.send(dialog.ack(answer), self._server)
                proof = sip.digest(account, answer.headers["www-authenticate"], dialog.target, "INVITE")
                dialog.remote = f"<{dialog.target}>"
                answer = await self._ask(leg, "INVITE", self._sdp(), (proof,))
            self._sip.send(dialog.ack(answer), self._server)
            if answer.status != 200:
                raise LostCallError(f"{number} was answered with {answer.status}")
        except LostCallError:
            self._end(leg, ours=True)
            raise
        leg.port, leg.state = sip.offered_port(answer.body), "talking"
        leg.up.set()
        return leg

    def vanish(self, user: str) -> None:
        """Cut the power: the telephone sends nothing more and forgets everything."""
        self._dark.add(user)
        for leg in self.legs(user):
            self._end(leg, ours=True)

    def cut_off(self) -> None:
        """Forget every call: Asterisk was killed, and sends no BYE."""
        for leg in self.legs():
            self._end(leg, ours=True)

    async def appear(self, account: sip.Account) -> None:
        """Restore the power. Raises LostCallError if the telephone cannot register."""
        self._dark.discard(account.user)
        await self.register([account])

    async def sounds(self) -> None:
        """Send a tone from every telephone in a call, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + media.PACE, loop.time() - 0.2)
            await asyncio.sleep(due - loop.time())
            for leg in list(self._legs.values()):
                if leg.state == "talking" and not leg.holds and not leg.keying:
                    self._sound(leg, leg.voice.sound(TONE))

    # SIP

    async def _ask(self, leg: Leg, method: str, body: str = "", extra: tuple[str, ...] = ()) -> sip.Message:
        if leg.state == "over":
            raise LostCallError("the call is over")
        request = leg.dialog.request(method, body, extra)
        key = (leg.dialog.call_id, f"{leg.dialog.sequence} {method}")
        self._asked[key] = asyncio.get_running_loop().create_future()
        self._sip.send(request, self._server)
        try:
            return await in_time(self._asked[key], f"no answer to the {method}", ANSWER_S)
        finally:
            self._asked.pop(key, None)

    def _on_sip(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        with contextlib.suppress(ValueError, KeyError):
            message = sip.parse(data)
            if (message.caller if message.status else message.user) in self._dark:
                return
            if message.status:
                self._on_answer(message)
            else:
                self._on_request(message)

    def _on_answer(self, message: sip.Message) -> None:
        if message.status < 200:
            return
        if message.method == "REGISTER":
            future = self._registered.pop(message.call_id, None)
            if future is not None and not future.done():  # it may come when nobody waits for it any more
                future.set_result(message)
            return
        asked = self._asked.get((message.call_id, message.headers["cseq"]))
        if asked is not None and not asked.done():
            asked.set_result(message)
        elif message.method == "INVITE" and (leg := self._legs.get(message.call_id)):
            self._sip.send(leg.dialog.ack(message), self._server)  # a retransmission, or the call was given up

    def _on_request(self, message: sip.Message) -> None:
        leg = self._legs.get(message.call_id)
        match message.method:
            case "INVITE" if leg is None and ";tag=" in message.headers["to"]:
                self._answer(message, "481 Call/Transaction Does Not Exist", "bench")
            case "INVITE" if leg is None:
                self._invited(message, 0)
            case "INVITE" if leg is not None and ";tag=" in message.headers["to"]:  # a change of the session
                self._answer(message, "200 OK", leg.tag, self._sdp())
            case "INVITE" if leg is not None and leg.state in ("answered", "talking"):
                self._answer(message, "200 OK", leg.tag, self._sdp())
            case "ACK" if leg is not None and leg.state == "answered":
                leg.state = "talking"
                leg.up.set()
            case "CANCEL":
                self._answer(message, "200 OK", "bench")
                if leg is not None and leg.state == "ringing" and leg.invite is not None:
                    self._answer(leg.invite, "487 Request Terminated", leg.tag)
                    self._end(leg)
            case "BYE":
                self._answer(message, "200 OK", "bench")
                if leg is not None:
                    self._end(leg)
            case "OPTIONS" | "NOTIFY" | "UPDATE" | "INFO":
                self._answer(message, "200 OK", "bench")

    def _invited(self, invite: sip.Message, arrived: int) -> None:
        tag = secrets.token_hex(4)
        user = invite.user
        dialog = sip.Dialog.of(invite, self._here(user), tag)
        leg = Leg(user, invite.caller, dialog, dialled=False, tag=tag, invite=invite)
        if other := next((item for item in self.legs(user) if not item.dialled), None):
            self.twice += 1
            self.rung_twice.append(
                f"{time.strftime('%H:%M:%S', time.gmtime())} {user} was rung for {leg.about} ({invite.call_id}) while "
                f"{other.state} with {other.about} since {time.time() - other.began:.1f} s"
            )
            self._answer(invite, "486 Busy Here", tag)
            return
        leg.port = sip.offered_port(invite.body)
        self._legs[invite.call_id] = leg
        self._answer(invite, "180 Ringing", tag)
        self.rung(leg)

    def _end(self, leg: Leg, *, ours: bool = False) -> None:
        if leg.state == "over":
            return
        leg.state, leg.ended_by_us = "over", ours
        leg.over.set()
        leg.up.set()
        # Late requests of the call are still answered.
        asyncio.get_running_loop().call_later(40, self._legs.pop, leg.dialog.call_id, None)

    def _sound(self, leg: Leg, packet: bytes) -> None:
        if leg.state == "talking" and leg.user not in self._dark:
            with contextlib.suppress(OSError):
                self._audio.sendto(packet, (self._server[0], leg.port))
