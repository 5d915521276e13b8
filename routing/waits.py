"""Why a caller waits, when he begins to and whenever he needs something else: who is there for it, what these do, who
comes before him, and the nearest change that would have served him."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.ahead import ahead
from routing.engine import Engine
from routing.match import was
from routing.nearest import Change, nearest
from routing.states import OperatorState

_COUNTED = 200
"""On a floor of more operators it is not counted what each is doing: that takes a look at all of them."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What held at one instant, after all pairs of that instant were made.

    `on_duty` and `idle`: the operators who are fit for what he needs now; `idle` ones are kept for a rare language.
    `speakers`: those on duty who speak his language at all. `ahead`: callers of his language who come before him.
    `states`: how many of those who are fit and not idle are in each state, away ones too. `instead`: what would have
    served him.
    """

    language: str
    level: int
    topic: str | None
    operator: str | None  # the one who has his file, or a part in his being handed on, if it must be he
    speakers: int
    on_duty: int
    idle: int
    ahead: int
    states: Mapping[str, int] = field(default_factory=dict)
    instead: Change | None = None
    excluded_operator: str | None = None  # who must not get him, since he has handed him on
    back: str | None = None  # who has handed him on, if that is why he needs what he needs


def why_waits(engine: Engine, call: str, now: float, back: str | None = None, handed_on: int = 0) -> Waits | None:
    """None for a caller who does not wait. `back`: who has handed him on; `handed_on`: so many of his first steps are
    because of it."""
    waiting = engine.queues.find(call)
    if waiting is None:
        return None
    step = engine.queues.step_of(waiting, now)
    if step not in waiting.steps[:handed_on]:
        back = None
    staff = engine.staff
    states: dict[str, int] = {}
    if len(staff) <= _COUNTED:
        for each in staff.not_idle(step, _COUNTED):
            state = staff.state(each.id).value
            states[state] = states.get(state, 0) + 1
    return Waits(
        step.language,
        step.level,
        step.topic,
        step.operator,
        staff.speakers.get(step.language, 0),
        staff.on_duty_who_can(step),
        staff.idle_who_can(step),
        ahead(engine, call, now)[1].get(step.language, 0),
        states,
        nearest(engine, call, now),
        step.excluded_operator,
        back,
    )


def in_words(waits: Waits) -> str:
    """In English sentences, the last one without its full stop, for the command line."""
    said = _there(waits) + (
        f"; {waits.excluded_operator}, who has handed him on, is passed over" if waits.excluded_operator else ""
    )
    if waits.operator is None and (
        doing := [f"{waits.states[state]} {_DOES[state]}" for state in _DOES if waits.states.get(state)]
    ):
        said += f"; {', '.join(doing)}"
    if waits.ahead:
        said += f"; {waits.ahead} caller{'s' if waits.ahead > 1 else ''} of this language before him"
    return said if waits.instead is None else f"{said}. {_instead(waits.instead)}"


_DOES = {
    "offered": "offered a call",
    "talking": "talking",
    "wrapping_up": "wrapping up",
    "paused": "paused",
    "away": "away",
}


def _instead(change: Change) -> str:
    came = f"he come {change.earlier_s:.3f} s earlier"
    who = f"{change.operator}, who {was(change.state, change.state_s)}"
    if change.state is OperatorState.READY:
        return f"Had {came}, {who}, would have got him"
    both = f", and had {came}" if change.earlier_s else ""
    return f"Had {who}, been idle instead{both}, he would have got him"


def _there(waits: Waits) -> str:
    language = waits.language
    if waits.operator is not None and waits.on_duty:
        who = "who has handed him on" if waits.operator == waits.back else "to whom he was handed on"
        who = "who has his file" if waits.back is None else who
        return f"waits for operator {waits.operator}, {who}" + ("" if waits.idle else " and is not idle")
    if not waits.speakers:
        return f"waits: nobody on duty speaks {language}"
    about = f" and knows of {waits.topic}" if waits.topic else ""
    able = f"speaks {language}{f' at level {waits.level}' if waits.level > 1 else ''}{about}"
    if not waits.on_duty:
        return f"waits: of the {waits.speakers} on duty who speak {language}, nobody {able}"
    if not waits.idle:
        return f"waits: nobody idle {able}; {waits.on_duty} on duty"
    kept = "the one idle who does is" if waits.idle == 1 else f"the {waits.idle} idle who do are"
    return f"waits for somebody who {able}: {kept} kept for a rare language"
