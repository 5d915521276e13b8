"""The cases that calls have opened lately, so that a page that asks for one at the answer has it at once."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

MOST = 1000
"""How many are remembered while nobody asks for any."""

NEW_S = 2.0
"""For this time after its opening, only this controller can have changed a case: nobody else has its reference yet."""


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """The columns with which a case was opened, the number of its journal record, and when (`time.monotonic`)."""

    columns: Mapping[str, object]
    seq: int
    at: float

    @property
    def is_new(self) -> bool:
        """Whether the database cannot know more of it than this controller."""
        return time.monotonic() < self.at + NEW_S


class OpenedCases:
    """The latest cases by reference, until the database has them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._opened: OrderedDict[str, OpenedCase] = OrderedDict()

    def put(self, reference: str, columns: Mapping[str, object], seq: int) -> None:
        """Remember a case; the oldest one is forgotten if there are too many."""
        self._opened[reference] = OpenedCase(columns, seq, time.monotonic())
        self._opened.move_to_end(reference)
        if len(self._opened) > self._most:
            self._opened.popitem(last=False)

    def get(self, reference: str) -> OpenedCase | None:
        """Return a case that was opened lately."""
        return self._opened.get(reference)

    def forget(self, delivered: int) -> None:
        """Forget the cases that the database has: their records up to the number `delivered`."""
        while self._opened and next(iter(self._opened.values())).seq <= delivered:
            self._opened.popitem(last=False)
