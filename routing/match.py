"""Pairing of waiting callers with idle operators.

Policy of today: a caller is served by whoever speaks his language at the level that his step asks for; the
longest-waiting caller first, the longest-idle operator first. Every event on the floor calls `decide` at once;
`Decisions.look_again` says when a step expires, so that nothing polls.
"""

import math
from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller who waits. `since` is his routing age: POSIX seconds, kept through no answer, restart and transfer."""

    call: str
    steps: tuple[Step, ...]
    since: float
    priority: int = 0  # higher first


@dataclass(frozen=True, slots=True)
class Reason:
    """Why this caller and why this operator, in figures that `in_words` can say later."""

    waited_s: float
    callers_ahead: int  # callers before him in the order, whom nobody idle could serve
    callers_he_could_serve: int  # among those waiting, this one included
    idle_s: float
    operators_who_could: int  # idle and fit, this one included
    step: int  # 0: all that the caller needs
    language: str
    level: int  # the level that the operator has
    topic: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    call: str
    operator: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decisions:
    pairs: tuple[Decision, ...]
    look_again: float | None  # POSIX seconds


def step_at(steps: Sequence[Step], waited: float) -> tuple[int, float | None]:
    """The index of the step that applies after `waited` seconds and when, counted from the start, it ends."""
    end = 0.0
    for index, step in enumerate(steps[:-1]):
        if step.patience is None:
            return index, None
        end += step.patience
        if waited < end:
            return index, end
    return len(steps) - 1, None


def may_serve(operator: Operator, step: Step) -> bool:
    """Whether the operator is fit for what the step asks, whatever he is doing now."""
    return (
        operator.languages.get(step.language, 0) >= step.level
        and (step.topic is None or not operator.topics or step.topic in operator.topics)
        and (step.operator is None or step.operator == operator.id)
    )


def order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """The waiting callers, the next one to be served first. The id breaks ties, so that the order never flickers."""
    return sorted(waiting, key=lambda caller: (-caller.priority, caller.since, caller.call))


def decide(waiting: Iterable[Waiting], operators: Iterable[Operator], now: float) -> Decisions:
    """All pairs that can be made now, and when to look again if nothing else happens before."""
    idle = sorted((o for o in operators if o.state is OperatorState.READY), key=lambda o: (o.since, o.id))
    pairs: list[Decision] = []
    queue = order(waiting)
    steps: list[tuple[int, Step]] = []
    ends: dict[str, float] = {}
    for caller in queue:
        index, end = step_at(caller.steps, now - caller.since)
        steps.append((index, caller.steps[index]))
        if end is not None:
            ends[caller.call] = _instant(caller.since, end)
    unserved = 0
    for place, (caller, (index, step)) in enumerate(zip(queue, steps, strict=True)):
        if not idle:
            break
        fit = [operator for operator in idle if may_serve(operator, step)]
        if not fit:
            unserved += 1
            continue
        operator = fit[0]
        idle.remove(operator)
        ends.pop(caller.call, None)
        reason = Reason(
            waited_s=round(now - caller.since, 3),
            callers_ahead=unserved,
            callers_he_could_serve=sum(may_serve(operator, other) for _, other in steps[place:]),
            idle_s=round(now - operator.since, 3),
            operators_who_could=len(fit),
            step=index,
            language=step.language,
            level=operator.languages[step.language],
            topic=step.topic,
        )
        pairs.append(Decision(caller.call, operator.id, reason))
    return Decisions(tuple(pairs), min(ends.values(), default=None))


def _instant(since: float, end: float) -> float:
    """When the step that ends `end` seconds after `since` has ended for sure, whatever the rounding: who looks at that
    very instant finds the next step."""
    instant = since + end
    while instant - since < end:
        instant = math.nextafter(instant, math.inf)
    return instant


def in_words(reason: Reason) -> str:
    """The reason as one English sentence, for the command line."""
    caller = (
        f"waited {reason.waited_s:.1f} s, first of the {reason.callers_he_could_serve} whom this operator may serve"
    )
    if reason.callers_he_could_serve == 1:
        caller = f"waited {reason.waited_s:.1f} s, the only one whom this operator may serve"
    if reason.callers_ahead:
        caller += f" ({reason.callers_ahead} before him need somebody else)"
    operator = f"idle {reason.idle_s:.1f} s, longest of the {reason.operators_who_could} idle"
    if reason.operators_who_could == 1:
        operator = f"idle {reason.idle_s:.1f} s, the only one idle"
    topic = f" for {reason.topic}" if reason.topic else ""
    return f"The caller {caller}; the operator speaks {reason.language} at level {reason.level}{topic}, {operator}."
