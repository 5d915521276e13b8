"""Commands that show what is known of callers: that somebody has read it is on record before it is shown.

It is the audit's record that the desk makes too (`db.traces`), by the user of the machine. Nobody is asked why: whoever
may run a command could read the database itself.
"""

from typing import Any

from cli.composition import Composition, ControlError, account
from cli.output import errors
from db.journal import Journal
from db.traces import Read, Trace, write
from office.delivery import deliver_unless_served

REASON = "command"
"""Why, as the audit has it."""


def put_on_record(
    parts: Composition, act: Read, about: str | None = None, /, *, needed: bool = True, **data: Any
) -> None:
    """Put on record that the user of this command reads about callers. Not for use in a running loop.

    Args:
        about: As in the audit, such as `case:100000017`.
        needed: Whether nothing is shown without it; otherwise it is said, and the command goes on. What takes the
            whole database finds the journal as it was.

    Raises:
        ControlError: The journal cannot be written.
    """
    folder = parts.settings.journal
    journal = Journal(folder, parts.site.node, checked=False)
    is_written = write(journal, Trace(account(), act, about, REASON, data=_without_nothing(data)))
    journal.close()
    if is_written:
        if needed:
            deliver_unless_served(folder, parts.database_url)
        return
    why = f"the journal {folder} cannot be written: make room on its disk, or mend its rights."
    if needed:
        raise ControlError(f"Nothing is shown: that you read it is kept in the audit, and {why}")
    errors.print(f"hatif: that you take this is not in the audit: {why}", markup=False, soft_wrap=True)


def _without_nothing(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value not in (None, "", False)}
