"""The contacts of operators' telephones, as Asterisk's registrar lists them."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from ivr.ami import Ami, AmiRefusedError

REMOVED, UNREACHABLE = GONE = ("removed", "unreachable")
"""What Asterisk calls a contact at which no telephone answers."""


@dataclass(frozen=True, slots=True)
class Contact:
    """`answers`: as far as is known; `expires`: when the registration ends, POSIX seconds, 0 if that is not known."""

    operator: str
    uri: str
    user_agent: str
    answers: bool
    expires: int


async def list_contacts(ami: Ami, operators: Collection[str]) -> list[Contact]:
    """List what is registered. Raises AmiError."""
    try:
        rows = await ami.listing("PJSIPShowContacts")
    except AmiRefusedError as error:
        if "No Contacts found" not in error.message:
            raise
        return []
    found = []
    for row in rows:
        operator = row.get("Endpoint") or row.get("ObjectName", "").partition("@")[0]
        status, expires = row.get("Status", "").lower(), row.get("ExpirationTime", "")
        if operator in operators and status != REMOVED:
            ends = int(expires) if expires.isdecimal() else 0
            found.append(Contact(operator, row.get("Uri", ""), row.get("UserAgent", ""), status not in GONE, ends))
    return found


def address_of(uri: str) -> str:
    """Host and port of a SIP address; as much of it as there is, where it is another one."""
    found = re.match(r"sips?:(?:[^@;]*@)?([^;?>]+)", uri)
    return (found[1] if found else uri)[:60]
