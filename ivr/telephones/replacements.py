"""Telephones that replace each other: two that register with one operator's password.

The newest one is kept. That is right for a telephone that was exchanged or has a new address. If the replaced one comes
back, both are alive, and calls ring sometimes at one, sometimes at the other: somebody has to switch one off.

While the operator is in a call, nothing is removed. Asterisk's registrar would replace a telephone at once, even in a
call, or refuse the newer one, which may be the same telephone at a new address. So the registrar allows several, and
this module decides when the older ones are removed. Only a browser's page is replaced in a call as well: the newest one
gets the call back if the former one has lost it.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from db.journal import Journal
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link
from ivr.model.endpoints import is_web, operator_of
from ivr.telephones.contacts import address_of

log = structlog.get_logger()

_BOTH_S = 900.0
"""Telephones register at least every ten minutes; after this time one of the two has been switched off."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """One replacement.

    Attributes:
        before: Host and port of the replaced telephone.
        now: Host and port of the one that is kept.
        at: POSIX seconds.
        both_alive: Whether the one that is kept had itself been replaced before.
    """

    before: str
    now: str
    at: float
    both_alive: bool


class Replacements:
    """Keeps one telephone at each endpoint.

    Args:
        engaged: Returns whether an operator is in a call; True if that is not known.
        remove: Has Asterisk remove a contact of an endpoint, before it does anything that it is asked for afterwards.
    """

    def __init__(self, journal: Journal, engaged: Callable[[str], bool], remove: Callable[[str, str], None]) -> None:
        self._journal, self._engaged, self._remove = journal, engaged, remove
        self._last: dict[str, Replacement] = {}

    def last(self, operator: str) -> Replacement | None:
        """Return an operator's last replacement, if it was within a quarter of an hour."""
        found = self._last.get(operator)
        return found if found is not None and time.time() - found.at < _BOTH_S else None

    def settle(self, endpoint: str, contacts: Mapping[str, bool]) -> None:
        """Remove all contacts of an endpoint but the newest, unless it is an own telephone in a call. Idempotent.

        Args:
            contacts: In the order of their arrival, with whether each answers.
        """
        if len(contacts) > 1 and (is_web(endpoint) or not self._engaged(operator_of(endpoint))):
            kept = newest(contacts)
            for contact in contacts:
                if contact != kept:
                    self._remove(endpoint, contact)

    def beside(self, operator: str, first: str, second: str) -> None:
        """Record that the contact `second` has come; `first` stays for now if the operator is in a call."""
        addresses = {"first": address_of(first), "second": address_of(second)}
        if addresses["first"] == addresses["second"] or not self._engaged(operator):
            return
        log.warning(
            "A second telephone of an operator has registered during a call; it replaces the first one afterwards",
            operator=operator,
            **addresses,
        )
        self._journal.put("audit", by=operator, act="telephone_second", about=f"operator:{operator}", data=addresses)

    def replaced(self, operator: str, before: str, now: str) -> None:
        """Record that the contact `now` has replaced the contact `before`.

        At the same address it is the same telephone: some take a new user name at each start.
        """
        last, old, new = self.last(operator), address_of(before), address_of(now)
        if old == new:
            return
        found = Replacement(old, new, time.time(), last is not None and last.before == new)
        self._last[operator] = found
        act, facts = "telephone_replaced", {"operator": operator, "before": found.before, "now": found.now}
        if found.both_alive:
            act = "telephone_twice"
            log.error(
                "Two telephones register with one operator's password, and both are alive; switch one off", **facts
            )
        else:
            log.warning("A telephone has replaced another one of the same operator", **facts)
        self._journal.put(
            "audit",
            by=operator,
            act=act,
            about=f"operator:{operator}",
            data={"before": found.before, "now": found.now},
        )


def newest(contacts: Mapping[str, bool]) -> str:
    """Return the contact that came last of those that answer, or of all if none does.

    Args:
        contacts: As for `Replacements.settle`.
    """
    return max(enumerate(contacts), key=lambda row: (contacts[row[1]], row[0]))[1]


async def remove(link: Link, endpoint: str, contact: str) -> None:
    """Have Asterisk remove a contact of an endpoint, before it does anything that it is asked for afterwards."""

    def refused(_: Request, status: int) -> None:
        if status != HTTPStatus.NOT_FOUND:  # otherwise it is gone already
            log.warning("Asterisk did not remove a replaced telephone", endpoint=endpoint, status=status)

    with contextlib.suppress(LinkLost):  # the next connection begins with what is registered then
        await link.send(operations.remove_contact(endpoint, contact), refused=refused)
