"""A procedure by e-mail: through a mail server of the test, in the caller's language, and noted in the case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving

from db.references import make_reference
from desk.guide import mail
from desk.settings import MailSettings

pytest_plugins = ["db_fixtures"]

REFERENCE = make_reference(1, 17)
ARABIC = {
    "id": "passport",
    "status": "sample",
    "title": "جواز السفر",
    "fields": {"documents": "صورتان.", "fee": "ستون درهما."},
    "remarks": {"FR": "في ليون."},
}
ENGLISH = {**ARABIC, "title": "A first passport", "fields": {"documents": "Two photographs."}, "remarks": {}}


class MailServer:
    """An SMTP server that keeps what it is sent, and refuses one address."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[tuple[str, EmailMessage]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        writer.write(b"220 test ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.partition(" ")[0].upper()
            if verb == "EHLO":
                writer.write(b"250-test\r\n250 8BITMIME\r\n")
            elif verb == "RCPT" and "nobody@" in line:
                writer.write(b"550 no such person\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                message = message_from_bytes(content, policy=policy.default)
                assert isinstance(message, EmailMessage)
                self.received.append((recipient, message))
                writer.write(b"250 kept\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                recipient = line.partition("<")[2].partition(">")[0] if verb == "RCPT" else recipient
                writer.write(b"250 fine\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    found = MailServer()
    server = await asyncio.start_server(found.talk, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as found:
        yield found


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/guide?language=en"] = (200, {"procedures": [ENGLISH]})
        found.answers["/guide?language=ar"] = (200, {"procedures": [ARABIC]})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, server: MailServer) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        chosen = MailSettings("127.0.0.1", server.port, "none", "line@example.org", "The line")
        found.desk.settings = replace(found.desk.settings, mail=chosen)
        await found.operator("1002")
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    browser = await desk.signed_in("1002")
    await browser.post("/preferences", {"language": "en"})
    await browser.get("/account")
    return browser


async def send(browser: Browser, address: str, reference: str = REFERENCE) -> tuple[int, str]:
    form = {"address": address, "reference": reference}
    answer = await browser.post("/guide/procedure/passport/send", form)
    return answer.status, answer.text


async def test_a_caller_gets_the_procedure_in_their_language(
    desk: TestDesk, browser: Browser, controller: StandIn, server: MailServer
) -> None:
    controller.connect("1002", language="ar", country="FR")
    await controller.seen(desk)
    status, page = await send(browser, " caller@example.com ")
    assert status == 200 and "Sent." in page
    ((recipient, message),) = server.received
    assert recipient == "caller@example.com"
    assert (message["Subject"], message["From"]) == ("جواز السفر", "The line <line@example.org>")
    text = message.get_content()
    assert all(part in text for part in ("صورتان.", "ستون درهما.", "في ليون."))
    notes = [body for _, path, _, body in controller.asked if path == f"/cases/{REFERENCE}/notes"]
    assert notes == [{"text": "Sent by e-mail to caller@example.com: جواز السفر"}]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "a@b.c\r\nBcc: other@example.com", "a b@example.com", "<a@example.com>", "x" * 250]
)
async def test_what_is_not_an_address_is_refused_and_nothing_is_sent(
    browser: Browser, server: MailServer, address: str
) -> None:
    status, page = await send(browser, address)
    assert status == 422 and "not an e-mail address" in page
    assert server.received == []


async def test_what_the_mail_server_says_is_said(desk: TestDesk, browser: Browser, server: MailServer) -> None:
    status, page = await send(browser, "nobody@example.com")
    assert status == 422 and "does not accept this address" in page
    assert desk.desk.settings.mail is not None
    away = replace(desk.desk.settings.mail, port=1)
    desk.desk.settings = replace(desk.desk.settings, mail=away)
    status, page = await send(browser, "caller@example.com")
    assert status == 422 and "nothing was sent" in page
    desk.desk.settings = replace(desk.desk.settings, mail=None)
    assert (await send(browser, "caller@example.com"))[0] == 404


async def test_an_operator_cannot_send_without_end(
    desk: TestDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch, server: MailServer
) -> None:
    monkeypatch.setattr(mail, "MOST", 2)
    assert [(await send(browser, "caller@example.com"))[0] for _ in range(3)] == [200, 200, 429]
    desk.moved = mail.WITHIN * 1.1
    assert (await send(browser, "caller@example.com", reference=""))[0] == 200
    assert len(server.received) == 3
