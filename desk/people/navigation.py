"""The desk's pages, as the bar at the top shows them to whoever may open them."""

from collections.abc import Sequence
from dataclasses import dataclass

from desk.page.texts import N_
from desk.people.accounts import Person
from desk.people.policy import Permission, may


@dataclass(frozen=True, slots=True)
class Entry:
    """A page, with the icon and the words that lead to it."""

    path: str
    icon: str
    words: str
    permission: Permission


ENTRIES = (
    Entry("/shift", "telephone", N_("Calls"), Permission.TAKE_CALLS),
    Entry("/amend", "book", N_("Guide"), Permission.SUPERVISE),
    Entry("/board", "board", N_("Wallboard"), Permission.SUPERVISE),
    Entry("/supervise", "ear", N_("Supervision"), Permission.SUPERVISE),
    Entry("/recordings", "record", N_("Recordings"), Permission.SUPERVISE),
    Entry("/roster", "calendar", N_("Shifts"), Permission.TAKE_CALLS),
    Entry("/reports", "chart", N_("Reports"), Permission.SUPERVISE),
    Entry("/staffing", "people", N_("Staffing"), Permission.SUPERVISE),
    Entry("/try", "play", N_("Try the line"), Permission.TRY_LINE),
    Entry("/site", "pencil", N_("Administration"), Permission.ADMINISTER),
    Entry("/people", "people", N_("People"), Permission.ADMINISTER),
)


def entries_of(person: Person, has_try: bool) -> Sequence[Entry]:
    """Return the pages that a person may open; none if it is only one, since they are on it.

    Args:
        has_try: Whether the site lets people try the line.
    """
    found = [entry for entry in ENTRIES if may(person, entry.permission) and (has_try or entry.path != "/try")]
    return found if len(found) > 1 else ()
