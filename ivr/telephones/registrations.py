"""Whether a telephone that registers has been restarted, and so knows nothing of the call that rings it.

A telephone registers with one Call-ID for as long as its program runs (RFC 3261, 10.2). Asterisk's list of contacts
keeps the Call-ID of a contact's first registration, and the registrar's events have none. But each proof of a password
has the Call-ID of its request, and the copies of SIP messages show which of these requests were registrations.

Some telephones take a new Call-ID for each registration. For them a new one proves nothing when a refresh was due, nor
after they have done so several times.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ivr.model.endpoints import operator_of

_DUE = 0.4
"""No telephone refreshes its registration before this share of its lifetime; some do from half of it on."""

_HABIT = 4
"""This many new Call-IDs in a row are a habit of the telephone, not crashes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A request with the right password.

    Attributes:
        address: Where it came from, as Asterisk writes it.
        at: On the monotonic clock.
    """

    endpoint: str
    call_id: str
    address: str
    at: float

    @property
    def operator(self) -> str:
        return operator_of(self.endpoint)


@dataclass(frozen=True, slots=True)
class _Registration:
    proof: Proof
    lifetime_s: float
    kept: bool  # it has the same Call-ID as the one before
    changes: int  # new Call-IDs in a row, from this address


class Registrations:
    """The last registration of each telephone.

    Args:
        lifetime: Returns the lifetime of a registration by its Call-ID, in seconds; None for any other request.
    """

    def __init__(self, lifetime: Callable[[str], float | None]) -> None:
        self._lifetime = lifetime
        self._last: dict[str, _Registration] = {}

    def restarted(self, proof: Proof) -> bool:
        """Store a proof, and return whether it shows that the telephone at its address has been restarted.

        The address distinguishes the telephone that rings from another one with the same password.
        """
        lifetime = self._lifetime(proof.call_id)
        if lifetime is None:
            return False
        before = self._last.get(proof.endpoint)
        same = before if before is not None and before.proof.address == proof.address else None
        kept = same is not None and same.proof.call_id == proof.call_id
        changes = 0 if same is None or kept else same.changes + 1
        self._last[proof.endpoint] = _Registration(proof, lifetime, kept, changes)
        if same is None or kept:
            return False
        early = proof.at - same.proof.at < _DUE * same.lifetime_s
        return same.kept or (early and changes < _HABIT)
