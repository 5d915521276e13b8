"""Transfers as kept in a call's state: where a caller goes, who gets them back, and what they need. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routing.match import Step

MOST = 5
"""How many times a caller may be transferred within one call; it stops two telephones that forward to each other."""

TARGETS = 2
"""How many colleagues are tried, one after the other; the state of a call has no room for more."""

ANYBODY = "*"
"""In place of a colleague: any operator who matches the caller's language and topic."""

ANYBODY_S = 60.0
"""How long the caller waits for such an operator."""

BUSY_S = 30.0
"""The time that the caller waits for a colleague who is in a call or wraps up."""

BACK_S = 30.0
"""The time that the caller then waits for the operator who made the transfer, before others may get them."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer in progress, and how many there have been.

    Attributes:
        to: The colleagues still to be tried, in order.
        by: The operator who made the transfer, as long as they may get the caller back.
        at: Since when the caller has been waiting for the first colleague (POSIX seconds).
        count: How many times the caller has been transferred.
    """

    to: tuple[str, ...] = ()
    by: str | None = None
    at: float = 0.0
    count: int = 0

    @property
    def pending(self) -> bool:
        """Whether the caller is still waiting for somebody because of a transfer."""
        return bool(self.to) or self.by is not None

    def encode(self) -> str | None:
        """Return the transfer as stored in the call's state; None if there never was one."""
        if self == Transfer():
            return None
        return f"{'.'.join(self.to[:TARGETS])}:{self.by or ''}:{int(self.at)}:{self.count}"

    @classmethod
    def decode(cls, text: str | None) -> "Transfer":
        """Return the transfer in `text`; one without any content if it cannot be read."""
        try:
            to, by, at, count = (text or "").split(":")
            return cls(tuple(filter(None, to.split("."))), by or None, float(int(at)), int(count))
        except (ValueError, OverflowError):
            return cls()

    def without(self, operator: str, now: float) -> "Transfer":
        """Return the transfer after that operator did not take the caller: now it is the next one's turn."""
        if self.to and operator in self.to:
            return replace(self, to=tuple(name for name in self.to if name != operator), at=float(int(now)))
        return replace(self, by=None) if operator == self.by else self

    def hand_on(self, to: tuple[str, ...], by: str, now: float) -> "Transfer":
        """Return another transfer of the caller."""
        return Transfer(to[:TARGETS], by, float(int(now)), min(self.count + 1, 9))

    def complete(self) -> "Transfer":
        """Return the transfer after somebody took the caller: only the count remains."""
        return Transfer(count=self.count)


def transfer_steps(
    transfer: Transfer, usual: Sequence[Step], speaks: Mapping[str, Mapping[str, int]]
) -> tuple[Step, ...]:
    """Return what the caller needs from `transfer.at` on: the colleague, then the operator who made the transfer, then
    the usual steps.

    A colleague chosen by name need not speak the caller's language. `speaks`: by operator, their languages and levels.
    """
    usual = tuple(usual)
    found: list[Step] = []
    named = [(name, ANYBODY_S if name == ANYBODY else BUSY_S) for name in transfer.to]
    for operator, patience in (*named, *(((transfer.by, BACK_S),) if transfer.by else ())):
        if operator == ANYBODY:
            # Not only the operator of the caller's case, and never the one who made the transfer and would get them
            # back at once.
            step = next(step for step in usual if step.operator is None)
            found.append(replace(step, patience=patience, excluded_operator=transfer.by))
        elif languages := speaks.get(operator):
            language = usual[0].language if usual[0].language in languages else next(iter(languages))
            found.append(Step(language, operator=operator, patience=patience))
    return (*found, *usual)
