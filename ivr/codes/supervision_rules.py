"""Whether a supervisor may supervise an operator at this moment: one rule for the telephone and the control API."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ivr.site.operators import OperatorEntry
from routing.states import Operator, OperatorState


class Refusal(StrEnum):
    """Why a supervision is refused. The value is the id of the text that the supervisor hears."""

    NOT_ALLOWED = "supervision_not_allowed"
    UNKNOWN = "supervision_unknown"
    YOURSELF = "supervision_self"
    NOT_TALKING = "supervision_not_talking"


SENTENCES: Mapping[Refusal, str] = {
    Refusal.NOT_ALLOWED: "Only a supervisor may do this; operators.csv says who is one.",
    Refusal.UNKNOWN: "There is no such operator; `hatif operators` lists them.",
    Refusal.YOURSELF: "You cannot supervise yourself; name another operator.",
    Refusal.NOT_TALKING: "The operator is not in a conversation; try again when `hatif operators` says talking.",
}


def why_not(
    people: Sequence[OperatorEntry], floor: Mapping[str, Operator], supervisor: OperatorEntry, operator: str
) -> Refusal | None:
    """Return why `supervisor` may not hear `operator` now; None if they may."""
    if not supervisor.supervisor:
        return Refusal.NOT_ALLOWED
    if all(person.id != operator for person in people):
        return Refusal.UNKNOWN
    if operator == supervisor.id:
        return Refusal.YOURSELF
    return None if leg_of(floor, operator) is not None else Refusal.NOT_TALKING


def leg_of(floor: Mapping[str, Operator], operator: str) -> str | None:
    """Return the channel on which the operator talks, also as a colleague in another operator's conversation."""
    known = floor.get(operator)
    return known.offer if known is not None and known.state is OperatorState.TALKING else None
