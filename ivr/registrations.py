"""Whether a telephone that registers has started anew, and so knows nothing of the call that rings it.

A telephone registers with one Call-ID for as long as its program runs (RFC 3261, 10.2). Asterisk's list of contacts has
the one of a contact's first registration, whatever comes later, and no event of the registrar has any. But each proof
of a password has the Call-ID of its request, and the copies of SIP messages tell which of these were registrations.

Some telephones take a new Call-ID for each registration. For them it proves nothing when a refresh was due, nor once
they have done so several times.
"""

from collections.abc import Callable
from dataclasses import dataclass

_DUE = 0.4
"""No telephone refreshes its registration before this share of its lifetime; from half of it on, some do."""

_HABIT = 4
"""So many new Call-IDs in a row are a habit and no crashes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A request whose password was right. `address`: where it came from, in Asterisk's words; `at`: by the monotonic
    clock."""

    operator: str
    call_id: str
    address: str
    at: float


@dataclass(frozen=True, slots=True)
class _Registration:
    proof: Proof
    lifetime_s: float
    kept: bool  # it has the Call-ID of the one before
    changes: int  # new Call-IDs in a row, from this address


class Registrations:
    """The last registration of each operator; `lifetime(call_id)` in seconds, None for what is no registration."""

    def __init__(self, lifetime: Callable[[str], float | None]) -> None:
        self._lifetime = lifetime
        self._last: dict[str, _Registration] = {}

    def started_anew(self, proof: Proof) -> bool:
        """Take note of a proof, and return whether it shows a new start at the same address.

        The address tells the telephone that rings from another one with the same password.
        """
        lifetime = self._lifetime(proof.call_id)
        if lifetime is None:
            return False
        before = self._last.get(proof.operator)
        here = before if before is not None and before.proof.address == proof.address else None
        kept = here is not None and here.proof.call_id == proof.call_id
        changes = 0 if here is None or kept else here.changes + 1
        self._last[proof.operator] = _Registration(proof, lifetime, kept, changes)
        if here is None or kept:
            return False
        early = proof.at - here.proof.at < _DUE * here.lifetime_s
        return here.kept or (early and changes < _HABIT)
