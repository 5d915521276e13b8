"""The contacts of operators' telephones, as Asterisk's registrar lists them."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from ivr.asterisk.ami import Ami, AmiRefusedError
from ivr.model.endpoints import operator_of

REMOVED, UNREACHABLE = GONE = ("removed", "unreachable")
"""Asterisk's words for a contact at which no telephone answers."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A registered contact.

    Attributes:
        answers: Whether the telephone answers, as far as is known.
        expires: When the registration ends, POSIX seconds; 0 if that is not known.
    """

    endpoint: str
    uri: str
    user_agent: str
    answers: bool
    expires: int

    @property
    def operator(self) -> str:
        return operator_of(self.endpoint)


async def list_contacts(ami: Ami, operators: Collection[str]) -> list[Contact]:
    """Return the contacts of these operators.

    Raises:
        AmiError: Asterisk did not answer.
    """
    try:
        rows = await ami.listing("PJSIPShowContacts")
    except AmiRefusedError as error:
        if "No Contacts found" not in error.message:
            raise
        return []
    found = []
    for row in rows:
        endpoint = row.get("Endpoint") or row.get("ObjectName", "").partition("@")[0]
        status, expires = row.get("Status", "").lower(), row.get("ExpirationTime", "")
        if operator_of(endpoint) in operators and status != REMOVED:
            ends = int(expires) if expires.isdecimal() else 0
            found.append(Contact(endpoint, row.get("Uri", ""), row.get("UserAgent", ""), status not in GONE, ends))
    return found


def is_websocket(uri: str) -> bool:
    """Return whether a SIP address is reached over a WebSocket, as only browsers' telephones are."""
    return re.search(r";transport=wss?(?:[;>]|$)", uri, re.IGNORECASE) is not None


def is_tls(uri: str) -> bool:
    """Return whether a SIP address is reached over TLS. Asterisk writes the transport of the registration into it."""
    return re.search(r";transport=tls(?:[;>]|$)", uri, re.IGNORECASE) is not None


def address_of(uri: str) -> str:
    """Return host and port of a SIP address; for any other text, its first 60 characters."""
    found = re.match(r"sips?:(?:[^@;]*@)?([^;?>]+)", uri)
    return (found[1] if found else uri)[:60]
