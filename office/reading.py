"""Reading what is known of callers: it is on record before it is shown, whichever way it is asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from db.case_files import File
from db.journal import Journal
from db.traces import Read, Trace, write
from office.context import Office
from office.people import Actor
from wire.errors import UserError


class NotOnRecordError(UserError):
    """Something is not shown, since the record that it was read cannot be written."""

    def __init__(self, journal: Journal | None) -> None:
        where = f"the journal {journal.file.parent}" if journal is not None else "the journal"
        super().__init__(
            f"Nothing is shown: that you read it is kept in the audit, and {where} cannot be written: make room on its "
            "disk, or mend its rights."
        )


@dataclass(frozen=True, slots=True)
class Why:
    """Why somebody reads something: `call`, `task`, or what they have said. `needed`: whether nothing is shown unless
    that is on the disk; otherwise it follows once the disk can be written."""

    reason: str
    call: str | None = None
    task: str | None = None
    needed: bool = True

    @property
    def key(self) -> str:
        return ":".join(filter(None, (self.reason, self.call, self.task)))


class Reading(Protocol):
    """What a page, or a command, knows about why its person reads."""

    async def why(self, file: File | None) -> Why | None:
        """Return why they read it; None if that is part of an act that is on record. Raises where it is not shown.

        `file`: the case, if that is what they read.
        """
        ...

    def recorded(self, shown: Collection[str]) -> None:
        """Note that it is on record. `shown`: the references of the cases that were found."""
        ...


class ByCommand:
    """A command: nobody is asked why, since whoever runs it could read the database itself."""

    async def why(self, file: File | None) -> Why | None:
        return Why("command")

    def recorded(self, shown: Collection[str]) -> None:
        """Nothing follows from it."""


class Unshown:
    """A change by a command, which shows no more than what it changes."""

    async def why(self, file: File | None) -> Why | None:
        return None

    def recorded(self, shown: Collection[str]) -> None:
        """Nothing follows from it."""


class PartOfList:
    """A part of a longer list, which is on record as a whole."""

    async def why(self, file: File | None) -> Why | None:
        return None

    def recorded(self, shown: Collection[str]) -> None:
        """Nothing follows from it."""


async def put_list_on_record(
    office: Office, actor: Actor, which: str, lines: int, reading: Reading, **chosen: Any
) -> None:
    """Put on record that somebody sees a list that names callers, if it has any lines: which and with which filter, and
    not whom it names.

    Raises NotOnRecordError, and what `reading` raises.
    """
    if lines and (why := await reading.why(None)) is not None:
        record(office, actor, Read.LIST, f"list:{which}", why, {"lines": lines, **chosen})
        reading.recorded(())


async def put_on_record(
    office: Office, actor: Actor, act: Read, about: str | None, reading: Reading, file: "File | None" = None
) -> None:
    """Put on record that somebody reads something, unless it is part of an act that is.

    Raises NotOnRecordError, and what `reading` raises.
    """
    why = await reading.why(file)
    if why is not None:
        record(office, actor, act, about, why, {})
        reading.recorded(())


def record(office: Office, actor: Actor, act: Read, about: str | None, why: Why, data: Mapping[str, Any]) -> None:
    """Write the record. Raises NotOnRecordError."""
    task = {"task": why.task} if why.task not in (None, about) else {}
    trace = Trace(actor.id, act, about, why.reason, why.call, {**data, **task})
    if (office.journal is None or not write(office.journal, trace)) and why.needed:
        raise NotOnRecordError(office.journal)
