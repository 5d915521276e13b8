"""To whom a caller goes on, and back to whom: what his call's state says of it, and what he then needs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routing.match import Step

MOST = 5
"""So often a caller may be handed on within one call: two telephones that forward to each other end here."""

TARGETS = 2
"""So many colleagues are tried, one after the other; the state of a call has room for no more."""

ANYBODY = "*"
"""In place of a colleague: whoever can be this caller's operator by language and topic."""

ANYBODY_S = 60.0
"""How long one of those is waited for."""

BUSY_S = 30.0
"""How long a colleague is waited for who talks or wraps up."""

BACK_S = 30.0
"""How long who made the transfer is insisted on, before anybody gets the caller."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`to`: the colleagues who are still to be tried, in order; `by`: who made it, as long as he may get the caller
    back; `at`: since when the first of them is waited for (POSIX seconds); `count`: how often he was handed on."""

    to: tuple[str, ...] = ()
    by: str | None = None
    at: float = 0.0
    count: int = 0

    @property
    def pending(self) -> bool:
        """Whether it is on its way, so that the caller waits for somebody because of it."""
        return bool(self.to) or self.by is not None

    def encode(self) -> str | None:
        """As it stands in the call's state; None for a caller whom nobody has handed on."""
        if self == Transfer():
            return None
        return f"{'.'.join(self.to[:TARGETS])}:{self.by or ''}:{int(self.at)}:{self.count}"

    @classmethod
    def decode(cls, text: str | None) -> "Transfer":
        """None there if it cannot be read."""
        try:
            to, by, at, count = (text or "").split(":")
            return cls(tuple(filter(None, to.split("."))), by or None, float(int(at)), int(count))
        except (ValueError, OverflowError):
            return cls()

    def without(self, operator: str, now: float) -> "Transfer":
        """That one does not take him: the next one is waited for from now on."""
        if self.to and operator in self.to:
            return replace(self, to=tuple(each for each in self.to if each != operator), at=float(int(now)))
        return replace(self, by=None) if operator == self.by else self

    def made(self, to: tuple[str, ...], by: str, now: float) -> "Transfer":
        """The caller is handed on, once more."""
        return Transfer(to[:TARGETS], by, float(int(now)), min(self.count + 1, 9))

    def taken(self) -> "Transfer":
        """Somebody has the caller; only the count stays."""
        return Transfer(count=self.count)


def steps(transfer: Transfer, usual: Sequence[Step], speaks: Mapping[str, Mapping[str, int]]) -> tuple[Step, ...]:
    """What the caller needs from `transfer.at` on: the colleague he was handed to, then who handed him on, then as
    usual. A colleague is named, so he need not speak the caller's language. `speaks`: the operators' languages and
    levels.
    """
    usual = tuple(usual)
    found: list[Step] = []
    named = [(each, ANYBODY_S if each == ANYBODY else BUSY_S) for each in transfer.to]
    for operator, patience in (*named, *(((transfer.by, BACK_S),) if transfer.by else ())):
        if operator == ANYBODY:
            # Not only he who has the caller's file, and never the one who handed him on: he would be back at once.
            usually = next(each for each in usual if each.operator is None)
            found.append(replace(usually, patience=patience, excluded_operator=transfer.by))
        elif languages := speaks.get(operator):
            language = usual[0].language if usual[0].language in languages else next(iter(languages))
            found.append(Step(language, operator=operator, patience=patience))
    return (*found, *usual)
