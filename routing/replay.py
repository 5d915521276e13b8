"""A day on the floor as plain data, and the same decisions from it again.

Events and recordings are dataclasses of numbers and texts: they go to JSON and back (the order of an operator's
languages counts: keep it). Who records decides where they are kept.
"""

from dataclasses import dataclass
from typing import Literal

from routing.engine import RULES, Engine
from routing.match import Decisions, Waiting
from routing.policy import Policy
from routing.states import Operator


@dataclass(frozen=True, slots=True)
class OperatorSet:
    operator: Operator
    kind: Literal["operator_set"] = "operator_set"


@dataclass(frozen=True, slots=True)
class OperatorRemoved:
    operator: str
    kind: Literal["operator_removed"] = "operator_removed"


@dataclass(frozen=True, slots=True)
class Waits:
    waiting: Waiting
    kind: Literal["waits"] = "waits"


@dataclass(frozen=True, slots=True)
class Leaves:
    call: str
    kind: Literal["leaves"] = "leaves"


@dataclass(frozen=True, slots=True)
class Decided:
    now: float
    kind: Literal["decided"] = "decided"


Event = OperatorSet | OperatorRemoved | Waits | Leaves | Decided


@dataclass(frozen=True, slots=True)
class Recording:
    """`rules`: the version of the engine's rules by which it was decided."""

    policy: Policy
    events: tuple[Event, ...]
    rules: int = RULES


class Recorder(Engine):
    """An engine that keeps what it was told, for `replay`. It grows with every event: start a new one each day."""

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(policy)
        self._events: list[Event] = []

    @property
    def recording(self) -> Recording:
        return Recording(self.policy, tuple(self._events))

    def set_operator(self, operator: Operator) -> None:
        super().set_operator(operator)
        self._events.append(OperatorSet(operator))

    def remove_operator(self, identity: str) -> None:
        super().remove_operator(identity)
        self._events.append(OperatorRemoved(identity))

    def wait(self, waiting: Waiting) -> None:
        super().wait(waiting)
        self._events.append(Waits(waiting))

    def leave(self, call: str) -> None:
        super().leave(call)
        self._events.append(Leaves(call))

    def decide(self, now: float) -> Decisions:
        decisions = super().decide(now)
        self._events.append(Decided(now))
        return decisions


def replay(recording: Recording, policy: Policy | None = None) -> list[Decisions]:
    """All decisions, one for each `Decided`, as they were; or, with another policy, as it would have decided about the
    same events (who was paired then may still wait now: what followed from a pair is not invented).

    Raises ValueError for a recording by other rules.
    """
    if recording.rules != RULES:
        raise ValueError(
            f"recorded by version {recording.rules} of the engine's rules, this is version {RULES};"
            " replay it with the release that recorded it"
        )
    engine = Engine(policy or recording.policy)
    return [decisions for event in recording.events if (decisions := _told(engine, event)) is not None]


def _told(engine: Engine, event: Event) -> Decisions | None:
    match event:
        case OperatorSet(operator):
            engine.set_operator(operator)
        case OperatorRemoved(identity):
            engine.remove_operator(identity)
        case Waits(waiting):
            engine.wait(waiting)
        case Leaves(call):
            engine.leave(call)
        case Decided(now):
            return engine.decide(now)
    return None
