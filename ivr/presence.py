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

from ivr.ami import Ami, AmiError, Fields
from ivr.contacts import GONE, REMOVED, UNREACHABLE, Contact, address_of, list_contacts
from ivr.registrations import Proof
from ivr.replaced import Replaced, newest

log = structlog.get_logger()

_SETTLES_S = 0.3
"""A registration is proved before it is done. A telephone that leaves proves its password, too."""

_COMPARED_S = 60.0


class Presence:
    """`changed(operator, present)` is called when a telephone appears, disappears, or has given a sign of life;
    `replaced` decides what becomes of several telephones of one operator; `proof` hears of each right password."""

    def __init__(
        self,
        ami: Ami,
        operators: Collection[str],
        changed: Callable[[str, bool], None],
        replaced: Replaced | None = None,
        proof: Callable[[Proof], None] = lambda _: None,
    ) -> None:
        self._ami, self._operators, self._changed = ami, set(operators), changed
        self._replaced, self._proof = replaced, proof
        self._contacts: dict[str, dict[str, bool]] = {}  # by operator, the oldest first: whether each answers
        self._known = False
        self._asking = asyncio.Lock()
        self._meanwhile: list[tuple[str, str, str]] | None = None  # what is said while Asterisk is asked
        self._proved: dict[str, float] = {}  # by operator: the last sign of life, by the monotonic clock
        self._fresh: list[Proof] = []  # signs of life that nobody was told of
        self._wake = asyncio.Event()
        ami.on("ContactStatus", self._contact)
        ami.on("SuccessfulAuth", self._authenticated)

    @property
    def present(self) -> Collection[str] | None:
        """The operators whose telephone is there; None before Asterisk has said so."""
        return [operator for operator in self._contacts if self._is_there(operator)] if self._known else None

    def rings_at(self, operator: str, address: str) -> bool:
        """Return whether the telephone that is rung for an operator may be the one at `address` (Asterisk's
        `IPV4/UDP/host/port`). False where they have several telephones and another one is rung."""
        contact, (host, port) = self.contact(operator), address.split("/")[-2:] if address.count("/") > 1 else ("", "")
        several = len(self._contacts.get(operator, ())) > 1
        return not several or contact is None or address_of(contact) == f"{host}:{port}"

    def contact(self, operator: str) -> str | None:
        """Where his telephone is, as a SIP address; None where it is not there. Of several, the one with the call."""
        return next((uri for uri, answers in self._contacts.get(operator, {}).items() if answers), None)

    def _is_there(self, operator: str) -> bool:
        return any(self._contacts.get(operator, {}).values())

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
            fresh, self._fresh = self._fresh, []
            for proof in fresh:
                self._proof(proof)
            for operator in {each.operator for each in fresh}:
                if self._is_there(operator):
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
            said: list[tuple[str, str, str]] = []
            self._meanwhile = said
            try:
                listed = await list_contacts(self._ami, self._operators)
            except AmiError as error:
                log.warning("Asterisk does not say which telephones are there", error=str(error))
                return
            finally:
                self._meanwhile = None
        self._replace(listed, said)

    def _replace(self, listed: Sequence[Contact], said: Sequence[tuple[str, str, str]]) -> None:
        """By a listing, and by what was `said` since it was asked for, which it may not have."""
        found: dict[str, dict[str, bool]] = {}
        for contact in sorted(listed, key=self._age):
            found.setdefault(contact.operator, {})[contact.uri] = contact.answers
        for operator, uri, status in said:
            _note(found.setdefault(operator, {}), uri, status)
        before, self._contacts, self._known = self.present or (), found, True
        for operator in sorted(self._operators):
            if (there := self._is_there(operator)) != (operator in before):
                self._changed(operator, there)
        self.settle()

    def _age(self, contact: Contact) -> tuple[int, int]:
        """Sort the oldest contact first: as they are known, else by when their registration ends."""
        known = list(self._contacts.get(contact.operator, ()))
        return known.index(contact.uri) if contact.uri in known else len(known), contact.expires

    def settle(self, operator: str | None = None) -> None:
        """Keep one telephone of an operator (None: of each) who is in no call."""
        if self._replaced is not None:
            for each in (operator,) if operator is not None else tuple(self._contacts):
                self._replaced.settle(each, self._contacts.get(each, {}))

    def _contact(self, event: Fields) -> None:
        operator, uri = event.get("EndpointName") or event.get("AOR", ""), event.get("URI", "")
        if operator not in self._operators:
            return
        status = event.get("ContactStatus", "").lower()
        if self._meanwhile is not None:
            self._meanwhile.append((operator, uri, status))
        if not self._known:
            return
        contacts = self._contacts.setdefault(operator, {})
        was_there = self._is_there(operator)
        if self._replaced is not None:
            came = list(contacts)
            if status == REMOVED and uri in came and came.index(uri) < came.index(now := newest(contacts)):
                self._replaced.by(operator, uri, now)
            elif status != REMOVED and uri not in came and (first := self.contact(operator)) is not None:
                self._replaced.beside(operator, first, uri)
        _note(contacts, uri, status)
        self.settle(operator)
        if status not in GONE:
            # Said again also if it was there: a floor that has just begun may not know.
            self._changed(operator, True)
        elif was_there and not self._is_there(operator):
            self._changed(operator, False)

    def _authenticated(self, event: Fields) -> None:
        operator = event.get("AccountID", "")
        if event.get("Service") == "PJSIP" and operator in self._operators:
            self._proved[operator] = now = time.monotonic()
            self._fresh.append(Proof(operator, event.get("SessionID", ""), event.get("RemoteAddress", ""), now))
            self._wake.set()


def _note(contacts: dict[str, bool], uri: str, status: str) -> None:
    """A contact has this status now. One that has gone and comes back is a new one; one that was silent is not."""
    if status == REMOVED:
        contacts.pop(uri, None)
    else:
        contacts[uri] = status != UNREACHABLE
