"""The states of operators and offers, with all their transitions in two tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from wire.states import OfferState as OfferState
from wire.states import OperatorState as OperatorState


class Trigger(StrEnum):
    """An event that can change an operator's state."""

    PHONE_PRESENT = "phone_present"
    PHONE_ABSENT = "phone_absent"
    OFFER = "offer"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    WRAP_UP_OVER = "wrap_up_over"
    WRAP_UP_MORE = "wrap_up_more"
    PAUSE = "pause"
    RESUME = "resume"
    LOG_OUT = "log_out"


ABSENT = "absent"
"""The reason of an `away` that ends by itself when the telephone registers."""

UNREACHABLE = "unreachable"
"""Like `ABSENT`, for a registered telephone that could not be rung: it counts as absent until it registers again."""

LOGGED_OUT = "logged_out"

TRAINING = "training"
"""The reason of the pause in which scripted callers, and nobody else, can be offered to an operator."""

OWN_PAUSES = (Trigger.NO_ANSWER.value, Trigger.REFUSED.value)
"""The reasons of pauses that the system sets; the operator did not ask for them."""

_AWAY, _READY, _OFFERED = OperatorState.AWAY, OperatorState.READY, OperatorState.OFFERED
_TALKING, _WRAPPING_UP, _PAUSED = OperatorState.TALKING, OperatorState.WRAPPING_UP, OperatorState.PAUSED

# Any other pair changes nothing: the event was late or a duplicate.
OPERATOR_TRANSITIONS: Mapping[tuple[OperatorState, Trigger], OperatorState] = {
    (_AWAY, Trigger.PHONE_PRESENT): _READY,  # only if away because the telephone was absent or unreachable
    (_AWAY, Trigger.RESUME): _READY,
    (_AWAY, Trigger.PAUSE): _PAUSED,
    (_AWAY, Trigger.LOG_OUT): _AWAY,  # afterwards a telephone that registers does not make them ready
    (_READY, Trigger.PHONE_ABSENT): _AWAY,
    (_READY, Trigger.OFFER): _OFFERED,
    (_READY, Trigger.PAUSE): _PAUSED,
    (_READY, Trigger.LOG_OUT): _AWAY,
    (_OFFERED, Trigger.ACCEPTED): _TALKING,
    (_OFFERED, Trigger.REFUSED): _PAUSED,
    (_OFFERED, Trigger.NO_ANSWER): _PAUSED,
    (_OFFERED, Trigger.UNREACHABLE): _AWAY,
    (_OFFERED, Trigger.WITHDRAWN): _READY,
    (_OFFERED, Trigger.ENDED): _WRAPPING_UP,  # ACCEPTED is late or lost
    (_TALKING, Trigger.ENDED): _WRAPPING_UP,
    (_WRAPPING_UP, Trigger.WRAP_UP_OVER): _READY,
    (_WRAPPING_UP, Trigger.RESUME): _READY,
    (_WRAPPING_UP, Trigger.PAUSE): _PAUSED,
    (_WRAPPING_UP, Trigger.LOG_OUT): _AWAY,
    (_PAUSED, Trigger.RESUME): _READY,
    (_PAUSED, Trigger.PAUSE): _PAUSED,
    (_PAUSED, Trigger.LOG_OUT): _AWAY,
    (_PAUSED, Trigger.PHONE_ABSENT): _AWAY,  # only if paused for a missed call; then the telephone's return ends it
}

# The first final state wins: it has no transitions.
OFFER_TRANSITIONS: Mapping[OfferState, frozenset[OfferState]] = {
    OfferState.RINGING: frozenset(OfferState) - {OfferState.RINGING},
    **{state: frozenset() for state in OfferState if state is not OfferState.RINGING},
}


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator on the floor.

    `languages`: code to level, 1 (can help) to 5 (native); the first one is their first language. `since`: when the
    state began, POSIX seconds; for `ready`, when they became idle; 0: unknown. `until`: when a wrap-up ends. `present`:
    whether their telephone is registered, as far as reported. `pause_after`: the reason of a pause that they asked for
    while busy and that begins afterwards. `planned`: whether the roster has them on duty now; always true without a
    roster. `on_line`: whether their telephone has a call outside the floor, such as a feature code; they are offered no
    caller until it ends. `training`: whether what they are offered, talk in or wrap up is a scripted caller's call: for
    everybody else they are in their pause.
    """

    id: str
    languages: Mapping[str, int]
    topics: frozenset[str] = frozenset()  # empty: every topic
    state: OperatorState = OperatorState.AWAY
    reason: str = ABSENT
    since: float = 0.0
    until: float | None = None
    present: bool = False
    pause_after: str | None = None
    offer: str | None = field(default=None)
    planned: bool = True
    on_line: bool = False
    training: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether a call can be offered now."""
        return self.state is OperatorState.READY and not self.on_line

    @property
    def can_train(self) -> bool:
        """Whether a scripted caller can be offered now."""
        return (self.state, self.reason) == (OperatorState.PAUSED, TRAINING) and self.present and not self.on_line

    @property
    def for_others(self) -> "Operator":
        """The operator as all that is about callers sees them: one who talks to a scripted caller is in their pause."""
        if not self.training:
            return self
        return replace(self, state=OperatorState.PAUSED, reason=TRAINING, until=None, pause_after=None, offer=None)


