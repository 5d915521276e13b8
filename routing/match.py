"""What a waiting caller needs, and what is decided about him, with the reason in figures.

Who gets whom is decided in `routing.engine`, by `routing.policy`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from routing.states import Operator, OperatorState


@dataclass(frozen=True, slots=True)
class Step:
    """What a caller needs, and for how long it is insisted on."""

    language: str
    level: int = 1  # 1 (can help) to 5 (native), as in the operators' list
    topic: str | None = None
    operator: str | None = None  # the one who has the open case, if it must be he
    patience: float | None = None  # seconds; after this the next step applies; None: for ever
    excluded_operator: str | None = None  # an operator who must not get him, since he has handed him on


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller who waits. `since` is his routing age: POSIX seconds, kept through no answer, restart and transfer.
    `before`: seconds of it that are no part of his steps, since he needed something else then."""

    call: str
    steps: tuple[Step, ...]
    since: float
    priority: int = 0  # higher first, by the policy's `priority_s` a step
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """What it costs to take an operator: his other languages that nobody idle will speak, his second-best language,
    his level, that he is not planned to be there. `total` is what is compared."""

    total: float
    uncovers: float
    first: bool  # the caller's language is his first
    level: int
    planned: bool = True


@dataclass(frozen=True, slots=True)
class OtherCaller:
    """The caller who would have got this operator, had he come `earlier_s` earlier. `held`: he was before in the order,
    but the operator was kept for a rare language."""

    call: str
    earlier_s: float
    held: bool


@dataclass(frozen=True, slots=True)
class OtherOperator:
    """The operator who would have got this caller, had the chosen one not been idle. `price`, `idle_s`: his own, as
    they were."""

    operator: str
    price: Price
    idle_s: float


@dataclass(frozen=True, slots=True)
class BusyOperator:
    """The operator who would have got this caller if they had been idle for `state_s` seconds (None: not known)
    instead of in `state`. `price`: what they would have cost."""

    operator: str
    state: OperatorState
    price: Price
    state_s: float | None


DOING: Mapping[OperatorState, str] = {
    OperatorState.READY: "was idle",
    OperatorState.OFFERED: "was being offered a call",
    OperatorState.TALKING: "was talking",
    OperatorState.WRAPPING_UP: "was wrapping up",
    OperatorState.PAUSED: "was paused",
    OperatorState.AWAY: "was away",
}
"""What an operator in that state was doing, for a sentence."""


def was(state: OperatorState, state_s: float | None) -> str:
    """Return what an operator was doing and, where it is known, for how long."""
    return DOING[state] + (f" ({state_s:.1f} s)" if state_s is not None else "")


