"""A real mail server on loopback for tests: it keeps what it gets, and refuses what a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "desk", "a quiet password"


class MailServer:
    """What came in. `refuses`: answers instead of the usual ones, by the command in lower case."""

    def __init__(self) -> None:
        self.port = 0
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.was_encrypted: list[bool] = []
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if "rcpt" in self.refuses:
            return self.refuses["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuses.get("data") == "break off":
            server.transport.abort()
        if "data" in self.refuses:
            return self.refuses["data"]
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)


@asynccontextmanager
async def receiving(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, login: bool = False
) -> AsyncIterator[MailServer]:
    """Serve while the block runs: without TLS, with STARTTLS, or encrypted from the beginning."""
    found = MailServer()

    def protocol() -> SMTP:
        return SMTP(
            found,
            hostname="mail.example.org",
            loop=asyncio.get_running_loop(),
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=found.login if login else None,
            auth_required=login,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
