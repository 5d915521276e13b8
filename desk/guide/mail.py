"""E-mail, handed to the site's server while the operator waits for the outcome; nothing is kept to be tried again.

The library blocks, so that it runs in a thread; calls never pass through this process.
"""

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any

import structlog

from desk.page.texts import N_
from desk.settings import MailSettings

log = structlog.get_logger()

ANSWER_S = 5.0
"""Seconds in which the server says nothing."""

LONGEST_S = 60.0
"""Seconds for a whole e-mail: a server that says a letter every few seconds would keep its place, and its thread."""

AT_ONCE = 4
"""E-mails that are handed over at the same time; others wait."""

MOST, WITHIN = 40, timedelta(hours=1)
"""E-mails of one person, at most, within this time."""

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")

_NOT_SET_UP = N_("This site sends no e-mail; an administrator can set it up.")
_AWAY = N_("The mail server does not answer. Nothing was sent; try again in a moment.")
_UNSURE = N_("The mail server broke off. Ask whether the e-mail has arrived before you send it again.")
_REFUSED = N_("The mail server does not accept this address: %(reason)s")
_NOT_TAKEN = N_("The mail server did not take the e-mail: %(reason)s")
_WRONG_SETTINGS = N_("The mail server refuses the desk; an administrator must look at its settings.")


class MailError(Exception):
    """An e-mail that was not sent, or perhaps not. `text` is a text of the catalogues; `values` fill its gaps."""

    def __init__(self, text: str, **values: str) -> None:
        super().__init__(text % values if values else text)
        self.text, self.values = text, values

    @property
    def is_unsure(self) -> bool:
        """Whether the e-mail may have been sent."""
        return self.text == _UNSURE


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail. `to`: as `address_of` returns it."""

    to: str
    subject: str
    text: str
    language: str
    attachments: "tuple[Attachment, ...]" = ()


def address_of(written: str) -> str | None:
    """Return an e-mail address as servers take it; None if it is none."""
    local, at, domain = written.strip().rpartition("@")
    try:
        host = domain.encode("idna").decode() if at else ""
    except UnicodeError:
        return None
    labels = host.split(".")
    fits = len(labels) > 1 and all(_LABEL.fullmatch(label) and len(label) <= 63 for label in labels)
    found = f"{local}@{host}"
    return found if fits and len(local) <= 64 and len(found) <= 254 and _LOCAL.fullmatch(local) else None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an e-mail. `type`: such as `application/pdf`."""

    name: str
    type: str
    content: bytes


class MailLimit:
    """How much one person may send: an account in wrong hands must not send to everybody."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[datetime]] = {}

    def take(self, account: str, now: datetime) -> bool:
        """Count an e-mail of a person; return False if they have sent too many."""
        sent = self._sent.setdefault(account, deque(maxlen=MOST))
        if len(sent) == MOST and sent[0] > now - WITHIN:
            return False
        sent.append(now)
        return True


class Mailer:
    """Hands e-mails to the site's server."""

    def __init__(self, settings: MailSettings | None) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def is_set_up(self) -> bool:
        """Whether the site sends e-mail at all."""
        return self._settings is not None

    async def send(self, letter: Letter, now: datetime) -> None:
        """Hand an e-mail to the server. Raises MailError."""
        if self._settings is None:
            raise MailError(_NOT_SET_UP)
        message = _message(letter, self._settings, now)
        async with self._places:
            await asyncio.to_thread(_hand_over, message, self._settings)


def _message(letter: Letter, settings: MailSettings, now: datetime) -> EmailMessage:
    # The policy refuses a line break in a header; of what people type, only `to` is in one.
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address(settings.name, addr_spec=settings.sender)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # so that no machine answers
    except (ValueError, MessageError) as error:
        raise MailError(_NOT_TAKEN, reason=str(error)) from None
    message.set_content(letter.text, charset="utf-8")
    message["Content-Language"] = letter.language
    for attachment in letter.attachments:
        kind, _, what = attachment.type.partition(";")[0].partition("/")
        message.add_attachment(attachment.content, maintype=kind, subtype=what, filename=attachment.name)
    return message


def _hand_over(message: EmailMessage, settings: MailSettings) -> None:
    try:
        server = _connect(settings)
    except smtplib.SMTPAuthenticationError as error:
        log.error("The mail server refuses the desk's password", reason=_reason(error))
        raise MailError(_WRONG_SETTINGS) from None
    except (ssl.SSLError, smtplib.SMTPNotSupportedError, UnicodeError, FileNotFoundError) as error:
        log.error("The settings of [mail] do not fit", reason=str(error))
        raise MailError(_WRONG_SETTINGS) from None
    except (OSError, smtplib.SMTPException) as error:
        log.warning("The mail server does not answer", reason=_reason(error))
        raise MailError(_AWAY) from None
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise MailError(_REFUSED, reason=_said(code, said)) from None
    except smtplib.SMTPResponseException as error:
        log.warning("The mail server did not take an e-mail", reason=_reason(error))
        raise MailError(_NOT_TAKEN, reason=_said(error.smtp_code, error.smtp_error)) from None
    except (OSError, smtplib.SMTPException) as error:
        log.warning("The mail server broke off", reason=_reason(error))
        raise MailError(_UNSURE) from None
    finally:
        with suppress(OSError, smtplib.SMTPException):  # the server has answered what counts
            server.quit()
        server.close()


class _Connection(smtplib.SMTP):
    """A connection that ends after `LONGEST_S`, whatever the server says."""

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        self._limit = threading.Timer(LONGEST_S, self._break_off)
        self._limit.daemon = True
        self._limit.start()
        try:
            return super().connect(*where, **more)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._limit.cancel()
        super().close()

    def _break_off(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _EncryptedConnection(_Connection, smtplib.SMTP_SSL):
    """The same, encrypted from the beginning."""


def _connect(settings: MailSettings) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=str(settings.authority) if settings.authority is not None else None)
    if settings.security == "tls":
        server: smtplib.SMTP = _EncryptedConnection(settings.host, settings.port, timeout=ANSWER_S, context=context)
    else:
        server = _Connection(settings.host, settings.port, timeout=ANSWER_S)
    try:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.user is not None:
            server.login(settings.user, settings.password or "")
    except BaseException:
        server.close()
        raise
    return server


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())[:200]}"


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    return str(error) or type(error).__name__
