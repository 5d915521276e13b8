"""What an operator wishes of his conversation, by whatever way, and why it may not be. Pure."""

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
    ATTACH = "attach"  # the operator's other line is still there, after a restart
    LINE_GONE = "line_gone"  # and now it is not


ASKS = frozenset({Act.TRANSFER, Act.CONSULT, Act.INTERPRETER})
"""Those that need to know who."""

OF_LINES = frozenset({Act.ATTACH, Act.LINE_GONE})
"""Those that nobody asks for: another line of the operator's telephone says them."""


class Refusal(StrEnum):
    """Why not. The value is the text that the operator hears."""

    NOT_NOW = "talk_not_now"
    UNKNOWN = "talk_unknown"
    YOURSELF = "talk_yourself"
    AWAY = "talk_away"
    OUTSIDE = "talk_outside"
    TOO_OFTEN = "talk_too_often"


SENTENCES: Mapping[Refusal, str] = {
    Refusal.NOT_NOW: "That cannot be done now; `GET /v1/calls/ID` says where the conversation stands.",
    Refusal.UNKNOWN: "There is no such operator, language or topic; name an operator of operators.csv, a language of "
    "the site, a topic of the flow, or a supervisor.",
    Refusal.YOURSELF: "The operator has this caller already; name somebody else.",
    Refusal.AWAY: "Nobody of those is there to take a call; `hatif operators` says who is.",
    Refusal.OUTSIDE: "Calls are handed to operators of this site only, never to a number outside.",
    Refusal.TOO_OFTEN: "This caller has been handed on too often; help him, or ask a colleague and stay on the line.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Whom or what: exactly one is given. `supervisor`: any supervisor."""

    operator: str | None = None
    language: str | None = None
    topic: str | None = None
    supervisor: bool = False

    def __str__(self) -> str:
        return self.operator or self.language or self.topic or ("supervisor" if self.supervisor else "")


def from_keys(keys: str, languages: Sequence[str], topics: Sequence[str]) -> Target | Refusal:
    """What digits stand for: `00` a supervisor, `0` and a digit a topic, one digit a language, more an operator.

    Both are counted from 1, in the order of the site and of the flow. What is no operator's id is a number outside.
    """
    if not keys.isascii() or not keys.isdigit():
        return Refusal.UNKNOWN
    if keys == "00":
        return Target(supervisor=True)
    if len(keys) <= 2:
        names, place = (topics, int(keys[1])) if len(keys) == 2 and keys[0] == "0" else (languages, int(keys))
        if not 1 <= place <= len(names):
            return Refusal.UNKNOWN
        name = names[place - 1]
        return Target(topic=name) if names is topics else Target(language=name)
    return Target(operator=keys) if len(keys) <= 8 and keys[0] != "0" else Refusal.OUTSIDE


def candidates(
    target: Target,
    people: Collection[OperatorEntry],
    languages: Collection[str],
    topics: Collection[str],
    by: str | None,
) -> tuple[str, ...] | Refusal:
    """The operators that are meant, without the one who asks. Nobody of them may be there."""
    if target.operator is not None:
        if target.operator == by:
            return Refusal.YOURSELF
        return (target.operator,) if any(each.id == target.operator for each in people) else Refusal.UNKNOWN
    if target.language is not None:
        if target.language not in languages:
            return Refusal.UNKNOWN
        # Who speaks it best comes first, should several be free.
        found = sorted(
            (each for each in people if target.language in each.languages),
            key=lambda each: -each.languages[target.language or ""],
        )
    elif target.topic is not None:
        if target.topic not in topics:
            return Refusal.UNKNOWN
        found = [each for each in people if not each.topics or target.topic in each.topics]
    elif target.supervisor:
        found = [each for each in people if each.supervisor]
    else:
        return Refusal.UNKNOWN
    return tuple(each.id for each in found if each.id != by) or Refusal.AWAY


def experts(topic: str | None, operator: str, people: Collection[OperatorEntry]) -> tuple[str, ...]:
    """Who serves the topic beside an operator who does not, and can talk with him: who does that best comes first.
    Nobody, where he serves it himself."""
    known = {each.id: each for each in people}
    own = known.get(operator)
    if topic is None or own is None or not own.topics or topic in own.topics:
        return ()

    def together(other: OperatorEntry) -> int:
        return max((min(level, own.languages.get(code, 0)) for code, level in other.languages.items()), default=0)

    found = [each for each in people if each.id != operator and (not each.topics or topic in each.topics)]
    return tuple(each.id for each in sorted(found, key=lambda each: -together(each)) if together(each))
