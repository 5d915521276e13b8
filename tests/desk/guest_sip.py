"""A guest of *Try the line* who speaks SIP by hand, where the gate would have refused it already."""

import asyncio
import hashlib
import re
import secrets
from types import TracebackType
from typing import Any, Self

import aiohttp
from line import Line

from background.telephone_ticket import GATE


class GuestSip:
    """A page's telephone, connected to Asterisk as the gate connects it. `call_id` and `tag` are those of its calls."""

    def __init__(self, line: Line, holder: str) -> None:
        self._line, self._holder = line, holder
        self._url = f"http://127.0.0.1:{8088 + line.offset}/ws"
        self._sequence = 0
        self.call_id, self.tag = secrets.token_hex(8), secrets.token_hex(4)

    async def __aenter__(self) -> Self:
        given: dict[str, Any] = self._line.control("POST", "/try/telephone", {"holder": self._holder})
        self.endpoint, self._user, self._password = given["endpoint"], given["user"], given["password"]
        self._session = aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(local_addr=(GATE, 0)))
        leaves_at_once = aiohttp.ClientWSTimeout(ws_close=0.1)
        self._socket = await self._session.ws_connect(self._url, protocols=["sip"], timeout=leaves_at_once)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._session.close()
        await self.leave()

    async def leave(self) -> None:
        """End the telephone's password, as the end of its sign-in does."""
        await asyncio.to_thread(self._line.control, "DELETE", f"/try/telephone?holder={self._holder}")

    async def ask(
        self, method: str, to: str, *, call_id: str = "", tags: tuple[str, str] = ("", ""), more: str = ""
    ) -> str:
        """Return the answer to a request: the first that is neither provisional nor a challenge.

        Args:
            tags: Of From and To, for a request within a call.
        """
        call_id, challenge, text = call_id or secrets.token_hex(8), "", ""
        for is_last in (False, True):
            self._sequence += 1
            await self._send(method, to, call_id, tags, f"{more}{self._authorization(method, to, challenge)}")
            while f"CSeq: {self._sequence} {method}" not in text or text.startswith("SIP/2.0 1"):
                text = await self._socket.receive_str(timeout=10)
            found = re.search(r"(?m)^WWW-Authenticate: (.*)$", text)
            if found is None or is_last:
                break
            challenge, text = found[1], ""
        return text

    async def status(self, method: str, to: str, **more: Any) -> int:
        return int((await self.ask(method, to, **more)).split()[1])

    async def _send(self, method: str, to: str, call_id: str, tags: tuple[str, str], more: str) -> None:
        theirs = f";tag={tags[1]}" if tags[1] else ""
        await self._socket.send_str(
            f"{method} sip:{to}@hatif SIP/2.0\r\n"
            f"Via: SIP/2.0/WS test.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{self.endpoint}@hatif>;tag={tags[0] or self.tag}\r\nTo: <sip:{to}@hatif>{theirs}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {self._sequence} {method}\r\n"
            f"Contact: <sip:page@test.invalid;transport=ws>\r\n{more}Content-Length: 0\r\n\r\n"
        )

    def _authorization(self, method: str, to: str, challenge: str) -> str:
        if not challenge:
            return ""
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        ours, asked = _md5(f"{self._user}:{fields['realm']}:{self._password}"), _md5(f"{method}:sip:{to}@hatif")
        response = _md5(f"{ours}:{fields['nonce']}:00000001:c:auth:{asked}")
        return (
            f'Authorization: Digest username="{self._user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}",'
            f' uri="sip:{to}@hatif", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c",'
            f' opaque="{fields.get("opaque", "")}"\r\n'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
