"""The keys that a caller has pressed and nothing has used yet, and which of them cannot be meant for a question."""

import asyncio
import math
from collections import deque

AFTER_RESTART_S = 0.8
"""When a question is repeated after a restart, keys within this time of its start, or of the previous such key, belong
to the earlier entry, whose first keys were lost while there was no controller."""

TYPED_AHEAD_S = 0.5
"""A key released within this time of a prompt's start counts as typed ahead: nobody has understood the question yet."""

_HASH_S = 3.0
"""A # within this time of the last digit of a complete entry still belongs to that entry."""


class Keys(deque[str]):
    """A caller's keys, the oldest first. `lost`: some may be missing, so the next question starts over."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False
        self._hash_until = -math.inf

    def take(self) -> str | None:
        """Take the oldest key; None if there is none. A # that still belongs to an entry is dropped."""
        while self:
            key = self.popleft()
            late_hash = key == "#" and asyncio.get_running_loop().time() < self._hash_until
            self._hash_until = -math.inf
            if not late_hash:
                self.lost = False
                return key
        return None

    def entry_complete(self) -> None:
        """Note that an entry ended by its length, after which many press # all the same."""
        self._hash_until = asyncio.get_running_loop().time() + _HASH_S

    def begin_question(self, *, fresh: bool, early_s: float = 0.0) -> float:
        """Discard the keys that cannot be meant for a question that begins now.

        Return for how long further keys come too early for it: `early_s` if it must be `fresh`, longer after a restart.
        """
        lost, self.lost = self.lost, False
        if fresh or lost:
            self.clear()
        return AFTER_RESTART_S if lost else early_s if fresh else 0.0

    def drop_early(self, until: float, early_s: float) -> float:
        """Drop keys that came before `until` (by the loop's clock) and return the new value of `until`.

        After a restart, callers may finish an entry they had begun: each such key extends the time.
        """
        now = asyncio.get_running_loop().time()
        if now >= until or not self:
            return until
        self.clear()
        return now + early_s if early_s == AFTER_RESTART_S else until
