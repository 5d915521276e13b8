"""A waiting caller's needs, and decisions with their reasons in figures.

`routing.engine` makes the decisions by `routing.policy`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from routing.states import Operator, OperatorState


@dataclass(frozen=True, slots=True)
class Step:
    """A caller's needs, and how long they hold before the next step applies."""

    language: str
    level: int = 1  # 1 (can help) to 5 (native), as in the operators' list
    topic: str | None = None
    operator: str | None = None  # this operator only, for example the one who has the caller's open case
    patience: float | None = None  # seconds until the next step applies; None: forever
    excluded_operator: str | None = None  # an operator who must not get the call because they handed it on


@dataclass(frozen=True, slots=True)
class Waiting:
    """A waiting caller.

    `since`: the routing age, POSIX seconds; it survives unanswered offers, restarts and transfers. `before`: seconds of
    the wait that do not count for the steps, because the caller needed something else then.
    """

    call: str
    steps: tuple[Step, ...]
    since: float
    priority: int = 0  # higher first, by the policy's `priority_s` a step
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """The price of taking an operator. `total` is compared; `uncovers` is the part for the operator's other languages,
    which fewer idle operators speak once this one is busy."""

    total: float
    uncovers: float
    first: bool  # whether the caller's language is the operator's first
    level: int
    planned: bool = True


@dataclass(frozen=True, slots=True)
class OtherCaller:
    """A caller who would have got this operator by arriving `earlier_s` seconds earlier. `held`: they were ahead in the
    order, but the operator was reserved for a rare language."""

    call: str
    earlier_s: float
    held: bool


@dataclass(frozen=True, slots=True)
class OtherOperator:
    """The operator who would have got this caller if the chosen one had been busy. `price` and `idle_s` are theirs at
    the time of the decision."""

    operator: str
    price: Price
    idle_s: float


@dataclass(frozen=True, slots=True)
class BusyOperator:
    """The operator who would have got this caller if they had been idle for `state_s` seconds (None: unknown) instead
    of in `state`. `price`: the price they would have had."""

    operator: str
    state: OperatorState
    price: Price
    state_s: float | None


_DOING: Mapping[OperatorState, str] = {
    OperatorState.READY: "was idle",
    OperatorState.OFFERED: "was being offered a call",
    OperatorState.TALKING: "was talking",
    OperatorState.WRAPPING_UP: "was wrapping up",
    OperatorState.PAUSED: "was paused",
    OperatorState.AWAY: "was away",
}
"""An operator's activity in that state, as part of a sentence."""


def describe_state(state: OperatorState, state_s: float | None) -> str:
    """Return what an operator was doing and, if known, for how long."""
    return _DOING[state] + (f" ({state_s:.1f} s)" if state_s is not None else "")


