"""The registrar's data about operators' telephones besides their presence: make and address.

For people who look at the floor, and for features that only some telephones have. No decision depends on it.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import structlog

from ivr.asterisk.ami import Ami, AmiError
from ivr.model.endpoints import is_web
from ivr.telephones.contacts import Contact, address_of, list_contacts

log = structlog.get_logger()

_TEXT_LIMIT = 60
_GATHER_S = 0.3
"""When telephones register one after the other, the list is asked for once."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """A telephone.

    Attributes:
        user_agent: What it calls itself.
        address: Host and port as Asterisk sees them.
        transport: udp, tcp, ws, …
    """

    user_agent: str
    address: str
    transport: str

    @property
    def document(self) -> dict[str, str]:
        """The telephone as JSON."""
        return asdict(self)


class Devices:
    """The telephones that are present, in `by_operator`, as of the last change. `operators`: their ids, as they are
    now."""

    def __init__(self, ami: Ami, operators: Collection[str]) -> None:
        self._ami, self._operators = ami, operators
        self.by_operator: dict[str, Telephone] = {}
        self._changed = asyncio.Event()
        ami.on("ContactStatus", lambda _: self._changed.set())
        ami.on_link(lambda is_up: self._changed.set() if is_up else None)

    async def run(self) -> None:
        """Keep the list up to date until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_GATHER_S)
            self._changed.clear()
            try:
                found = await list_contacts(self._ami, self._operators)
            except AmiError as error:  # the next link asks again
                log.debug("Asterisk did not list the telephones", error=str(error))
            else:
                # Of two telephones, the one that is rung counts.
                found.sort(key=lambda contact: is_web(contact.endpoint))
                self.by_operator = {contact.operator: _telephone(contact) for contact in found if contact.answers}

    def displays(self, operator: str, user_agents: Sequence[str]) -> bool:
        """Return whether an operator's telephone is one of these.

        Args:
            user_agents: The beginnings of what telephones call themselves.
        """
        telephone = self.by_operator.get(operator)
        return telephone is not None and telephone.user_agent.lower().startswith(tuple(map(str.lower, user_agents)))


def _telephone(contact: Contact) -> Telephone:
    """Return a contact's telephone. Its texts come from outside: they are cut, and only printable characters kept."""
    transport = re.search(r";transport=(\w+)", contact.uri)
    address = _printable(address_of(contact.uri))
    return Telephone(_printable(contact.user_agent), address, transport[1].lower() if transport else "udp")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_TEXT_LIMIT]
