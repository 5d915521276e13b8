"""Procedures go out by e-mail to a real server; the operator is told at once what became of it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from every import every
from hypothesis import given
from hypothesis import strategies as st
from mail_server import PASSWORD, USER, MailServer, receiving
from stored_cases import REFERENCE, notes_of, store_case

from db.references import make_reference
from desk.guide import mail
from desk.guide.mail import Letter, Mailer, MailError, MailLimit, address_of
from desk.settings import MailSettings
from desk.tls import self_signed

pytest_plugins = ["db_fixtures"]

CALL = str(uuid4())

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LETTER = Letter("reader@example.org", "Visa", "Soixante euros.\n", "fr")


def settings(server: MailServer, **members: Any) -> MailSettings:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "sender": "guide@example.org", **members}
    return MailSettings(**{"security": "none", **given})


async def failure(chosen: MailSettings, letter: Letter = LETTER) -> str:
    with pytest.raises(MailError) as failed:
        await Mailer(chosen).send(letter, NOW)
    return str(failed.value)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """The authority's file, and what a server of that certificate needs."""
    public, key = self_signed(tmp_path / "tls", ["localhost", "127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, key)
    return public, context


async def test_a_letter_has_who_sends_it_and_its_text_in_any_script() -> None:
    async with receiving() as server:
        letter = Letter("reader@example.org", "جواز\n السفر", "صورتان.\nتكتب هنا\n", "ar")
        await Mailer(settings(server, name="Service consulaire — Lyon")).send(letter, NOW)
    (found,) = server.letters
    assert str(found["From"]) == "Service consulaire — Lyon <guide@example.org>"
    assert (found["To"], found["Subject"], found["Content-Language"]) == ("reader@example.org", "جواز السفر", "ar")
    assert found.get_content().replace("\r\n", "\n") == "صورتان.\nتكتب هنا\n"
    assert found["Date"].datetime == NOW and found["Message-ID"].endswith("@example.org>")
    assert server.recipients == ["reader@example.org"]


SMUGGLED = "MAIL FROM:<guide@example.org>\r\nRCPT TO:<everybody@example.org>\r\nDATA\r\nSubject: Forged\r\n\r\nPay.\r\n"


@pytest.mark.parametrize("end", ["\r\n.\r\n", "\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r", "\n..\r\n"])
async def test_nothing_that_is_written_in_a_letter_makes_a_header_or_a_second_letter(end: str) -> None:
    async with receiving() as server:
        text = f"Soixante euros.{end}{SMUGGLED}.\r\n"
        subject = f"Visa\r\nBcc: everybody@example.org\r\n\r\nPay.{end}{SMUGGLED}\u2028Bcc: x\x85Bcc: y"
        await Mailer(settings(server)).send(Letter("reader@example.org", subject, text, "fr"), NOW)
    (found,) = server.letters
    assert server.recipients == ["reader@example.org"] and found["Bcc"] is None
    assert found["Subject"].startswith("Visa Bcc: everybody@example.org Pay.")
    assert found.get_content().splitlines() == text.splitlines()


async def test_a_server_that_is_encrypted_from_the_beginning_is_checked_as_well(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    authority, context = certificate
    async with receiving(context, implicit=True) as server:
        await Mailer(settings(server, authority=authority, security="tls")).send(LETTER, NOW)
        assert "refuses the desk" in await failure(settings(server, security="tls"))
    assert server.was_encrypted == [True]


async def test_the_password_goes_through_tls_to_a_server_whose_certificate_is_checked(
    tmp_path: Path, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    authority, context = certificate
    async with receiving(context, login=True) as server:
        chosen: dict[str, Any] = {"security": "starttls", "user": USER, "password": PASSWORD}
        await Mailer(settings(server, authority=authority, **chosen)).send(LETTER, NOW)
        assert server.was_encrypted == [True]
        stranger = await failure(settings(server, **chosen))
        assert "an administrator must look at its settings" in stranger
        wrong = {**chosen, "password": "wrong"}
        assert "refuses the desk" in await failure(settings(server, authority=authority, **wrong))
        gone = tmp_path / "gone.pem"
        assert "refuses the desk" in await failure(settings(server, authority=gone, **chosen))
    assert len(server.letters) == 1


async def test_what_the_server_refuses_is_said_with_its_reason() -> None:
    async with receiving() as server:
        server.refuses = {"rcpt": "550 5.1.1 No such user"}
        assert "does not accept this address: 550 5.1.1 No such user" in await failure(settings(server))
        server.refuses = {"data": "452 4.2.2 Mailbox full"}
        assert "did not take the e-mail: 452 4.2.2 Mailbox full" in await failure(settings(server))
        server.refuses = {"data": "break off"}
        assert "Ask whether the e-mail has arrived" in await failure(settings(server))
        assert "refuses the desk" in await failure(settings(server, security="starttls")), "it must not go in clear"
    assert "does not answer. Nothing was sent" in await failure(settings(server))
    assert server.letters == []


async def test_a_server_that_says_nothing_is_waited_for_a_few_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "ANSWER_S", 0.2)
    server = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.port = silent.getsockname()[1]
        assert "does not answer. Nothing was sent" in await failure(settings(server))


async def test_a_server_that_says_a_letter_now_and_then_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each letter comes in time, and the answer never."""
    monkeypatch.setattr(mail, "LONGEST_S", 0.5)

    async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(b"220-")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    slow = MailServer()
    server = await asyncio.start_server(trickles, "127.0.0.1", 0)
    slow.port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(5):
        assert "Nothing was sent" in await failure(settings(slow))


@every(
    "written",
    [
        "", "reader", "@example.org", "reader@", "reader@localhost", "a b@example.org", "a@b@example.org",
        "reader@example.org\r\nBcc: all@example.org", "reader@example.org\nSubject: x", "a..b@example.org",
        "<reader@example.org>", "reader@-example.org", "reader@example..org", "reader,other@example.org",
        f"{'a' * 65}@example.org", f"reader@{'a' * 64}.org", "\u202ereader@example.org", "reader@example.org;x@y.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(written: str) -> None:
    assert address_of(written) is None


def test_an_address_is_written_as_servers_take_it() -> None:
    assert address_of(" Fatima.Z+1@Example.ORG ") == "Fatima.Z+1@Example.ORG"
    assert address_of("a@bücher.example") == "a@xn--bcher-kva.example"


@given(st.text(max_size=60))
def test_no_text_makes_an_address_with_anything_else_in_it(text: str) -> None:
    for written in (text, f"{text}@example.org", f"a@{text}.org", f"a@example.org{text}"):
        found = address_of(written)
        assert found is None or (found.isascii() and found.isprintable() and not set(found) & set(' ,;<>()"\\[]:'))


def test_one_person_sends_a_certain_number_in_an_hour() -> None:
    limit = MailLimit()
    assert all(limit.take("1002", NOW) for _ in range(mail.MOST))
    assert not limit.take("1002", NOW) and limit.take("1003", NOW)
    assert limit.take("1002", NOW + mail.WITHIN + timedelta(seconds=1))


GUIDE = {
    "notice": "Ce n'est qu'un exemple.",
    "procedures": [
        {
            "id": "visa",
            "status": "sample",
            "title": "Visa",
            "fields": {"fee": "Soixante euros.", "documents": "Deux photos."},
            "remarks": {"FR": "À Lyon.", "BE": "À Liège."},
        }
    ],
}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    async with receiving() as found:
        yield found


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        for code in ("fr", "ar"):
            found.answers[f"/guide?language={code}"] = (200, GUIDE)
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, server: MailServer) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.app.state.mailer = Mailer(settings(server))
        await found.operator("1002")
        await store_case(found.engine)
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk, controller: StandIn) -> Browser:
    browser = await desk.signed_in("1002", "fr")
    controller.connect("1002", identity=CALL, language="ar", country="FR")
    await controller.seen(desk)
    return browser


async def test_a_procedure_is_sent_with_the_documents_first_and_noted_in_the_case(
    desk: TestDesk, browser: Browser, server: MailServer
) -> None:
    assert "form" in (await browser.get("/guide/procedure/visa")).text
    form = {"address": "reader@example.org", "language": "fr", "reference": REFERENCE}
    answer = await browser.post("/guide/procedure/visa/send", form)
    assert answer.status == 200 and "reader@example.org" in answer.text, answer.text
    (letter,) = server.letters
    assert letter.get_content().replace("\r\n", "\n") == (
        "Visa\n\nCe n'est qu'un exemple.\n\nDeux photos.\n\nÀ Lyon.\n\nSoixante euros.\n"
    )
    sent = {"language": "fr", "domain": "example.org"}
    assert await notes_of(desk.engine) == [("1002", "Envoyé par courriel à reader@example.org : Visa")]
    (noted,) = desk.traces("guide_sent")
    assert (noted["by"], noted["about"], noted["call_id"], noted["data"]) == ("1002", "guide:visa", CALL, sent)


async def test_what_cannot_be_sent_is_said_at_the_field_where_the_address_stays(
    desk: TestDesk, browser: Browser, server: MailServer
) -> None:
    wrong = await browser.post("/guide/procedure/visa/send", {"address": "reader@<b>", "language": "fr"})
    assert wrong.status == 422 and 'value="reader@&lt;b&gt;"' in wrong.text and 'aria-invalid="true"' in wrong.text
    server.refuses = {"rcpt": "550 <b>unknown</b>"}
    refused = await browser.post("/guide/procedure/visa/send", {"address": "reader@example.org", "language": "fr"})
    assert refused.status == 422 and "550 &lt;b&gt;unknown&lt;/b&gt;" in refused.text
    assert desk.traces("guide_sent") == [] and server.letters == []


async def test_what_was_sent_counts_as_sent_also_if_it_cannot_be_noted(browser: Browser, server: MailServer) -> None:
    form = {"address": "reader@example.org", "language": "fr", "reference": make_reference(9, 4711)}
    answer = await browser.post("/guide/procedure/visa/send", form)
    assert answer.status == 200 and len(server.letters) == 1
    assert "pas pu être noté" in answer.text


async def test_a_site_without_a_mail_server_offers_no_sending(desk: TestDesk, browser: Browser) -> None:
    desk.app.state.mailer = Mailer(None)
    assert "<form" not in (await browser.get("/guide/procedure/visa")).text
    refused = await browser.post("/guide/procedure/visa/send", {"address": "reader@example.org", "language": "fr"})
    assert refused.status == 422
