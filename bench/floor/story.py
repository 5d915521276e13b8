"""Counts of acts and faults while the floor is at work."""

import time
from collections import Counter
from dataclasses import dataclass, field

AWAY_S = 30.0
"""The time after Asterisk was killed until it is back, and the end of every call has been noticed."""


@dataclass(slots=True)
class Story:
    """`acts`: counts by act, then outcome. `wrong`: faults, each as a line with its time (UTC)."""

    acts: dict[str, Counter[str]] = field(default_factory=dict)
    callers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost_at: dict[str, list[int]] = field(default_factory=dict)  # by caller's number: ns when the operator vanished
    kills: list[int] = field(default_factory=list)  # ns; of the controller
    asterisk_killed: int | None = None  # ns
    excused: list[str] = field(default_factory=list)  # faults while there was no Asterisk
    dialled: int = 0
    answered: int = 0

    def did(self, act: str, how: str = "done") -> None:
        self.acts.setdefault(act, Counter())[how] += 1

    def fault(self, what: str) -> None:
        """Record a fault; excused while Asterisk is down or coming back."""
        line = f"{time.strftime('%H:%M:%S', time.gmtime())} {what}"
        (self.excused if self.asterisk_is_away() else self.wrong).append(line)

    def asterisk_is_away(self) -> bool:
        return self.asterisk_killed is not None and time.time_ns() - self.asterisk_killed < AWAY_S * 1_000_000_000
