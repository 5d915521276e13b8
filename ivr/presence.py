"""Which telephones are there: told by Asterisk's registrar, through its manager interface.

The floor hears only of changes. Another source (an edge that telephones register at) would say the same messages.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from ivr.ami import Ami, AmiError, Fields

log = structlog.get_logger()

_GONE = ("removed", "unreachable")


class Presence:
    """`changed(operator, present)` is called when a telephone appears or disappears."""

    def __init__(self, ami: Ami, operators: Collection[str], changed: Callable[[str, bool], None]) -> None:
        self._ami, self._operators, self._changed = ami, set(operators), changed
        self._contacts: dict[str, set[str]] = {}
        self._known = False
        self._asking = asyncio.Lock()
        self._meanwhile: list[tuple[str, str, bool]] | None = None  # what is said while Asterisk is asked
        ami.on("ContactStatus", self._contact)

    @property
    def present(self) -> Collection[str] | None:
        """The operators whose telephone is there; None before Asterisk has said so."""
        return [operator for operator, contacts in self._contacts.items() if contacts] if self._known else None

    def contact(self, operator: str) -> str | None:
        """Where his telephone is, as a SIP address; None where it is not there."""
        return next(iter(self._contacts.get(operator, ())), None)

    async def refresh(self) -> None:
        """Asks for all contacts: at the start and whenever the link is back."""
        async with self._asking:
            said: list[tuple[str, str, bool]] = []
            self._meanwhile = said
            try:
                rows = await self._ami.listing("PJSIPShowContacts")
            except AmiError as error:
                if "No Contacts found" not in str(error):
                    log.warning("Asterisk does not say which telephones are there", error=str(error))
                    return
                rows = []
            finally:
                self._meanwhile = None
        self._replace(rows, said)

    def _replace(self, rows: Sequence[Fields], said: Sequence[tuple[str, str, bool]]) -> None:
        """By a listing, and by what was `said` since it was asked for, which it may not have."""
        found: dict[str, set[str]] = {}
        for row in rows:
            operator = row.get("Endpoint") or row.get("ObjectName", "").partition("@")[0]
            if operator in self._operators and row.get("Status", "").lower() not in _GONE:
                found.setdefault(operator, set()).add(row.get("Uri", ""))
        for operator, uri, there in said:
            contacts = found.setdefault(operator, set())
            (contacts.add if there else contacts.discard)(uri)
        before, self._contacts, self._known = self.present or (), found, True
        for operator in sorted(self._operators):
            if (there := bool(found.get(operator))) != (operator in before):
                self._changed(operator, there)

    def _contact(self, event: Fields) -> None:
        operator, uri = event.get("EndpointName") or event.get("AOR", ""), event.get("URI", "")
        if operator not in self._operators:
            return
        there = event.get("ContactStatus", "").lower() not in _GONE
        if self._meanwhile is not None:
            self._meanwhile.append((operator, uri, there))
        if not self._known:
            return
        contacts = self._contacts.setdefault(operator, set())
        was_there = bool(contacts)
        if not there:
            contacts.discard(uri)
        else:
            contacts.add(uri)
            # Said again also if it was there: a floor that has just begun may not know.
            self._changed(operator, True)
        if was_there and not contacts:
            self._changed(operator, False)
