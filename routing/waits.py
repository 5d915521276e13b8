"""The reason why a caller waits: the qualified operators and their states, the callers ahead, and the smallest change
that would have served the caller at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.callers_ahead import callers_ahead
from routing.engine import Engine
from routing.match import describe_state
from routing.nearest_change import Change, nearest_change
from routing.states import OperatorState

_COUNTED = 200
"""With more operators than this, their states are not counted, because that takes a look at every operator."""


@dataclass(frozen=True, slots=True)
class WaitReason:
    """The situation of a waiting caller at one instant, after all pairs of that instant were made.

    `on_duty` and `idle`: the number of operators qualified for the current step; the idle ones are reserved for a rare
    language. `speakers`: operators on duty who speak the language at any level. `ahead`: callers of the same language
    ahead of this one. `states`: the number of qualified operators in each state but idle, away included. `instead`: the
    smallest change that would have served the caller.
    """

    language: str
    level: int
    topic: str | None
    operator: str | None  # the only operator of the step: the one who has the case, or made or got the handover
    speakers: int
    on_duty: int
    idle: int
    ahead: int
    states: Mapping[str, int] = field(default_factory=dict)
    instead: Change | None = None
    excluded_operator: str | None = None  # the operator who must not get the call because they handed it on
    back: str | None = None  # the operator who handed the caller on, if the current step is due to that


def explain_wait(
    engine: Engine, call: str, now: float, back: str | None = None, handed_on: int = 0
) -> WaitReason | None:
    """Return why the call waits; None if it does not.

    Args:
        back: The operator who handed the caller on.
        handed_on: The number of first steps that are due to the handover.
    """
    waiting = engine.queues.find(call)
    if waiting is None:
        return None
    step = engine.queues.step_of(waiting, now)
    if step not in waiting.steps[:handed_on]:
        back = None
    staff = engine.staff
    states: dict[str, int] = {}
    if len(staff) <= _COUNTED:
        for operator in staff.not_idle(step, _COUNTED):
            state = staff.state(operator.id).value
            states[state] = states.get(state, 0) + 1
    return WaitReason(
        step.language,
        step.level,
        step.topic,
        step.operator,
        staff.cover.speakers.get(step.language, 0),
        staff.count_on_duty(step),
        staff.count_idle(step),
        callers_ahead(engine.ranking, call, now)[1].get(step.language, 0),
        states,
        nearest_change(engine.ranking, call, now),
        step.excluded_operator,
        back,
    )


def describe_wait(waits: WaitReason) -> str:
    """Return the reason in English sentences, the last one without its full stop."""
    text = _describe_operators(waits) + (
        f"; {waits.excluded_operator}, who handed the caller on, is passed over" if waits.excluded_operator else ""
    )
    if waits.operator is None and (
        states := [f"{waits.states[state]} {words}" for state, words in _STATES.items() if waits.states.get(state)]
    ):
        text += f"; {', '.join(states)}"
    if waits.ahead:
        text += f"; {waits.ahead} caller{'s' if waits.ahead > 1 else ''} of this language ahead"
    return text if waits.instead is None else f"{text}. {_describe_change(waits.instead)}"


_STATES = {
    "offered": "offered a call",
    "talking": "talking",
    "wrapping_up": "wrapping up",
    "paused": "paused",
    "away": "away",
}


def _describe_change(change: Change) -> str:
    earlier = f"if the caller had arrived {change.earlier_s:.3f} s earlier"
    operator = f"{change.operator}, who {describe_state(change.state, change.state_s)}"
    if change.state is OperatorState.READY:
        return f"{operator}, would have got the call {earlier}"
    return f"{operator}, would have got the call if idle instead" + (f" and {earlier}" if change.earlier_s else "")


def _describe_operators(waits: WaitReason) -> str:
    language = waits.language
    if waits.operator is not None and waits.on_duty:
        if waits.back is None:
            role = "who has the caller's file"
        else:
            role = "who handed the caller on" if waits.operator == waits.back else "to whom the caller was handed on"
        return f"waits for operator {waits.operator}, {role}" + ("" if waits.idle else " and is not idle")
    if not waits.speakers:
        return f"waits: nobody on duty speaks {language}"
    topic = f" and knows about {waits.topic}" if waits.topic else ""
    qualified = f"speaks {language}{f' at level {waits.level}' if waits.level > 1 else ''}{topic}"
    if not waits.on_duty:
        return f"waits: of the {waits.speakers} on duty who speak {language}, nobody {qualified}"
    if not waits.idle:
        return f"waits: nobody idle {qualified}; {waits.on_duty} on duty"
    idle = "the only idle one is" if waits.idle == 1 else f"the {waits.idle} idle ones are"
    return f"waits for an operator who {qualified}: {idle} reserved for a rare language"
