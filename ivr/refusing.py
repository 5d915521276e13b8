"""Whether the machine of a telephone that rings or talks refuses packets: its program is gone, and nothing tells.

Asterisk sends to all telephones over UDP from one socket that is connected to none, and Linux tells such a socket of no
refusal (ICMP port unreachable). One of ours, connected to the telephone, is told with the next packet. So each busy
telephone gets an empty line again and again, which SIP takes for a sign of life (RFC 5626, 3.5.1).

A refusal counts only from a door that was open before: a router on the way may refuse what is not from Asterisk itself.
One that refuses from the beginning counts while the telephone has not said that it rings.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping

from routing.states import Operator, OperatorState

EVERY_S = 0.4

_RINGS_AFTER = 4
"""So many looks a telephone has to say that it rings."""

_SIGN_OF_LIFE = b"\r\n\r\n"
_CONTACT = re.compile(r"sip:(?:[^@;?]*@)?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?(;[^?]*)?(?:\?.*)?")


def door_of(contact: str) -> tuple[str, int] | None:
    """Host and port of a contact over UDP with a number as its host, as the registrar has it; None for any other."""
    found = _CONTACT.fullmatch(contact)
    if found is None or re.search(r";transport=(?!udp(?:;|$))", found[4] or "", re.IGNORECASE):
        return None
    return found[1] or found[2], int(found[3] or 5060)


class Door:
    """Of one offer's telephone. OSError or OverflowError if there is no way to that address."""

    def __init__(self, host: str, port: int, *, is_open: bool) -> None:
        self.open = is_open
        self.looks = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect((host, port))
        except (OSError, OverflowError):
            self.close()
            raise

    def refuses(self) -> bool:
        """Whether the packet before was refused; sends another. What else goes wrong tells nothing of the telephone."""
        self.looks += 1
        refused = False
        for _ in range(2):  # what says that one was refused sends none
            try:
                self._socket.send(_SIGN_OF_LIFE)
                break
            except ConnectionRefusedError:
                refused = True
            except OSError:
                return False
        self.open |= not refused and self.looks > 1
        return refused

    def close(self) -> None:
        self._socket.close()


class Refusing:
    """`contact(operator)`: where his telephone is, as a SIP address; `rings(offer)`: whether it has said that it rings,
    or was answered; `gone(operator)` is told, more than once."""

    def __init__(
        self,
        contact: Callable[[str], str | None],
        rings: Callable[[str], Awaitable[bool]],
        gone: Callable[[str], None],
    ) -> None:
        self._contact, self._rings, self._gone = contact, rings, gone
        self._doors: dict[str, Door | None] = {}  # by offer; None: it cannot be told
        self._contacts: dict[str, str | None] = {}  # the same, where that is
        self._known: dict[str, str | None] = {}  # by operator: a contact whose door was open once

    async def run(self, operators: Callable[[], Mapping[str, Operator]]) -> None:
        """For as long as there are any; looks every `EVERY_S`."""
        try:
            while True:
                await self.look({each.offer: each for each in operators().values() if each.offer is not None})
                await asyncio.sleep(EVERY_S)
        finally:
            self._only(())

    async def look(self, busy: Mapping[str, Operator]) -> None:
        """`busy`: by offer, who is rung or talks."""
        self._only(busy)
        for offer, operator in busy.items():
            contact = self._contact(operator.id)
            if offer not in self._doors or self._contacts.get(offer) != contact:
                self._only(busy.keys() - {offer})
                self._doors[offer], self._contacts[offer] = self._door(operator.id, contact), contact
            door = self._doors[offer]
            if door is None:
                continue
            if not door.refuses():
                if door.open:
                    self._known[operator.id] = contact
                continue
            silent = operator.state is OperatorState.OFFERED and door.looks >= _RINGS_AFTER
            if door.open or (silent and not await self._rings(offer)):
                self._gone(operator.id)

    def _door(self, operator: str, contact: str | None) -> Door | None:
        where = door_of(contact) if contact is not None else None
        try:
            return Door(*where, is_open=self._known.get(operator) == contact) if where is not None else None
        except (OSError, OverflowError):
            return None

    def _only(self, offers: Collection[str]) -> None:
        for offer in [each for each in self._doors if each not in offers]:
            door, _ = self._doors.pop(offer), self._contacts.pop(offer)
            if door is not None:
                door.close()
