"""What Asterisk's registrar knows of operators' telephones besides that they are there: what they are, and where.

For people who look at the floor, and for what only some telephones can do. Nothing that is decided goes by it.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import structlog

from ivr.asterisk.ami import Ami, AmiError, Fields

log = structlog.get_logger()

_CONTACT = re.compile(r"sips?:(?:[^@;>]*@)?([^;>]+)(?:;([^>]*))?")
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


class Devices:
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
                self.by_operator = found(await self._ami.listing("PJSIPShowContacts"), self._operators)
            except AmiError as error:
                if "No Contacts found" in str(error):
                    self.by_operator = {}
                else:  # the next link asks again
                    log.debug("Asterisk does not say what telephones there are", error=str(error))

    def displays(self, operator: str, user_agents: Sequence[str]) -> bool:
        """Whether an operator's telephone is one of those, which are named by the beginning of what they call
        themselves."""
        telephone = self.by_operator.get(operator)
        return telephone is not None and telephone.user_agent.lower().startswith(tuple(map(str.lower, user_agents)))


def found(rows: Sequence[Fields], operators: Collection[str]) -> dict[str, Telephone]:
    """By operator; what a telephone says of itself is cut to what can be shown."""
    telephones: dict[str, Telephone] = {}
    for row in rows:
        operator = row.get("Endpoint") or row.get("ObjectName", "").partition("@")[0]
        contact = _CONTACT.match(row.get("Uri", ""))
        if operator not in operators or contact is None or row.get("Status", "").lower() in ("removed", "unreachable"):
            continue
        transport = re.search(r"transport=(\w+)", contact[2] or "")
        telephones[operator] = Telephone(
            _shown(row.get("UserAgent", "")), _shown(contact[1]), transport[1].lower() if transport else "udp"
        )
    return telephones


def _shown(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:_LONGEST]
