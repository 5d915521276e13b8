"""E-mails to people about their own accounts, where the account has an address: a new link or password."""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from background.retrying import repeat
from db.engine import DatabaseError
from desk.guide.mail import Letter, Mailer, MailError
from desk.page.pages import Pages
from desk.page.texts import LANGUAGES, N_
from desk.people import notices
from desk.people.notices import Mailing
from desk.settings import DeskSettings

log = structlog.get_logger()

LOOK_S = 10.0
"""Seconds between two looks at what is new."""

_SUBJECT = N_("Your account at %(desk)s")
_UNKNOWN = N_("If you do not know of it, tell another administrator.")


class NoticeMailer:
    """Sends each notice once, within seconds; one that the mail server does not take is in the log, and on the desk."""

    def __init__(
        self, settings: DeskSettings, engine: AsyncEngine, mailer: Mailer, pages: Pages, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._engine, self._mailer, self._pages, self._now = settings, engine, mailer, pages, now

    async def run(self) -> None:
        """Send what is new, for ever. Does nothing on a site that sends no e-mail."""
        if self._mailer.is_set_up:
            await repeat(self.look, LOOK_S, (DatabaseError,), "E-mails about accounts wait for the database")

    async def look(self) -> None:
        """Send what is new. Raises DatabaseError."""
        for mailing in await notices.take_unsent(self._engine, self._now()):
            try:
                await self._mailer.send(self._letter(mailing), self._now())
            except MailError as error:
                log.error("An e-mail about an account could not be sent", account=mailing.account, reason=str(error))

    def _letter(self, mailing: Mailing) -> Letter:
        language = self._pages.languages[mailing.language or LANGUAGES[0]]
        notice = mailing.notice
        day = language.day(notice.at, self._settings.timezone)
        sentence = language.text(notice.sentence, name=notice.by, day=day)
        subject = language.text(_SUBJECT, desk=self._settings.site_name or "Hatif")
        text = f"{sentence}\n\n{language.text(_UNKNOWN)}\n\n{self._settings.url}/account\n"
        return Letter(mailing.address, subject, text, language.code)
