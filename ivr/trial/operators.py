"""The floor and the operators of a trial: the offers, and the telephones' reactions.

There is only one caller, and whom they get is decided from outside, offer by offer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from db.ids import uuid7
from ivr.asterisk.ari import events
from ivr.asterisk.ari.events import ChannelRef, Event
from ivr.asterisk.ari.link import Response
from ivr.model import floor_protocol
from routing.estimate import CLASS_LIMITS_S, Estimate, WaitClass
from routing.match import Reason

HUNG_UP = 16
"""ITU-T Q.850: normal clearing."""

Later = Callable[[float, Callable[[], object]], asyncio.TimerHandle]
"""Calls a function after that many seconds, unless the trial is over."""


@dataclass(frozen=True, slots=True)
class OperatorScript:
    """An operator who is offered the caller after `offered_s`, and what they do when they are rung.

    After `answers_s` they answer, or their leg ends with `cause` (ITU-T Q.850). They talk for `talks_s`; then their leg
    ends with the cause `ends`. `rings`: whether the telephone reports that it rings; otherwise it never does anything.
    """

    operator: str
    offered_s: float
    answers_s: float
    talks_s: float
    cause: int | None = None
    ends: int = HUNG_UP
    rings: bool = True
    in_browser: bool = False


class Floor:
    """The floor of one call.

    `who(wait)` returns the next operator for the caller, None for nobody; it is called again when an offer failed.
    `spoken`: the languages that the operators on duty speak.
    """

    def __init__(
        self,
        who: Callable[[floor_protocol.Wait], OperatorScript | None],
        publish: Callable[[floor_protocol.ToCall], None],
        ring_s: float,
        later: Later,
        spoken: tuple[str, ...] = (),
    ) -> None:
        self._who, self._publish, self._ring_s, self._later, self._spoken = who, publish, ring_s, later, spoken
        self._wait: floor_protocol.Wait | None = None
        self._next: asyncio.TimerHandle | None = None  # when an operator will be free
        self.scripts: dict[str, OperatorScript] = {}  # by offer

    @property
    def waiting(self) -> bool:
        """Whether the call waits for an operator."""
        return self._wait is not None

    def tell(self, message: floor_protocol.ToFloor) -> None:
        match message:
            case floor_protocol.Wait():
                self._wait = message
                self._offer(message)
            case floor_protocol.Leave() | floor_protocol.Accepted():
                self._wait = self._next = None
            case floor_protocol.AskPosition(call) if self._wait is not None:
                self._publish(floor_protocol.Position(call, 1, self._estimate(), self._spoken))
            case floor_protocol.Refused() if self._wait is not None:
                self._offer(self._wait)

    def _estimate(self) -> Estimate:
        """Return the exact estimate: there is one caller, and it is known when an operator will be free."""
        if self._next is None:
            return Estimate()
        seconds = max(0.0, self._next.when() - asyncio.get_running_loop().time())
        wait = next(wait_class for wait_class in WaitClass if seconds < CLASS_LIMITS_S[wait_class][1])
        return Estimate(seconds, wait, earned=True)

    def _offer(self, wait: floor_protocol.Wait) -> None:
        script = self._who(wait)
        self._next = None
        if script is None:
            return
        step = wait.steps[0]
        reason = Reason(script.offered_s, 0, 1, script.offered_s, 1, 0, step.language, step.level, step.topic)
        offer = floor_protocol.Offer(str(uuid7()), 1, wait.call, script.operator, self._ring_s, reason)
        self.scripts[offer.id] = script

        def publish() -> None:
            if self._wait is wait:
                self._publish(offer)

        self._next = self._later(script.offered_s, publish)


class Legs:
    """The operators' telephones and the bridges in Asterisk. `deliver` passes events to the call that rings them."""

    def __init__(self, scripts: dict[str, OperatorScript], deliver: Callable[[Event], None], later: Later) -> None:
        self._scripts, self._deliver, self._later = scripts, deliver, later
        self._states: dict[str, str] = {}
        self._bridges: dict[str, list[str]] = {}

    def ring(self, leg: str) -> None:
        script = self._scripts[leg]
        self._states[leg] = "Ringing" if script.rings else "Down"
        self._later(
            script.answers_s, lambda: self._answer(leg) if script.cause is None else self.end(leg, script.cause)
        )

    def _answer(self, leg: str) -> None:
        if self._states.get(leg) == "Ringing":
            self._states[leg] = "Up"
            self._deliver(events.ChannelStateChange(events.ChannelState(leg, "Up")))

    def end(self, leg: str, cause: int = HUNG_UP) -> bool:
        """End a leg; False if it has ended before."""
        state = self._states.pop(leg, None)
        if state is None:
            return False
        self._leave(leg)
        if state == "Up":
            self._deliver(events.StasisEnd(ChannelRef(leg)))
        self._deliver(events.ChannelDestroyed(ChannelRef(leg), cause))
        return True

    def is_up(self, leg: str) -> bool:
        return leg in self._states

    def look(self, leg: str) -> Response:
        state = self._states.get(leg)
        if state is None:
            return Response(404, None)
        return Response(200, {"state": state})

    def bridge(self, bridge: str) -> None:
        self._bridges[bridge] = []

    def bridges(self) -> Response:
        return Response(200, [{"id": bridge, "channels": list(inside)} for bridge, inside in self._bridges.items()])

    def join(self, bridge: str, channel: str) -> bool:
        if bridge not in self._bridges:
            return False
        self._bridges[bridge].append(channel)
        return True

    def talk(self, bridge: str, channel: str) -> float | None:
        """Start the conversation of `channel`; return how long the operator will talk, None if there is none."""
        leg = next((other for other in self._bridges[bridge] if other != channel and other in self._states), None)
        if leg is None:
            return None
        script = self._scripts[leg]
        self._later(script.talks_s, lambda: self.end(leg, script.ends))
        return script.talks_s

    def break_up(self, bridge: str) -> list[str] | None:
        """End a bridge and return its channels; None if there is no such bridge."""
        return self._bridges.pop(bridge, None)

    def left_over(self) -> list[str]:
        """Return the legs and bridges that are still up."""
        return [*self._states, *self._bridges]

    def _leave(self, channel: str) -> None:
        for inside in self._bridges.values():
            if channel in inside:
                inside.remove(channel)
                self._deliver(events.ChannelLeftBridge(ChannelRef(channel)))
