"""Who may supervise whom, at this moment. Said in the same words by telephone and in writing."""

from collections.abc import Mapping, Sequence

from ivr.operators import OperatorEntry
from routing.states import Operator, OperatorState

WRITTEN = {
    "supervision_not_allowed": "Only a supervisor may do this; operators.csv says who is one.",
    "supervision_unknown": "There is no such operator; `hatif operators` lists them.",
    "supervision_self": "Nobody supervises himself; name another operator.",
    "supervision_not_talking": "The operator is not in a conversation; try again when `hatif operators` says talking.",
}
"""A refusal by the id of its text."""


def why_not(
    people: Sequence[OperatorEntry], floor: Mapping[str, Operator], supervisor: OperatorEntry, operator: str
) -> str | None:
    """The id of the text that says why `supervisor` may not hear `operator` now; None if he may."""
    if not supervisor.supervisor:
        return "supervision_not_allowed"
    if all(each.id != operator for each in people):
        return "supervision_unknown"
    if operator == supervisor.id:
        return "supervision_self"
    return None if leg_of(floor, operator) is not None else "supervision_not_talking"


def leg_of(floor: Mapping[str, Operator], operator: str) -> str | None:
    """The channel on which the operator talks, also as a colleague in another one's conversation."""
    known = floor.get(operator)
    return known.offer if known is not None and known.state is OperatorState.TALKING else None
