"""The requests that operators can make during a conversation, by any means, and the reasons to refuse them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ivr.site.operators import OperatorEntry


class Act(StrEnum):
    HOLD = "hold"
    UNHOLD = "unhold"
    TRANSFER = "transfer"
    CONSULT = "consult"
    INTERPRETER = "interpreter"
    COMPLETE = "complete"
    CANCEL = "cancel"
    SWAP = "swap"
    HANG_UP = "hang_up"
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"
    ATTACH = "attach"  # the operator's other line still exists, after a restart
    LINE_GONE = "line_gone"  # the other line has ended


NEED_TARGET = frozenset({Act.TRANSFER, Act.CONSULT, Act.INTERPRETER})
"""Requests that need a target."""

RECORDING_ACTS = frozenset({Act.PAUSE_RECORDING, Act.RESUME_RECORDING})

NEED_OPERATOR = frozenset({Act.HANG_UP}) | RECORDING_ACTS
"""Requests of which the API must know the operator: a moment too late, they would concern the next operator's call."""

LINE_ACTS = frozenset({Act.ATTACH, Act.LINE_GONE})
"""Not requested by anybody: reported by another line of the operator's telephone."""


class Refusal(StrEnum):
    """Why a request is refused. The value is the text the operator hears."""

    NOT_NOW = "talk_not_now"
    UNKNOWN = "talk_unknown"
    YOURSELF = "talk_yourself"
    AWAY = "talk_away"
    OUTSIDE = "talk_outside"
    TOO_OFTEN = "talk_too_often"


RECORDING_TEXTS: Mapping[str, str] = {"paused": "talk_recording_paused", "on": "talk_recording_on"}
"""The texts that tell an operator, after their code for it, whether they are recorded. By `Call.recording`."""

SENTENCES: Mapping[Refusal, str] = {
    Refusal.NOT_NOW: "That is not possible now; `GET /v1/calls/ID` shows the state of the conversation.",
    Refusal.UNKNOWN: "No such operator, language or topic; name an operator of operators.csv, a language of "
    "the site, a topic of the flow, or a supervisor.",
    Refusal.YOURSELF: "The operator already has this caller; name somebody else.",
    Refusal.AWAY: "None of them can take a call now; `hatif operators` shows who can.",
    Refusal.OUTSIDE: "Calls can only be transferred to operators of this site, never to an outside number.",
    Refusal.TOO_OFTEN: "This caller has been transferred too often; help them, or consult a colleague and stay on "
    "the line.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a request: exactly one is set. `supervisor`: any supervisor."""

    operator: str | None = None
    language: str | None = None
    topic: str | None = None
    supervisor: bool = False

    def __str__(self) -> str:
        return self.operator or self.language or self.topic or ("supervisor" if self.supervisor else "")


def target_from_digits(keys: str, languages: Sequence[str], topics: Sequence[str]) -> Target | Refusal:
    """Return the target that digits stand for.

    `00` is a supervisor, `0` and a digit a topic, one digit a language, more digits an operator. Topics and languages
    are numbered from 1, in the order of the flow and of the site. Anything that is not an operator's id counts as an
    outside number.
    """
    if not keys.isascii() or not keys.isdigit():
        return Refusal.UNKNOWN
    if keys == "00":
        return Target(supervisor=True)
    if len(keys) <= 2:
        names, number = (topics, int(keys[1])) if len(keys) == 2 and keys[0] == "0" else (languages, int(keys))
        if not 1 <= number <= len(names):
            return Refusal.UNKNOWN
        name = names[number - 1]
        return Target(topic=name) if names is topics else Target(language=name)
    return Target(operator=keys) if len(keys) <= 8 and keys[0] != "0" else Refusal.OUTSIDE


def candidates(
    target: Target,
    people: Collection[OperatorEntry],
    languages: Collection[str],
    topics: Collection[str],
    by: str | None,
) -> tuple[str, ...] | Refusal:
    """Return the operators that a target means, except the one who asks. They may all be absent."""
    if target.operator is not None:
        if target.operator == by:
            return Refusal.YOURSELF
        return (target.operator,) if any(person.id == target.operator for person in people) else Refusal.UNKNOWN
    if target.language is not None:
        if target.language not in languages:
            return Refusal.UNKNOWN
        # The best speaker first, if several are free.
        found = sorted(
            (person for person in people if target.language in person.languages),
            key=lambda person: -person.languages[target.language or ""],
        )
    elif target.topic is not None:
        if target.topic not in topics:
            return Refusal.UNKNOWN
        found = [person for person in people if not person.topics or target.topic in person.topics]
    elif target.supervisor:
        found = [person for person in people if person.supervisor]
    else:
        return Refusal.UNKNOWN
    return tuple(person.id for person in found if person.id != by) or Refusal.AWAY


def experts(topic: str | None, operator: str, people: Collection[OperatorEntry]) -> tuple[str, ...]:
    """Return who serves a topic that the operator does not, and can talk with that operator; the best match first.

    Nobody, if the operator serves the topic.
    """
    known = {person.id: person for person in people}
    own = known.get(operator)
    if topic is None or own is None or not own.topics or topic in own.topics:
        return ()

    def common_level(other: OperatorEntry) -> int:
        return max((min(level, own.languages.get(code, 0)) for code, level in other.languages.items()), default=0)

    found = [person for person in people if person.id != operator and (not person.topics or topic in person.topics)]
    return tuple(
        person.id for person in sorted(found, key=lambda person: -common_level(person)) if common_level(person)
    )
