"""The events of callers and operators in one way of answering, as seen by the telephones, and what follows from them.

Pure: no clock, no network. Instants are ns of one machine's clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["waits", "gone", "rung", "twice", "answered", "free"]


@dataclass(frozen=True, slots=True)
class Event:
    """`waits`: a caller sent an INVITE, or waits again after a ringing without answer. `gone`: the caller waits no more
    and nobody answered. `rung`, `twice`: the INVITE arrived at the telephone of an operator who was free, or in a call.
    `answered`: the operator answered. `free`: the operator hung up, or their caller did."""

    ns: int
    kind: Kind
    call: int
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Ringing:
    """One ringing. `idle_ms`: until the INVITE, since this operator was free and a caller waited whom they could serve,
    without a break. `freed`: that began with the end of the operator's last call, so callers were waiting already;
    otherwise the caller came to a free operator, and the time includes setting up the call."""

    call: int
    operator: str
    idle_ms: float
    freed: bool


def ringings(events: Iterable[Event], languages: Sequence[str], speaks: Mapping[str, Iterable[str]]) -> list[Ringing]:
    """Return the ringings in order. `languages`: of each call; `speaks`: of each operator, all free at first."""
    spoken = {operator: frozenset(item) for operator, item in speaks.items()}
    free = dict.fromkeys(spoken, 0)
    waiting: dict[int, None] = {}
    idle_since: dict[str, int] = {}
    found: list[Ringing] = []
    for event in sorted(events, key=lambda item: item.ns):
        match event.kind:
            case "waits":
                waiting[event.call] = None
            case "gone":
                waiting.pop(event.call, None)
            case "rung":
                if event.operator in idle_since:
                    since = idle_since.pop(event.operator)
                    idle_ms, freed = (event.ns - since) / 1e6, since == free[event.operator]
                    found.append(Ringing(event.call, event.operator, idle_ms, freed))
                free.pop(event.operator, None)
                waiting.pop(event.call, None)
            case "free":
                free[event.operator] = event.ns
        wanted = {languages[call] for call in waiting}
        for operator in free:
            if wanted & spoken[operator]:
                idle_since.setdefault(operator, event.ns)
            else:
                idle_since.pop(operator, None)
    return found


@dataclass(slots=True)
class Story:
    """The events of one way of answering."""

    events: list[Event] = field(default_factory=list)
    sent_ns: dict[int, int] = field(default_factory=dict)  # each call's INVITE
    answered_ns: dict[int, int] = field(default_factory=dict)  # and its operator's answer
    lost: dict[int, str] = field(default_factory=dict)
    refused: int = 0  # ringings without answer

    def add(self, ns: int, kind: Kind, call: int, operator: str = "") -> None:
        self.events.append(Event(ns, kind, call, operator))

    def wait_s(self, call: int) -> float | None:
        """Return the time from the caller's INVITE to the operator's answer; None if the call was lost."""
        if call in self.lost or call not in self.answered_ns:
            return None
        return (self.answered_ns[call] - self.sent_ns[call]) / 1e9

    @property
    def twice(self) -> int:
        """The number of times that an operator in a call was rung for another one."""
        return sum(event.kind == "twice" for event in self.events)

    @property
    def with_two(self) -> int:
        """The number of callers whom two operators answered."""
        answered = [event.call for event in self.events if event.kind == "answered"]
        return len(answered) - len({*answered})
