"""What Asterisk's registrar knows of operators' telephones besides that they are there: what they are, and where.

For people who look at the floor, and for what only some telephones can do. Nothing that is decided goes by it.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import structlog

from ivr.ami import Ami, AmiError
from ivr.contacts import Contact, address_of, list_contacts

log = structlog.get_logger()

_LONGEST = 60
_TOGETHER_S = 0.3
"""Telephones that register one after the other are asked for once."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """`user_agent`: what it calls itself; `address`: host and port as Asterisk sees them; `transport`: udp, tcp, ws."""

    user_agent: str
    address: str
    transport: str

    @property
    def document(self) -> dict[str, str]:
        return asdict(self)


class Telephones:
    """`by_operator` is as of the last time that something changed; a telephone that is gone is not in it."""

    def __init__(self, ami: Ami, operators: Collection[str]) -> None:
        self._ami, self._operators = ami, frozenset(operators)
        self.by_operator: dict[str, Telephone] = {}
        self._changed = asyncio.Event()
        ami.on("ContactStatus", lambda _: self._changed.set())
        ami.on_link(lambda is_up: self._changed.set() if is_up else None)

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._changed.clear()
            try:
                found = await list_contacts(self._ami, self._operators)
            except AmiError as error:  # the next link asks again
                log.debug("Asterisk does not say what telephones there are", error=str(error))
            else:
                self.by_operator = {each.operator: _telephone(each) for each in found if each.answers}

    def displays(self, operator: str, user_agents: Sequence[str]) -> bool:
        """Whether an operator's telephone is one of those, which are named by the beginning of what they call
        themselves."""
        telephone = self.by_operator.get(operator)
        return telephone is not None and telephone.user_agent.lower().startswith(tuple(map(str.lower, user_agents)))


def _telephone(contact: Contact) -> Telephone:
    """What a telephone says of itself is cut to what can be shown."""
    transport = re.search(r";transport=(\w+)", contact.uri)
    address = _shown(address_of(contact.uri))
    return Telephone(_shown(contact.user_agent), address, transport[1].lower() if transport else "udp")


def _shown(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:_LONGEST]