def seconds_since(since: float, now: float) -> float | None:
    """Return the seconds since a state began; None if its beginning is unknown (`Operator.since` is 0)."""
    return round(now - since, 3) if since else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why this caller and this operator were paired, in figures; `describe_reason` puts them into sentences.

    Counted at the caller's turn: after the pairs made before theirs in the same instant.
    """

    waited_s: float
    callers_ahead: int  # callers ahead in the order; no idle operator could serve them
    callers_he_could_serve: int  # waiting callers that the operator could serve, including this one
    idle_s: float
    operators_who_could: int  # idle and qualified, including this one
    step: int  # 0: everything that the caller needs
    language: str
    level: int  # the operator's level in the language
    topic: str | None
    steps: int = 1  # the number of steps that the caller had
    price: Price | None = None
    head_start_s: float = 0.0  # for the rarity of the caller's language
    late: bool = False  # late callers yield to callers who can still be answered in time
    priority: int = 0
    other_caller: OtherCaller | None = None
    other_operator: OtherOperator | None = None
    busy_operator: BusyOperator | None = None
    excluded_operator: str | None = None  # the operator who must not get the call because they handed it on


UNEXPLAINED = Reason(0.0, 0, 0, 0.0, 0, 0, "", 0, None)
"""The reason of a decision whose engine does not explain."""


@dataclass(frozen=True, slots=True)
class Decision:
    call: str
    operator: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decisions:
    pairs: tuple[Decision, ...]
    look_again: float | None  # POSIX seconds: before this, time alone changes nothing; None: it never does
    moved: tuple[str, ...] = ()  # calls that still wait, and have reached another step since the last decision


def step_at(
    steps: Sequence[Step], waited: float, met: Callable[[Step], bool] = lambda _: True
) -> tuple[int, float | None]:
    """Return the index of the step that applies after `waited` seconds, and when it ends, counted from the start.

    Steps that nobody on duty can meet (`met`) take no time; if nobody can meet any step, the last one applies.
    """
    if len(steps) == 1:
        return 0, None
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
    """Return whether the operator has what the step asks for, whatever their state."""
    return (
        operator.languages.get(step.language, 0) >= step.level
        and (step.topic is None or not operator.topics or step.topic in operator.topics)
        and (step.operator is None or step.operator == operator.id)
        and step.excluded_operator != operator.id
    )


def deadline(since: float, seconds: float) -> float:
    """Return the first instant at which `seconds` after `since` have passed despite rounding, so that a decision at
    exactly that instant finds the next step."""
    reached = since + seconds
    while reached - since < seconds:
        reached = math.nextafter(reached, math.inf)
    while reached - seconds < since:
        reached = math.nextafter(reached, math.inf)
    return reached


def describe_reason(reason: Reason) -> str:
    """Return the reason in English sentences: the caller, the operator, and what would have changed the decision."""
    parts = [f"The caller {_describe_caller(reason)}; the operator {_describe_operator(reason)}."]
    return " ".join([*parts, *_describe_alternatives(reason)])


def _describe_caller(reason: Reason) -> str:
    several = reason.callers_he_could_serve > 1
    rank = f"first of the {reason.callers_he_could_serve} callers" if several else "the only caller"
    text = f"waited {reason.waited_s:.1f} s, {rank} that this operator can serve"
    if reason.callers_ahead:
        verb = "needs" if reason.callers_ahead == 1 else "need"
        text += f" ({reason.callers_ahead} ahead of them {verb} another operator)"
    if several and reason.head_start_s >= 0.05:
        text += f", with a head start of {reason.head_start_s:.1f} s because few operators speak {reason.language}"
    if several and reason.late:
        text += ", although late callers yield to callers who can still be answered in time"
    if reason.priority:
        text += f", with priority {reason.priority}"
    if reason.step:
        last = ", the last resort" if reason.step == reason.steps - 1 else ""
        text += f", now at step {reason.step + 1} of {reason.steps} of their needs{last}"
    if reason.excluded_operator:
        text += f", and must not go back to {reason.excluded_operator}, who handed them on"
    return text


def _describe_operator(reason: Reason) -> str:
    topic = f" for {reason.topic}" if reason.topic else ""
    text = f"speaks {reason.language} at level {reason.level}{topic}, idle for {reason.idle_s:.1f} s, "
    if reason.operators_who_could == 1:
        return text + "the only one idle"
    other = reason.other_operator
    if other is None or reason.price is None or other.price.total == reason.price.total:
        return text + f"the longest of the {reason.operators_who_could} idle"
    text += f"the least needed elsewhere of the {reason.operators_who_could} idle (price {reason.price.total:.3f}"
    terms = []
    if reason.price.uncovers >= 0.0005:
        terms.append(f"{reason.price.uncovers:.3f} for their other languages")
    if not reason.price.first:
        terms.append("not their first language")
    if not reason.price.planned:
        terms.append("not on the roster now")
    return text + (f": {', '.join(terms)})" if terms else ")")


def _describe_alternatives(reason: Reason) -> list[str]:
    sentences = []
    if other := reason.other_caller:
        reserved = ", when the operator would no longer be reserved for a rare language" if other.held else ""
        sentences.append(
            f"Call {other.call} would have got the operator by arriving {other.earlier_s:.3f} s earlier{reserved}."
        )
    if instead := reason.other_operator:
        sentences.append(
            f"If the operator had been busy, {instead.operator} (idle for {instead.idle_s:.1f} s, price"
            f" {instead.price.total:.3f}) would have got the caller."
        )
    if busy := reason.busy_operator:
        sentences.append(
            f"If {busy.operator}, who {describe_state(busy.state, busy.state_s)}, had been idle instead, they would"
            " have got the caller."
        )
    return sentences
