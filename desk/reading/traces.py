"""The desk's journal of what people have read."""

from dataclasses import replace

from db.journal import Journal
from db.traces import Trace, write
from desk.control import actor_of


class Traces:
    """Writes traces to the journal in a folder. Without one, nothing can be written."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal

    def write(self, trace: Trace) -> bool:
        """Write a trace, `by` an account; return whether it is on the disk."""
        return self._journal is not None and write(self._journal, replace(trace, by=actor_of(trace.by)))

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