def next_offer_state(current: OfferState, wanted: OfferState) -> OfferState:
    """Return the offer's state after `wanted` arrives; late and repeated answers change nothing."""
    return wanted if wanted in OFFER_TRANSITIONS[current] else current


def apply_trigger(
    operator: Operator,
    trigger: Trigger,
    now: float,
    *,
    reason: str = "",
    wrap_up_s: float = 0.0,
    longest_s: float = math.inf,
) -> Operator:
    """Return the operator after `trigger`; the same object if it changes nothing.

    A refreshed registration changes nothing, unless the telephone could not be rung before.

    Args:
        reason: The reason of a pause.
        wrap_up_s: The length of a new wrap-up, or of its extension.
        longest_s: The total length up to which a wrap-up can be extended.
    """
    if trigger is Trigger.PHONE_PRESENT:
        if operator.present and (operator.state, operator.reason) != (_AWAY, UNREACHABLE):
            return operator
        operator = replace(operator, present=True)
        if operator.state is not _AWAY or operator.reason not in (ABSENT, UNREACHABLE):
            return operator
    elif trigger is Trigger.PHONE_ABSENT:
        operator = replace(operator, present=False) if operator.present else operator
        if operator.state is _PAUSED and operator.reason != Trigger.NO_ANSWER:
            return operator
    elif trigger in (Trigger.RESUME, Trigger.LOG_OUT) and operator.pause_after is not None:
        operator = replace(operator, pause_after=None)  # the operator's latest request counts
    if trigger is Trigger.WRAP_UP_MORE and operator.until is not None:
        until = min(operator.until + wrap_up_s, operator.since + longest_s)
        return replace(operator, until=until) if until > operator.until else operator
    if trigger in (Trigger.PAUSE, Trigger.LOG_OUT) and operator.state in (_OFFERED, _TALKING):
        return replace(operator, pause_after=LOGGED_OUT if trigger is Trigger.LOG_OUT else reason or trigger.value)
    state = OPERATOR_TRANSITIONS.get((operator.state, trigger))
    if state is None:
        return operator
    pause_after = operator.pause_after
    if pause_after == LOGGED_OUT and state in (_READY, _PAUSED):
        state, reason, pause_after = _AWAY, LOGGED_OUT, None
    elif state is _READY and pause_after is not None:
        state, reason, pause_after = _PAUSED, pause_after, None
    elif state is _READY and not operator.present:
        # They cannot be rung: they become ready when their telephone registers.
        state, reason = _AWAY, ABSENT
    elif state is _AWAY:
        reason = {Trigger.LOG_OUT: LOGGED_OUT, Trigger.UNREACHABLE: UNREACHABLE}.get(trigger, ABSENT)
    elif state is _PAUSED:
        # A pause that the operator asked for takes precedence over the one for a missed call, which the telephone's
        # return may end.
        missed = trigger is Trigger.NO_ANSWER or operator.training
        reason = reason or (pause_after if missed else None) or trigger.value
        pause_after = None
    else:
        reason = ""
    if state is operator.state and reason == operator.reason:
        return operator
    # `replace` would look at each field by its name, which takes three times as long.
    return Operator(
        id=operator.id,
        languages=operator.languages,
        topics=operator.topics,
        state=state,
        reason=reason,
        since=now,
        until=now + wrap_up_s if state is _WRAPPING_UP else None,
        present=operator.present,
        pause_after=pause_after,
        offer=operator.offer if state is _OFFERED or state is _TALKING else None,
        planned=operator.planned,
        on_line=operator.on_line,
        training=operator.training and state in (_OFFERED, _TALKING, _WRAPPING_UP),
    )


def train(operator: Operator, offer: str, now: float) -> Operator:
    """Return an operator who is offered a scripted caller; afterwards they are in their pause again."""
    offered = replace(operator, state=_OFFERED, reason="", since=now, until=None)
    return replace(offered, pause_after=TRAINING, offer=offer, training=True)
