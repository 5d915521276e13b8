"""Sending a procedure by e-mail: plain text in the caller's language, through the site's mail server."""

import asyncio
import re
import smtplib
import ssl
from collections import deque
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from desk.guide.book import Procedure
from desk.page.texts import N_
from desk.settings import MailSettings

LIMIT_S = 10.0
MOST, WITHIN = 30, timedelta(hours=1)
"""E-mails of one operator: more is not work but an accident, or somebody else's."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}")
_RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT MARK}"


class MailError(Exception):
    """An e-mail that was not sent: a text of the catalogues."""


class Outbox:
    """What each operator has sent lately."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[datetime]] = {}

    def may_send(self, operator: str, now: datetime) -> bool:
        """Return whether an operator may send another e-mail, and count it."""
        sent = self._sent.setdefault(operator, deque(maxlen=MOST))
        while sent and sent[0] <= now - WITHIN:
            sent.popleft()
        if len(sent) >= MOST:
            return False
        sent.append(now)
        return True


def compose(settings: MailSettings, to: str, procedure: Procedure, language: str, country: str | None) -> EmailMessage:
    """Return the e-mail. Raises MailError if the address is not one."""
    if not _ADDRESS.fullmatch(to.strip()):
        raise MailError(N_("This is not an e-mail address."))
    message = EmailMessage()
    message["To"] = to.strip()
    message["From"] = Address(display_name=settings.name, addr_spec=settings.sender)
    message["Subject"] = procedure.title
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = language
    parts = [procedure.title, *procedure.fields.values()]
    if country is not None and country in procedure.remarks:
        parts.insert(2, procedure.remarks[country])
    mark = _RIGHT_TO_LEFT if language == "ar" else ""
    message.set_content("\n\n".join(mark + part for part in parts) + "\n")
    return message


async def send(settings: MailSettings, message: EmailMessage) -> None:
    """Send an e-mail. Raises MailError."""
    try:
        await asyncio.to_thread(_send, settings, message)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError):
        raise MailError(N_("The mail server does not accept this address.")) from None
    except (OSError, smtplib.SMTPException):
        raise MailError(N_("The mail server does not answer, or refuses; nothing was sent.")) from None


def _send(settings: MailSettings, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=LIMIT_S, context=context)
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=LIMIT_S)
    with server:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.user is not None:
            server.login(settings.user, settings.password or "")
        server.send_message(message)
