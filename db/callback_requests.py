"""Callback requests as plain data, as in the table `callback`. Does not import SQLAlchemy, which is slow to load."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

NOT_ASKED = "the person who was called had not asked for it"
"""The reason of a request that ended so: whoever made it was somebody else."""

CUT_OFF = "Asterisk ended during the call"
"""The reason of a request that no caller has made: their call was cut off while they waited or talked."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The controller that works on a request: a node, and one start of its controller."""

    node: str
    boot: UUID


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A caller's request to be called back.

    `kind` and `state`: values of `db.enums`. `number`: E.164. `asked_by`: the number that it was made from. `wished`:
    when it was made. `due`: the earliest time to call; None: there is no news for the caller yet. `first_due`: `due`
    before it was postponed; None: it was not. `file_changed`: when the state of its case file last changed, if it is
    about one; `pin_given`: when that file got its present PIN.
    """

    id: UUID
    node: str
    kind: str
    state: str
    number: str
    wished: datetime
    call_id: UUID | None = None
    case_reference: str | None = None
    country: str | None = None
    language: str | None = None
    topic: str | None = None
    operator_id: str | None = None
    priority: int = 0
    waiting_since: datetime | None = None
    due: datetime | None = None
    tries: int = 0
    tried: datetime | None = None
    dialled_call_id: UUID | None = None
    reason: str | None = None
    ended: datetime | None = None
    claim: Claim | None = None
    first_due: datetime | None = None
    asked_by: str | None = None
    file_changed: datetime | None = None
    pin_given: datetime | None = None

    @property
    def cut_off(self) -> bool:
        """Whether it was made for a caller whose call was cut off."""
        return self.reason is not None and self.reason.startswith(CUT_OFF)

    @property
    def at_once(self) -> bool:
        """Whether it was due when it was made. One about a case file usually waits until that has changed."""
        first = self.first_due or self.due
        return first is not None and first <= self.wished


CHANGING = (
    "state", "operator_id", "due", "first_due", "tries", "tried", "dialled_call_id", "reason", "ended",
    "case_reference",
)  # fmt: skip
"""The columns that a step may change, in addition to the claim."""


@dataclass(frozen=True, slots=True)
class DialCounts:
    """How often numbers were dialled since some instant: by number, and in total.

    `seconds`: how long the calls with each number took, if that was asked for.
    """

    numbers: dict[str, int]
    total: int
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, number: str) -> int:
        return self.numbers.get(number, 0)

    def in_country(self, has: Callable[[str], bool]) -> tuple[int, float]:
        """Return how many calls went to the numbers that a country has, and how many seconds they took."""
        calls = sum(times for number, times in self.numbers.items() if has(number))
        return calls, sum(seconds for number, seconds in self.seconds.items() if has(number))


@dataclass(frozen=True, slots=True)
class CountryLimit:
    """How many calls may go to a country, and how many seconds they may take; None: any.

    `has`: whether a number (E.164) is one of that country.
    """

    calls: int | None
    seconds: float | None
    has: Callable[[str], bool]

    def is_reached(self, dialled: DialCounts) -> bool:
        calls, seconds = dialled.in_country(self.has)
        return (self.calls is not None and calls >= self.calls) or (
            self.seconds is not None and seconds >= self.seconds
        )
