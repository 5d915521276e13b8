"""The operators' work, at random: answer or not, hold, transfer, consult, interpret, vanish, pause, wrap up."""

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from bench.callers import LostCallError
from bench.floor.control import Control
from bench.floor.crowd import Crowd
from bench.floor.line import PAUSES, TOPICS, Line
from bench.floor.phones import Fleet, Leg
from bench.floor.story import Story
from bench.reference_case import LANGUAGES

ACT_S = 30.0  # between two acts of an operator in a conversation, on average
IDLE_S = 120.0  # between two pauses
LISTENS_S = 30.0  # between two supervisions
BACK_S = (12.0, 30.0)  # until a vanished telephone is back
CODE_S = 12.0  # a feature code's prompts are over by then


@dataclass(slots=True)
class Staff:
    """All operators. `talk_s`: the average length of a conversation."""

    line: Line
    fleet: Fleet
    crowd: Crowd
    control: Control
    story: Story
    draw: random.Random
    talk_s: float
    vanishing: bool = True
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _paused: set[str] = field(default_factory=set)  # operators who must make themselves ready again

    def start(self) -> None:
        self.fleet.rung = lambda leg: self._start(self._serve(leg))
        for operator in self.line.team.operators:
            self._start(self._life(operator))
        for listener in self.line.team.listeners:
            self._start(self._listen(listener))

    async def stop(self) -> None:
        """Start nothing more; calls stay as they are, vanished telephones stay away."""
        self.fleet.rung = lambda _: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except LostCallError as lost:
                self.story.did("nothing came of it", str(lost))

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.story.fault(f"the bench itself failed: {error!r}")

    # A call that rings

    async def _serve(self, leg: Leg) -> None:
        if leg.user in self.line.team.listeners:
            await self._spy(leg)
            return
        fate = self.draw.random()
        if fate < 0.03:
            await self._wait(leg, 1.0)
            self.fleet.decline(leg)
            self.story.did("ringing", "declined")
            self._paused.add(leg.user)
            return
        if fate < 0.06:
            await leg.over.wait()
            self.story.did("ringing", "not answered")
            self._paused.add(leg.user)
            return
        if fate < 0.08 and self.vanishing:
            await self._wait(leg, self.draw.uniform(0.0, 2.0))
            self._lose_power(leg, "while ringing")
            return
        await self._wait(leg, self.draw.uniform(0.2, 2.0))
        self.fleet.pick_up(leg)
        await leg.up.wait()
        if leg.state == "talking":
            self.story.did("ringing", "answered")
            self.crowd.connected(leg.about)
            await self._converse(leg)
        else:
            self.story.did("ringing", "over before it was answered")
        if self.draw.random() < 0.3:
            await self._wrap_up(leg.user)

    async def _converse(self, leg: Leg) -> None:
        until = time.monotonic() + self.draw.expovariate(1 / self.talk_s)
        while leg.state == "talking":
            left = until - time.monotonic()
            await self._wait(leg, max(0.2, min(left, self.draw.expovariate(1 / ACT_S))))
            if leg.state != "talking":
                return
            if time.monotonic() >= until:
                if self.draw.random() < 0.3:
                    await self.crowd.leave(leg.about)
                    await self._wait(leg, 5.0)  # the operator's leg ends with it
                if leg.state == "talking":
                    self.crowd.finished(leg.about)
                    self.fleet.hang_up(leg)
                return
            acts = (self._hold, self._transfer, self._consult, self._call_interpreter, self._vanish)
            (act,) = self.draw.choices(acts, (30, 22, 22, 14, 6))
            await act(leg)

    async def _hold(self, leg: Leg) -> None:
        way = self.draw.choice(("telephone", "keys", "api"))
        try:
            if way == "telephone":
                await self.fleet.hold(leg, True)
                await self._wait(leg, self.draw.uniform(1.0, 12.0))
                await self.fleet.hold(leg, False)
                self.story.did("hold by the telephone")
            elif way == "keys":
                await self.fleet.press(leg, "*30")
                await self._wait(leg, self.draw.uniform(1.0, 12.0))
                await self.fleet.press(leg, "*30")
                self.story.did("hold by keys", "pressed")
            else:
                await self._api(leg, "hold")
                await self._wait(leg, self.draw.uniform(1.0, 12.0))
                await self._api(leg, "unhold")
        except LostCallError as lost:
            self.story.did(f"hold by the {way}", str(lost))

    async def _transfer(self, leg: Leg) -> None:
        keys, body, kind = await self._whom(
            leg.user, self.draw.choice(("colleague", "language", "topic", "supervisor"))
        )
        way = self.draw.choice(("keys", "api", "refer"))
        if way == "keys":
            await self.fleet.press(leg, f"*31{keys}#")
            self.story.did(f"transfer to a {kind} by keys", "pressed")
        elif way == "api" or kind != "colleague":
            await self._api(leg, "transfer", body, f"transfer to a {kind} by API")
        else:
            status = await self.fleet.refer(leg, str(body["operator"]))
            self.story.did("transfer to a colleague by REFER", str(status))
        await self._wait(leg, 3.0)

    async def _consult(self, leg: Leg) -> None:
        keys, body, kind = await self._whom(
            leg.user, self.draw.choice(("colleague", "colleague", "language", "supervisor"))
        )
        way = self.draw.choice(("keys", "api", "line"))
        if way == "line" and kind == "colleague":
            await self._consult_on_another_line(leg, keys)
            return
        if way == "api":
            if not await self._api(leg, "consult", body):
                return
        else:
            await self.fleet.press(leg, f"*32{keys}#")
            self.story.did("consult by keys", "pressed")
        await self._wait(leg, self.draw.uniform(1.0, 12.0))
        if leg.state != "talking":
            return
        end = self.draw.choice(("complete", "complete", "cancel", "hang up", "swap"))
        if end == "swap":
            await self._one_of(leg, "swap", "*32#")
            await self._wait(leg, 3.0)
            end = self.draw.choice(("complete", "cancel"))
        if end == "hang up":
            self.story.did("consult", "hung up: the colleague has the caller")
            self.crowd.finished(leg.about)  # or no operator has them: then the call is over
            self.fleet.hang_up(leg)
        elif end == "complete":
            await self._one_of(leg, "complete", "*31#")
        else:
            await self._one_of(leg, "cancel", "*33#")
        await self._wait(leg, 2.0)

    async def _consult_on_another_line(self, leg: Leg, keys: str) -> None:
        try:
            await self.fleet.hold(leg, True)
            second = await self.fleet.dial(self.line.accounts[leg.user], f"*32{keys}")
            await self._wait(second, self.draw.uniform(2.0, 12.0))
            self.fleet.hang_up(second)
            if leg.state == "talking":
                await self.fleet.hold(leg, False)
            self.story.did("consult on another line")
        except LostCallError as lost:
            self.story.did("consult on another line", str(lost))
            if leg.state == "talking" and leg.holds:
                await self.fleet.hold(leg, False)

    async def _call_interpreter(self, leg: Leg) -> None:
        keys, body, _ = await self._whom(leg.user, self.draw.choice(("colleague", "language")))
        if self.draw.random() < 0.5:
            await self.fleet.press(leg, f"*33{keys}#")
            self.story.did("interpreter by keys", "pressed")
        elif not await self._api(leg, "interpreter", body):
            return
        await self._wait(leg, self.draw.uniform(3.0, 20.0))
        if self.draw.random() < 0.5:
            await self._one_of(leg, "cancel", "*33#")

    async def _vanish(self, leg: Leg) -> None:
        if self.vanishing:
            self._lose_power(leg, "while talking")

    async def _one_of(self, leg: Leg, act: str, keys: str) -> None:
        if self.draw.random() < 0.5:
            await self.fleet.press(leg, keys)
            self.story.did(f"{act} by keys", "pressed")
        else:
            await self._api(leg, act)

    async def _api(self, leg: Leg, act: str, body: dict[str, object] | None = None, name: str = "") -> bool:
        """Send the request to the API; return whether it was accepted."""
        rows = await self.control.operators()
        call = (rows.get(leg.user) or {}).get("call")
        if call is None:
            self.story.did(name or f"{act} by API", "no call" if rows else "no controller")
            return False
        status = await self.control.post(f"/calls/{call['id']}/{act}", body)
        self.story.did(name or f"{act} by API", str(status or "no controller"))
        return status == 200

    async def _whom(self, user: str, kind: str) -> tuple[str, dict[str, object], str]:
        """Return the keys, the API's body, and the kind of target."""
        if kind == "language":
            language = self.draw.choice(LANGUAGES)
            return str(LANGUAGES.index(language) + 1), {"language": language}, kind
        if kind == "topic":
            topic = self.draw.choice(TOPICS)
            return f"0{TOPICS.index(topic) + 1}", {"topic": topic}, kind
        if kind == "supervisor":
            return "00", {"supervisor": True}, kind
        rows = await self.control.operators()
        ready = [operator for operator in self.line.team.operators if rows.get(operator, {}).get("state") == "ready"]
        # Now and then an operator who cannot take the caller, or the operator themselves.
        some = ready if ready and self.draw.random() < 0.85 else self.line.team.operators
        colleague = self.draw.choice(some)
        return colleague, {"operator": colleague}, "colleague"

    # Power

    def _lose_power(self, leg: Leg, when: str) -> None:
        self.story.did("telephone vanished", when)
        now = time.time_ns()
        for item in self.fleet.legs(leg.user):
            if item.state == "talking":
                self.story.lost_at.setdefault(item.about, []).append(now)
        self.fleet.vanish(leg.user)
        self._start(self._come_back(leg.user))

    async def _come_back(self, user: str) -> None:
        await asyncio.sleep(self.draw.uniform(*BACK_S))
        await self.fleet.appear(self.line.accounts[user])

    # Between calls

    async def _life(self, user: str) -> None:
        while True:
            soon = user in self._paused
            await asyncio.sleep(self.draw.uniform(2.0, 10.0) if soon else self.draw.expovariate(1 / IDLE_S))
            if self.fleet.busy(user):
                continue
            if soon:
                self._paused.discard(user)
            elif await self.code(user, f"*11{self.draw.randint(1, PAUSES)}"):
                await asyncio.sleep(self.draw.uniform(3.0, 20.0))
            if not await self.code(user, "*10"):
                self._paused.add(user)

    async def _wrap_up(self, user: str) -> None:
        if self.fleet.busy(user):
            return
        await self.code(user, "*13")
        await asyncio.sleep(self.draw.uniform(0.5, 4.0))
        if not self.fleet.busy(user) and self.draw.random() < 0.5:
            await self.code(user, "*12")

    async def code(self, user: str, digits: str) -> bool:
        """Dial a code and listen to the end; return whether anybody answered."""
        try:
            leg = await self.fleet.dial(self.line.accounts[user], digits)
        except LostCallError as lost:
            self.story.did(f"code {digits[:3]}", str(lost))
            return False
        await self._wait(leg, CODE_S)
        self.story.did(f"code {digits[:3]}", "heard" if leg.state == "over" else "cut short")
        self.fleet.hang_up(leg)
        return True

    # Supervisors

    async def _listen(self, user: str) -> None:
        await self.control.post(f"/operators/{user}/state", {"state": "paused", "reason": "meeting"})
        while True:
            await asyncio.sleep(self.draw.expovariate(1 / LISTENS_S))
            rows = await self.control.operators()
            talking = [
                operator for operator in self.line.team.operators if rows.get(operator, {}).get("state") == "talking"
            ]
            if not talking or self.fleet.busy(user):
                continue
            target, mode = self.draw.choice(talking), self.draw.choice(("listen", "whisper", "join"))
            if self.draw.random() < 0.5:
                body = {"supervisor": user, "operator": target, "mode": mode}
                status = await self.control.post("/supervision", body)
                self.story.did(f"{mode} by API", str(status or "no controller"))
                continue
            try:
                leg = await self.fleet.dial(
                    self.line.accounts[user], {"listen": "*21", "whisper": "*22", "join": "*23"}[mode] + target
                )
                self.story.did(f"{mode} by code")
                await self._stay(leg)
            except LostCallError as lost:
                self.story.did(f"{mode} by code", str(lost))

    async def _spy(self, leg: Leg) -> None:
        await self._wait(leg, self.draw.uniform(0.2, 2.0))
        self.fleet.pick_up(leg)
        await leg.up.wait()
        await self._stay(leg)

    async def _stay(self, leg: Leg) -> None:
        for _ in range(self.draw.randint(1, 3)):
            await self._wait(leg, self.draw.uniform(1.0, 8.0))
            if leg.state == "talking":
                await self.fleet.press(leg, self.draw.choice("123"))
        self.fleet.hang_up(leg)

    @staticmethod
    async def _wait(leg: Leg, seconds: float) -> None:
        """Wait for this time, or until the call is over."""
        await asyncio.wait([waiting := asyncio.ensure_future(leg.over.wait())], timeout=seconds)
        waiting.cancel()
