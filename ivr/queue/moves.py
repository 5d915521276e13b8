"""Moves of waiting callers by supervisors: to the front, to another language or topic, to one operator. Pure.

A move is kept in the call's state, so that a restart goes on with it; another one is added to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from routing.match import Step
from routing.policy import Policy, usual_steps

FRONT = 100
"""The priority of a caller at the front; a flow gives 10 at most."""

OPERATOR_S = 120.0
"""How long the caller then waits for the operator, before anybody who speaks their language may take them."""


@dataclass(frozen=True, slots=True)
class Move:
    """A supervisor's changes for a waiting caller, who hears their own language as before.

    `at`: when they were moved to another place than the front (POSIX seconds), from which on their steps count.
    """

    front: bool = False
    language: str | None = None
    operator: str | None = None
    at: float = 0.0

    def encode(self) -> str | None:
        """Return the move as stored in the call's state; None if there is none."""
        if self == Move():
            return None
        if self == Move(front=True):
            return "1"  # beside a transfer, which needs the room
        at = f"{int(self.at)}" if self.at else ""
        return f"{'1' if self.front else ''}:{self.language or ''}:{self.operator or ''}:{at}"

    @classmethod
    def decode(cls, text: str | None) -> "Move":
        """Return the move in `text`; none if it cannot be read."""
        if text == "1":
            return cls(front=True)
        try:
            front, language, operator, at = (text or "").split(":")
            return cls(front == "1", language or None, operator or None, float(int(at or "0")))
        except (ValueError, OverflowError):
            return cls()

    def and_then(self, later: "Move", topic: str | None, now: float) -> "Move":
        """Return both moves. A later language, topic or operator ends an earlier operator's."""
        if later.front and later.operator is None and later.language is None and topic is None:
            return replace(self, front=True)
        return Move(self.front or later.front, later.language or self.language, later.operator, float(int(now)))


def moved_steps(
    move: Move,
    language: str,
    level: int,
    topic: str | None,
    preferred: str | None,
    policy: Policy,
    speaks: Mapping[str, Mapping[str, int]],
) -> tuple[Step, ...]:
    """Return what a caller needs after a move. `speaks`: by operator, their languages and levels."""
    wanted = move.language or language
    # The operator of their case need not speak the other language.
    usual = usual_steps(wanted, level, topic, preferred if move.language is None else None, policy)
    languages = speaks.get(move.operator or "")
    if not languages:
        return usual
    known = next((code for code in (wanted, language) if code in languages), next(iter(languages)))
    return (Step(known, operator=move.operator, patience=OPERATOR_S), *usual)
