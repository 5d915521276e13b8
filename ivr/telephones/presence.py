"""Which telephones are there: told by Asterisk's registrar, through its manager interface.

A telephone is there while Asterisk has a contact of it that answers. Asterisk's events say so, and a list that is asked
for now and then is compared with them. A registration that is refreshed makes no such event, but the telephone proves
its password with it (as with a code that it dials), and that makes one. The floor hears of changes and of these signs
of life. Another source (an edge that telephones register at) would say the same messages.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from ivr.asterisk.ami import Ami, AmiError, Fields
from ivr.telephones.replacements import Replacements

log = structlog.get_logger()

_GONE = ("removed", "unreachable")

_SETTLES_S = 0.3
"""A registration is proved before it is done. A telephone that leaves proves its password, too."""

_COMPARED_S = 60.0


class Presence:
    """`changed(operator, present)` is called when a telephone appears, disappears, or has given a sign of life;
    `replaced` hears of each contact that is there and each that is removed."""

    def __init__(
        self,
        ami: Ami,
        operators: Collection[str],
        changed: Callable[[str, bool], None],
        replaced: Replacements | None = None,
    ) -> None:
        self._ami, self._operators, self._changed = ami, set(operators), changed
        self._replaced = replaced
        self._contacts: dict[str, set[str]] = {}
        self._known = False
        self._asking = asyncio.Lock()
        self._meanwhile: list[tuple[str, str, bool]] | None = None  # what is said while Asterisk is asked
        self._proved: dict[str, float] = {}  # by operator: the last sign of life, by the monotonic clock
        self._fresh: set[str] = set()  # operators with a sign of life that nobody was told of
        self._wake = asyncio.Event()
        ami.on("ContactStatus", self._contact)
        ami.on("SuccessfulAuth", self._authenticated)

    @property
    def present(self) -> Collection[str] | None:
        """The operators whose telephone is there; None before Asterisk has said so."""
        return [operator for operator, contacts in self._contacts.items() if contacts] if self._known else None

    def contact(self, operator: str) -> str | None:
        """Where his telephone is, as a SIP address; None where it is not there."""
        return next(iter(self._contacts.get(operator, ())), None)

    def proved(self, operator: str) -> float:
        """When the telephone last proved its password, by the monotonic clock; 0 if never."""
        return self._proved.get(operator, 0.0)

    async def run(self) -> None:
        """Tells of signs of life, and compares with Asterisk's list every `_COMPARED_S`."""
        while True:
            try:
                async with asyncio.timeout(_COMPARED_S):
                    await self._wake.wait()
            except TimeoutError:
                if self._ami.connected:
                    await self.refresh()
                continue
            self._wake.clear()
            await asyncio.sleep(_SETTLES_S)
            fresh, self._fresh = self._fresh, set()
            for operator in fresh:
                if self._contacts.get(operator):
                    self._changed(operator, True)
                else:
                    await self._qualify(operator)

    async def _qualify(self, operator: str) -> None:
        """Asterisk asks a telephone that did not answer before; an event says what it finds."""
        try:
            await self._ami.action("PJSIPQualify", Endpoint=operator)
        except AmiError as error:
            log.debug("A telephone could not be asked whether it is there", operator=operator, error=str(error))

    async def refresh(self) -> None:
        """Asks for all contacts: at the start, whenever the link is back, and now and then."""
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
        status = event.get("ContactStatus", "").lower()
        there = status not in _GONE
        if self._meanwhile is not None:
            self._meanwhile.append((operator, uri, there))
        if not self._known:
            return
        contacts = self._contacts.setdefault(operator, set())
        was_there = bool(contacts)
        if self._replaced is not None and status == "removed" and contacts - {uri}:
            self._replaced.by(operator, uri, next(iter(contacts - {uri})))
        if not there:
            contacts.discard(uri)
        else:
            contacts.add(uri)
            # Said again also if it was there: a floor that has just begun may not know.
            self._changed(operator, True)
        if was_there and not contacts:
            self._changed(operator, False)

    def _authenticated(self, event: Fields) -> None:
        operator = event.get("AccountID", "")
        if event.get("Service") == "PJSIP" and operator in self._operators:
            self._proved[operator] = time.monotonic()
            self._fresh.add(operator)
            self._wake.set()