def ago(now: float, since: float) -> float | None:
    """Return the seconds since a state began; None where nobody knows when it did (`Operator.since` is 0)."""
    return round(now - since, 3) if since else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why this caller and why this operator, in figures that `in_words` says.

    Counted when it was his turn: after the pairs that were made before him in the same instant.
    """

    waited_s: float
    callers_ahead: int  # callers before him in the order, whom nobody idle could serve
    callers_he_could_serve: int  # among those waiting, this one included
    idle_s: float
    operators_who_could: int  # idle and fit, this one included
    step: int  # 0: all that the caller needs
    language: str
    level: int  # the level that the operator has
    topic: str | None
    steps: int = 1  # how many he had
    price: Price | None = None
    head_start_s: float = 0.0  # for his language's rarity
    late: bool = False  # then he yielded to who could still be in time
    priority: int = 0
    other_caller: OtherCaller | None = None
    other_operator: OtherOperator | None = None
    busy_operator: BusyOperator | None = None
    excluded_operator: str | None = None  # who could not get him, since he has handed him on


@dataclass(frozen=True, slots=True)
class Decision:
    call: str
    operator: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decisions:
    pairs: tuple[Decision, ...]
    look_again: float | None  # POSIX seconds: what time alone will change, not before; None: nothing
    moved: tuple[str, ...] = ()  # who waits on, and needs something else than at the decision before


def step_at(
    steps: Sequence[Step], waited: float, met: Callable[[Step], bool] = lambda _: True
) -> tuple[int, float | None]:
    """The index of the step that applies after `waited` seconds and when, counted from the start, it ends.

    Steps that nobody on duty can meet (`met`) take no time; where nobody can meet any, the last one applies.
    """
    able = [index for index, step in enumerate(steps) if met(step)] or [len(steps) - 1]
    end = 0.0
    for index in able[:-1]:
        patience = steps[index].patience
        if patience is None or patience == math.inf:
            return index, None
        end += patience
        if waited < end:
            return index, end
    return able[-1], None


def may_serve(operator: Operator, step: Step) -> bool:
    """Whether the operator is fit for what the step asks, whatever he is doing now."""
    return (
        operator.languages.get(step.language, 0) >= step.level
        and (step.topic is None or not operator.topics or step.topic in operator.topics)
        and (step.operator is None or step.operator == operator.id)
        and step.excluded_operator != operator.id
    )


def instant(since: float, seconds: float) -> float:
    """When `seconds` after `since` are over for sure, whatever the rounding: who looks at that very instant finds what
    comes next."""
    reached = since + seconds
    while reached - since < seconds:
        reached = math.nextafter(reached, math.inf)
    while reached - seconds < since:
        reached = math.nextafter(reached, math.inf)
    return reached


def in_words(reason: Reason) -> str:
    """The reason in English sentences, for the command line: who, why, and what would have changed it."""
    return " ".join([f"The caller {_caller(reason)}; the operator {_operator(reason)}.", *_otherwise(reason)])


def _caller(reason: Reason) -> str:
    several = reason.callers_he_could_serve > 1
    rank = f"first of the {reason.callers_he_could_serve}" if several else "the only one"
    said = f"waited {reason.waited_s:.1f} s, {rank} whom this operator may serve"
    if reason.callers_ahead:
        said += f" ({reason.callers_ahead} before him need somebody else)"
    if several and reason.head_start_s >= 0.05:
        said += f", with {reason.head_start_s:.1f} s head start since few speak {reason.language}"
    if several and reason.late:
        said += ", though he yields to who can still be in time"
    if reason.priority:
        said += f", with priority {reason.priority}"
    if reason.step:
        last = ", the last resort" if reason.step == reason.steps - 1 else ""
        said += f", now content with step {reason.step + 1} of {reason.steps} of his needs{last}"
    if reason.excluded_operator:
        said += f", and was not to go back to {reason.excluded_operator}, who has handed him on"
    return said


def _operator(reason: Reason) -> str:
    topic = f" for {reason.topic}" if reason.topic else ""
    said = f"speaks {reason.language} at level {reason.level}{topic}, idle {reason.idle_s:.1f} s, "
    if reason.operators_who_could == 1:
        return said + "the only one idle"
    other = reason.other_operator
    if other is None or reason.price is None or other.price.total == reason.price.total:
        return said + f"longest of the {reason.operators_who_could} idle"
    said += f"least needed elsewhere of the {reason.operators_who_could} idle (price {reason.price.total:.3f}"
    terms = []
    if reason.price.uncovers >= 0.0005:
        terms.append(f"{reason.price.uncovers:.3f} for his other languages")
    if not reason.price.first:
        terms.append("not his first language")
    if not reason.price.planned:
        terms.append("not on the roster now")
    return said + (f": {', '.join(terms)})" if terms else ")")


def _otherwise(reason: Reason) -> list[str]:
    said = []
    if other := reason.other_caller:
        kept = ", so that the operator were no longer kept from it for a rare language" if other.held else ""
        said.append(
            f"Had call {other.call} come {other.earlier_s:.3f} s earlier{kept}, it would have got the operator."
        )
    if instead := reason.other_operator:
        said.append(
            f"Had the operator not been idle, {instead.operator} (idle {instead.idle_s:.1f} s, price"
            f" {instead.price.total:.3f}) would have got the caller."
        )
    if busy := reason.busy_operator:
        said.append(
            f"Had {busy.operator}, who {was(busy.state, busy.state_s)}, been idle instead, he would have got the"
            " caller."
        )
    return said
