"""The records of what people have read. They go into the journal, as the line's own do, and need no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.journal import Journal
from desk.control import actor_of


@dataclass(frozen=True, slots=True)
class Trace:
    """Who has read what. `about`: such as `case:100000017`; `call`: their own call, for which they did."""

    by: str
    act: str
    about: str | None
    reason: str | None
    call: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Traces:
    """Writes traces to the journal in a folder. Without one, nothing can be written."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal

    def write(self, trace: Trace) -> bool:
        """Write a trace; return whether it is on the disk. One that is not yet follows once the disk can be written."""
        if self._journal is None:
            return False
        self._journal.put(
            "audit",
            by=actor_of(trace.by),
            act=trace.act,
            about=trace.about,
            reason=trace.reason,
            call_id=_call(trace.call),
            data=dict(trace.data),
        )
        self._journal.flush()
        return self._journal.waiting == 0

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


def _call(identity: str | None) -> UUID | None:
    try:
        return UUID(identity) if identity else None
    except ValueError:  # of a call that has no row
        return None
