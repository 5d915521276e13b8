"""What was done and what went wrong, counted while the floor is at work."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Story:
    """`acts`: by what was done, then how it went. `wrong`: what must not be, each as a line with its time (UTC)."""

    acts: dict[str, Counter[str]] = field(default_factory=dict)
    callers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost_at: dict[str, list[int]] = field(default_factory=dict)  # by caller's number: ns at which his operator vanished
    kills: list[int] = field(default_factory=list)  # ns
    dialled: int = 0
    answered: int = 0

    def did(self, act: str, how: str = "done") -> None:
        self.acts.setdefault(act, Counter())[how] += 1

    def fault(self, what: str) -> None:
        self.wrong.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {what}")
