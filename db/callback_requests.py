"""A wish to be called back, as it stands in the table `callback`. Plain: nothing of SQLAlchemy is loaded for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose controller is at a wish: a node, and one start of its controller."""

    node: str
    boot: UUID


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """`kind` and `state` are words of `db.enums`; `number` is E.164. `due`: not before; None: nothing has happened yet
    that he is to be told. `first_due`: what `due` was before it was put off, None: it was not. `file_changed`: when the
    state of its file changed last, where it is about one."""

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
    file_changed: datetime | None = None


CHANGING = (
    "state", "operator_id", "due", "first_due", "tries", "tried", "dialled_call_id", "reason", "ended",
    "case_reference",
)  # fmt: skip
"""The columns that a step may change, besides the claim."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """How often was dialled since some instant: by number, and all together."""

    numbers: dict[str, int]
    total: int

    def of(self, number: str) -> int:
        return self.numbers.get(number, 0)
