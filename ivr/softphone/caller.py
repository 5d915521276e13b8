"""A caller's telephone."""

import re

from baresip import Account, UserAgent

from ivr.softphone.call import Call
from ivr.softphone.codecs import CODECS, Codec
from ivr.softphone.line import LOOPBACK, format_address, from_header, parse_address
from ivr.softphone.owner import Owner

_URI = re.compile(r"sip:([^@\s]+)@([\d.]+(?::\d+)?)")


class Caller:
    """A caller's telephone; made by `Telephones.caller`."""

    def __init__(
        self,
        phones: Owner,
        user: str,
        number: str | None,
        name: str,
        asserted: str | None,
        privacy: str | None,
        identity: bytes | None,
        address: str,
        codec: Codec | None,
    ) -> None:
        self.number = number
        self._phones, self._user = phones, user
        self._identity = identity if identity is not None else from_header(number, name, address)
        privacy = privacy or ("id" if asserted and number is None else None)
        headers = {"P-Asserted-Identity": f"<sip:{asserted}@{address}>" if asserted else None, "Privacy": privacy}
        self._headers = {name: value for name, value in headers.items() if value}
        self._address = address
        self._codec = codec
        self._agent: UserAgent | None = None

    async def dial(self, uri: str) -> Call:
        """Call `sip:NUMBER@HOST:PORT`; return while it rings. Raises ValueError for another form."""
        if not (found := _URI.fullmatch(uri)):
            raise ValueError(f"{uri!r} cannot be dialled: expected sip:NUMBER@HOST:PORT with HOST as an IPv4 address")
        trunk = await self._phones.trunk(self._address, parse_address(found[2]))
        trunk.identities[self._user.encode()] = self._identity
        if self._agent is None:
            codecs = CODECS[self._codec]
            account = Account(user=self._user, domain=LOOPBACK, password="", reg_interval=0, audio_codecs=codecs)
            self._agent = await self._phones.agent(account)
        native = await self._agent.dial(f"sip:{found[1]}@{format_address(trunk.inside)}", self._headers)
        return self._phones.adopt(native, incoming=False, peer=found[1], wide=self._codec == "g722")
