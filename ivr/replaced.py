"""Telephones that took another one's place: two that register with one operator's password.

The newest one is kept. That is right for a telephone that was exchanged or has a new address. Where the one that was
replaced comes back, both are alive, and calls ring now here, now there: somebody has to switch one off.

While the operator is in a call nothing is removed. Asterisk's registrar would replace a telephone at once, whatever it
does, or refuse the newer one, which may be the same telephone at a new address. So the registrar has room for several,
and it is decided here when the older ones go.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from db.journal import Journal
from ivr.ari import operations
from ivr.ari.link import LinkLost
from ivr.ari.operations import Request
from ivr.contacts import address_of
from ivr.needs import Link

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


class Replaced:
    """`engaged(operator)`: whether they are in a call, or nobody knows; `remove(operator, contact)` has Asterisk forget
    a contact, sooner than it rings anybody whom it is told to ring afterwards."""

    def __init__(self, journal: Journal, engaged: Callable[[str], bool], remove: Callable[[str, str], None]) -> None:
        self._journal, self._engaged, self._remove = journal, engaged, remove
        self._last: dict[str, Replacement] = {}

    def last(self, operator: str) -> Replacement | None:
        """The last one within a quarter of an hour."""
        found = self._last.get(operator)
        return found if found is not None and time.time() - found.at < _BOTH_S else None

    def settle(self, operator: str, contacts: Mapping[str, bool]) -> None:
        """Remove all contacts but the newest, unless the operator is in a call. Idempotent.

        Args:
            contacts: In the order in which they came, and whether each answers.
        """
        if len(contacts) > 1 and not self._engaged(operator):
            kept = newest(contacts)
            for contact in contacts:
                if contact != kept:
                    self._remove(operator, contact)

    def beside(self, operator: str, first: str, second: str) -> None:
        """The contact `second` has come, and `first` stays for now if the operator is in a call."""
        told = {"first": address_of(first), "second": address_of(second)}
        if told["first"] == told["second"] or not self._engaged(operator):
            return
        log.warning(
            "Another telephone of the same operator has registered during a call; it replaces the first one afterwards",
            operator=operator,
            **told,
        )
        self._journal.put("audit", by=operator, act="telephone_second", about=f"operator:{operator}", data=told)

    def by(self, operator: str, before: str, now: str) -> None:
        """The contact `now` has replaced the contact `before`. At the same address it is the same telephone: some take
        a new user name at each start."""
        last, old, new = self.last(operator), address_of(before), address_of(now)
        if old == new:
            return
        found = Replacement(old, new, time.time(), last is not None and last.before == new)
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


def newest(contacts: Mapping[str, bool]) -> str:
    """The contact that came last of those that answer, or of all if none does; `contacts` as for `Replaced.settle`."""
    return max(enumerate(contacts), key=lambda each: (contacts[each[1]], each[0]))[1]


async def remove(link: Link, operator: str, contact: str) -> None:
    """Have Asterisk forget a contact of an operator's telephone, before it does what it is asked for afterwards."""

    def refused(_: Request, status: int) -> None:
        if status != HTTPStatus.NOT_FOUND:  # else it is gone already
            log.warning("Asterisk does not forget a telephone that was replaced", operator=operator, status=status)

    with contextlib.suppress(LinkLost):  # the next connection begins with what is registered then
        await link.send(operations.remove_contact(operator, contact), refused=refused)
