"""Which telephones are present, as Asterisk's registrar reports through the manager interface.

A telephone is present while Asterisk has a contact of it that answers. Asterisk reports this in events, and its list of
contacts is compared with them from time to time. An operator may have two telephones: their own, and one in the
browser, which is rung while it is there. The refresh of a registration is not reported, but with it the telephone
proves its password (as with a code that it dials), and that is an event. The floor is notified of changes and of these
signs of life. Another source, such as an edge at which telephones register, would send the same messages.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from ivr.asterisk.ami import Ami, AmiError, Fields
from ivr.model.endpoints import endpoints_of, is_web, operator_of, web_endpoint
from ivr.telephones.contacts import GONE, REMOVED, UNREACHABLE, Contact, address_of, is_tls, is_websocket, list_contacts
from ivr.telephones.registrations import Proof
from ivr.telephones.replacements import Replacements, newest

log = structlog.get_logger()

_SETTLES_S = 0.3
"""A password is proved before the registration is made. A telephone that unregisters proves its password, too."""

_COMPARE_EVERY_S = 60.0


class Presence:
    """The presence of operators' telephones.

    Args:
        operators: The ids of all operators, as they are now.
        changed: Called with an operator and whether their telephone is present, when it appears, disappears, or has
            given a sign of life. If the one that is rung disappears and the other one is there, it is called for both.
        replacements: Decides what happens to several telephones of one operator.
        proof: Called with each proof of a password.
        encrypted: Returns whether an operator's own telephone must use TLS. One that does not counts as not present.
        refuse: Has Asterisk remove such a contact of an endpoint.
    """

    def __init__(
        self,
        ami: Ami,
        operators: Collection[str],
        changed: Callable[[str, bool], None],
        replacements: Replacements | None = None,
        proof: Callable[[Proof], None] = lambda _: None,
        encrypted: Callable[[str], bool] = lambda _: False,
        refuse: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._ami, self._operators, self._changed = ami, operators, changed
        self._replacements, self._proof = replacements, proof
        self._encrypted, self._refuse = encrypted, refuse
        self._contacts: dict[str, dict[str, bool]] = {}  # by endpoint, the oldest first: whether each answers
        self._known = False
        self._asking = asyncio.Lock()
        self._meanwhile: list[tuple[str, str, str]] | None = None  # events that came while the list was asked for
        self._proved: dict[str, float] = {}  # by operator: the last sign of life, by the monotonic clock
        self._fresh: list[Proof] = []  # signs of life that were not passed on yet
        self._wake = asyncio.Event()
        ami.on("ContactStatus", self._contact)
        ami.on("SuccessfulAuth", self._authenticated)

    @property
    def present(self) -> Collection[str] | None:
        """The operators whose telephone is present; None before Asterisk has listed them."""
        if not self._known:
            return None
        there = (operator_of(endpoint) for endpoint in self._contacts if self._answers(endpoint))
        return list(dict.fromkeys(there))

    def rings_at(self, proof: Proof) -> bool:
        """Return whether the telephone that has proved its password may be the one that is rung for its operator.

        False if they have several telephones and another one is rung.
        """
        several = len(self._contacts.get(proof.endpoint, ())) > 1 or self.in_use(proof.operator) != proof.endpoint
        contact = self.contact(proof.operator)
        address = ":".join(proof.address.split("/")[-2:])  # of IPV4/UDP/host/port
        return not several or contact is None or address_of(contact) == address

    def in_use(self, operator: str) -> str:
        """Return the endpoint that is rung for an operator: their browser telephone if it is there, else their own."""
        return self._there(operator) or operator

    def contact(self, operator: str) -> str | None:
        """Return the SIP address that is rung for an operator, the oldest of several; None if none is present."""
        contacts = self._contacts.get(self.in_use(operator), {})
        return next((uri for uri, answers in contacts.items() if answers), None)

    def web_contacts(self, operator: str) -> Collection[str]:
        """Return the SIP addresses at which an operator's browser telephone is registered and answers."""
        return [uri for uri, answers in self._contacts.get(web_endpoint(operator), {}).items() if answers]

    def _answers(self, endpoint: str) -> bool:
        return any(self._contacts.get(endpoint, {}).values())

    def _there(self, operator: str) -> str | None:
        return next((endpoint for endpoint in endpoints_of(operator) if self._answers(endpoint)), None)

    def proved(self, operator: str) -> float:
        """Return when the telephone last proved its password, on the monotonic clock; 0 if never."""
        return self._proved.get(operator, 0.0)

    async def run(self) -> None:
        """Pass on signs of life, and compare with Asterisk's list at regular intervals, until cancelled."""
        loop = asyncio.get_running_loop()
        compare_at = loop.time() + _COMPARE_EVERY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(compare_at):
                    await self._wake.wait()
            if loop.time() >= compare_at:  # also if signs of life never stop, as with a hundred telephones
                if self._ami.connected:
                    await self.refresh()
                compare_at = loop.time() + _COMPARE_EVERY_S
            if not self._wake.is_set():
                continue
            self._wake.clear()
            await asyncio.sleep(_SETTLES_S)
            fresh, self._fresh = self._fresh, []
            for proof in fresh:
                self._proof(proof)
            for endpoint in {proof.endpoint for proof in fresh}:
                if self._answers(endpoint):
                    self._changed(operator_of(endpoint), True)
                else:
                    await self._qualify(endpoint)

    async def _qualify(self, endpoint: str) -> None:
        """Have Asterisk ask a telephone that did not answer before; the result comes as an event."""
        try:
            await self._ami.action("PJSIPQualify", Endpoint=endpoint)
        except AmiError as error:
            log.debug("A telephone could not be asked whether it is present", endpoint=endpoint, error=str(error))

    async def refresh(self) -> None:
        """Ask for all contacts: at the start, whenever the link is back, and at regular intervals."""
        async with self._asking:
            meanwhile: list[tuple[str, str, str]] = []
            self._meanwhile = meanwhile
            try:
                listed = await list_contacts(self._ami, self._operators)
            except AmiError as error:
                log.warning("Asterisk did not list the registered telephones", error=str(error))
                return
            finally:
                self._meanwhile = None
        self._replace(listed, meanwhile)

    def _replace(self, listed: Sequence[Contact], meanwhile: Sequence[tuple[str, str, str]]) -> None:
        """Use a list, and the events since it was asked for, which it may not contain."""
        found: dict[str, dict[str, bool]] = {}
        for contact in sorted(listed, key=self._age):
            if self._must_not(contact.endpoint, contact.uri):
                self._refuse(contact.endpoint, contact.uri)
                continue
            found.setdefault(contact.endpoint, {})[contact.uri] = contact.answers
        for endpoint, uri, status in meanwhile:
            _set_status(found.setdefault(endpoint, {}), uri, status)
        before = {operator: self._there(operator) for operator in sorted(self._operators)}
        self._contacts, self._known = found, True
        for operator, was in before.items():
            now = self._there(operator)
            if was is not None and not self._answers(was):
                self._changed(operator, False)
            if now is not None and now != was:
                self._changed(operator, True)
        self.settle()

    def _age(self, contact: Contact) -> tuple[int, int]:
        """Return a key that sorts the oldest contact first: in their known order, else by when registrations end."""
        known = list(self._contacts.get(contact.endpoint, ()))
        return known.index(contact.uri) if contact.uri in known else len(known), contact.expires

    def settle(self, operator: str | None = None) -> None:
        """Keep one telephone of an operator who is in no call; of each operator if None."""
        if self._replacements is not None:
            for endpoint in endpoints_of(operator) if operator is not None else tuple(self._contacts):
                self._replacements.settle(endpoint, self._contacts.get(endpoint, {}))

    def _contact(self, event: Fields) -> None:
        endpoint, uri = event.get("EndpointName") or event.get("AOR", ""), event.get("URI", "")
        operator = operator_of(endpoint)
        if operator not in self._operators:
            return
        status = event.get("ContactStatus", "").lower()
        if self._must_not(endpoint, uri):
            if status != REMOVED:
                self._refuse(endpoint, uri)
            return
        if self._meanwhile is not None:
            self._meanwhile.append((endpoint, uri, status))
        if not self._known:
            return
        contacts, was = self._contacts.setdefault(endpoint, {}), self._there(operator)
        self._note_replacement(endpoint, contacts, uri, status)
        _set_status(contacts, uri, status)
        self.settle(operator)
        if status not in GONE:
            # Also if it was present before: a floor that has just started may not know.
            self._changed(operator, True)
        elif was is not None and not self._answers(was):
            self._changed(operator, False)
            if self._there(operator) is not None:
                self._changed(operator, True)

    def _must_not(self, endpoint: str, uri: str) -> bool:
        """Return whether a softphone is registered through a WebSocket, or without the encryption that it must have."""
        return not is_web(endpoint) and (is_websocket(uri) or (self._encrypted(endpoint) and not is_tls(uri)))

    def _note_replacement(self, endpoint: str, contacts: Mapping[str, bool], uri: str, status: str) -> None:
        """Report a telephone that replaces another one, or comes beside it.

        Not of browsers: each page that is loaded again is a new telephone to Asterisk.
        """
        if self._replacements is None or is_web(endpoint):
            return
        came, first = list(contacts), next((contact for contact, answers in contacts.items() if answers), None)
        if status == REMOVED and uri in came and came.index(uri) < came.index(now := newest(contacts)):
            self._replacements.replaced(endpoint, uri, now)
        elif status != REMOVED and uri not in came and first is not None:
            self._replacements.beside(endpoint, first, uri)

    def _authenticated(self, event: Fields) -> None:
        endpoint = event.get("AccountID", "")
        if event.get("Service") == "PJSIP" and operator_of(endpoint) in self._operators:
            self._proved[operator_of(endpoint)] = now = time.monotonic()
            self._fresh.append(Proof(endpoint, event.get("SessionID", ""), event.get("RemoteAddress", ""), now))
            self._wake.set()


def _set_status(contacts: dict[str, bool], uri: str, status: str) -> None:
    """Store the status of a contact. One that was removed and comes back is a new contact; a silent one is not."""
    if status == REMOVED:
        contacts.pop(uri, None)
    else:
        contacts[uri] = status != UNREACHABLE
