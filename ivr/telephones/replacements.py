"""Telephones that took another one's place: two that register with one operator's password.

The registrar keeps the newest one. That is right for a telephone that was exchanged or has a new address. Where the
one that was replaced comes back, both are alive, and calls ring now here, now there: somebody has to switch one off.
A call that is up, or rings, stays where it is.
"""

import re
import time
from dataclasses import dataclass

import structlog

from db.journal import Journal

log = structlog.get_logger()

_BOTH_S = 900.0
"""Telephones register again at least every ten minutes; after this one of the two has been switched off."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Host and port of the telephone that was there `before`, and of the one that is there `now`; `at`: POSIX seconds;
    `both_alive`: the one that is there now had been replaced itself."""

    before: str
    now: str
    at: float
    both_alive: bool


class Replacements:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: dict[str, Replacement] = {}

    def last(self, operator: str) -> Replacement | None:
        """The last one within a quarter of an hour."""
        found = self._last.get(operator)
        return found if found is not None and time.time() - found.at < _BOTH_S else None

    def by(self, operator: str, before: str, now: str) -> None:
        """The contact `now` has replaced the contact `before`."""
        last, new = self.last(operator), address_of(now)
        found = Replacement(address_of(before), new, time.time(), last is not None and last.before == new)
        self._last[operator] = found
        act, told = "telephone_replaced", {"operator": operator, "before": found.before, "now": found.now}
        if found.both_alive:
            act = "telephone_twice"
            log.error(
                "Two telephones register with one operator's password, and both are alive; switch one off", **told
            )
        else:
            log.warning("A telephone has replaced another one of the same operator", **told)
        self._journal.put(
            "audit",
            by=operator,
            act=act,
            about=f"operator:{operator}",
            data={"before": found.before, "now": found.now},
        )


def address_of(contact: str) -> str:
    """Host and port of a SIP address; as much of it as there is, where it is another one."""
    found = re.match(r"sips?:(?:[^@;]*@)?([^;?>]+)", contact)
    return (found[1] if found else contact)[:60]
