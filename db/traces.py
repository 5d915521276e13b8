"""The records of what people read about callers, made in one way by the desk and by commands. They go into a journal,
as the line's own do, so that they need no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from db.ids import parse_id
from db.journal import Journal


class Read(StrEnum):
    """The acts of reading, as the audit has them."""

    CASE = "read_case"
    CALLER = "read_caller"
    CALL = "read_call"
    SEARCH = "read_search"
    """For cases: `terms` of its data as typed, and `cases`, which it showed."""
    MESSAGE = "read_message"
    RECORDING = "recording_heard"
    """Its `call_id` is the recorded call."""
    LIST = "read_list"
    """That names callers. The record says which list, with which filter and how long, and not whom it named."""
    EXPORT = "read_export"
    PAUSED = "read_paused"


@dataclass(frozen=True, slots=True)
class Trace:
    """Who has read what. `by`: as in the audit; `about`: such as `case:100000017`; `call`: their own, for which they
    did."""

    by: str
    act: Read
    about: str | None = None
    reason: str | None = None
    call: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def write(journal: Journal, trace: Trace) -> bool:
    """Write a trace; return whether it is on the disk. One that is not yet follows once the disk can be written."""
    journal.put(
        "audit",
        by=trace.by,
        act=trace.act.value,
        about=trace.about,
        reason=trace.reason,
        call_id=parse_id(trace.call),
        data=dict(trace.data),
    )
    journal.flush()
    return journal.waiting == 0
