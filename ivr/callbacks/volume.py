"""How many operators may call back at once, and which requests a limit holds back. docs/limits.md has the rules."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from db.callback_requests import CallbackRequest
from db.callback_states import AT_WORK
from db.enums import CallbackKind
from ivr.records.limit_counts import Limit, LimitCounts
from ivr.site.callback_rules import Not, is_share_taken

_COUNTED = {
    Not.LIMIT_NUMBER: Limit.OUTGOING_NUMBER,
    Not.LIMIT_DAY: Limit.OUTGOING_DAY,
    Not.LIMIT_COUNTRY: Limit.OUTGOING_COUNTRY,
    Not.SHARE: Limit.CALLBACKS_SHARE,
}


class Duty(Protocol):
    """The operators on duty, known to `ivr.callbacks.callback_connection`."""

    @property
    def operators_on_duty(self) -> int: ...


class Volume:
    """The limits of one connection's dispatcher. `share`: of the operators on duty, at most so many call back."""

    def __init__(self, duty: Duty, share: float, counts: LimitCounts) -> None:
        self._duty, self._share, self._counts = duty, share, counts
        self._elsewhere = 0
        self._held: dict[UUID, Not] = {}

    def look(self, requests: Sequence[CallbackRequest], ours: Collection[str]) -> None:
        """Take note of the pending requests; `ours`: the ids of those that an attempt here works on."""
        self._elsewhere = sum(
            request.state in AT_WORK and request.kind != CallbackKind.CASE and str(request.id) not in ours
            for request in requests
        )
        pending = {request.id for request in requests}
        self._held = {identity: why for identity, why in self._held.items() if identity in pending}

    def connected(self) -> None:
        """Take note that an attempt has become a conversation, which the database shows at the next look."""
        self._elsewhere += 1

    def is_full(self, attempts: int) -> bool:
        """Return whether no further operator may call back now; `attempts`: how many do by attempts of ours.

        One may always.
        """
        return is_share_taken(self._share, self._elsewhere + attempts, self._duty.operators_on_duty)

    def note(self, request: CallbackRequest, why: Not | None) -> None:
        """Count a request that a limit holds back, once as long as it does."""
        if why not in _COUNTED:
            self._held.pop(request.id, None)
        elif self._held.get(request.id) is not why:
            self._held[request.id] = why
            self._counts.reach(_COUNTED[why])
