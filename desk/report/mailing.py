"""Sends reports by e-mail: each one once, through restarts, and late rather than never."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db import report_mails
from db.engine import DatabaseError
from db.report_mails import Mailing, MailingState
from desk.guide.mail import Attachment, Letter, Mailer, MailError
from desk.page.errors import DeskError
from desk.report.making import ReportMaker
from desk.report.schedule import Due, Every, due
from desk.settings import DeskSettings, ReportMail
from reports import words as report_words
from reports.files import TYPES, Form, name_of
from reports.letters import ReportLetter, write_letter
from reports.names import Names
from reports.request import ReportRequest, make_request

log = structlog.get_logger()

LOOK_S = 30.0
"""Seconds between two looks at what is due."""

TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=4)
"""Between two tries of a report that the mail server did not take; the pause doubles."""

BROKE_OFF = "the mail server broke off"
"""The problem of a report that may have arrived; it is not sent again."""

_BY = {Every.DAY: "hour", Every.WEEK: "day", Every.MONTH: "day"}


class ReportMailer:
    """Sends what `[reports]` of the site asks for."""

    def __init__(
        self,
        settings: DeskSettings,
        engine: AsyncEngine,
        maker: ReportMaker,
        mailer: Mailer,
        names: Callable[[str], Names],
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._engine, self._maker, self._mailer = settings, engine, maker, mailer
        self._names, self._now = names, now
        self._zone = ZoneInfo(settings.timezone)

    async def run(self) -> None:
        """Send what is due, for ever. Does nothing if nobody gets reports."""
        if self._settings.reports is None:
            return
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                log.warning("Reports by e-mail wait for the database", reason=str(error))
            except Exception:
                log.exception("Reports by e-mail could not be sent")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Send the reports that are due now. Raises DatabaseError."""
        wanted = self._settings.reports
        if wanted is None:
            return
        for every in Every:
            if addresses := wanted.addresses[every]:
                await self._look(every, addresses, wanted)

    async def _look(self, every: Every, addresses: tuple[str, ...], wanted: ReportMail) -> None:
        now = self._now()
        reports = list(due(every, wanted.at, self._zone, now))
        states = {state.mailing: state for state in await report_mails.known(self._engine, reports[-1].first)}
        since = await report_mails.first_mailings(self._engine, every)
        for place, report in enumerate(reports):
            # An address that is new gets the last report only; later, those that it has missed since then.
            chosen = [
                mailing
                for address in addresses
                if not place or (address in since and since[address] < report.first)
                if self._may_begin(states.get(mailing := Mailing(every, report.first, address)), now)
            ]
            if chosen:
                await self._send(report, wanted, {mailing: states.get(mailing) for mailing in chosen}, now)

    def _may_begin(self, state: MailingState | None, now: datetime) -> bool:
        if state is None:
            return True
        if state.sent is not None or state.problem in (None, BROKE_OFF) or state.tries >= TRIES:
            return False
        pause: timedelta = min(FIRST_PAUSE * 2 ** (state.tries - 1), LONGEST_PAUSE)
        return now >= state.begun + pause

    async def _send(
        self, report: Due, wanted: ReportMail, mailings: dict[Mailing, MailingState | None], now: datetime
    ) -> None:
        request = make_request(_BY[report.every], report.first, report.last, self._zone, now)
        try:
            written, files = await self._files(request, wanted.language)
        except DeskError as error:  # the desk's log has the reason; the next look tries again
            log.error("A report for an e-mail could not be made", report=f"{report.first}", reason=error.text)
            return
        for mailing, state in mailings.items():
            tries = state.tries if state is not None else 0
            if not await report_mails.claim(self._engine, mailing, self._now(), tries=tries):
                continue
            letter = Letter(mailing.address, written.subject, written.text, wanted.language, files)
            try:
                await self._mailer.send(letter, self._now())
            except MailError as error:
                problem = BROKE_OFF if error.is_unsure else str(error)
                left = 0 if error.is_unsure else TRIES - tries - 1
                log.error(
                    "A report could not be sent by e-mail", every=report.every.value, report=f"{report.first}",
                    reason=problem, tries_left=left,
                )  # fmt: skip
                await report_mails.note(self._engine, mailing, problem=problem)
            else:
                log.info("A report was sent by e-mail", every=report.every.value, report=f"{report.first}")
                await report_mails.note(self._engine, mailing, sent=self._now())

    async def _files(self, request: ReportRequest, language: str) -> tuple[ReportLetter, tuple[Attachment, ...]]:
        words, names = report_words.load(language), self._names(language)
        forms = (Form.PDF, Form.XLSX)
        layout, files = await self._maker.layout_and_files(forms, request, language, names)
        attachments = tuple(
            Attachment(name_of(form, request), TYPES[form], content) for form, content in zip(forms, files, strict=True)
        )
        letter = write_letter(request, layout["summary"], words, f"{self._settings.url}/reports")
        return letter, attachments
