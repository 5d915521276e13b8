"""Reports by e-mail: each one once, through restarts and two desks at once, and late rather than never."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from itertools import pairwise
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from mail_server import MailServer, receiving
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db import report_mails
from db.engine import open_engine, reading, writing
from db.ids import uuid7
from db.report_mails import Mailing
from db.tables import Call, ReportMail
from desk.guide.mail import Mailer
from desk.report.mailing import BROKE_OFF, FIRST_PAUSE, ReportMailer
from desk.report.making import ReportMaker
from desk.report.schedule import MISSED, Due, Every, due
from desk.settings import DeskSettings, MailSettings
from desk.settings import ReportMail as Wanted
from reports.job import Job, Result
from reports.names import Names

pytest_plugins = ["db_fixtures"]

PARIS = ZoneInfo("Europe/Paris")
AT = time(6, 30)
OFFICE, MINISTRY = "office@example.org", "ministry@example.org"


def wanted(
    daily: tuple[str, ...] = (), weekly: tuple[str, ...] = (), monthly: tuple[str, ...] = (), language: str = "fr"
) -> Wanted:
    return Wanted(AT, language, {"day": daily, "week": weekly, "month": monthly})


def last_due(every: Every, now: datetime) -> Due:
    return next(due(every, AT, PARIS, now))


@pytest.mark.parametrize(
    ("every", "now", "first", "last"),
    [
        (Every.DAY, "2026-11-28 06:29", "2026-11-26", "2026-11-26"),
        (Every.DAY, "2026-11-28 06:30", "2026-11-27", "2026-11-27"),
        (Every.WEEK, "2026-11-29 23:00", "2026-11-16", "2026-11-22"),  # a Sunday
        (Every.WEEK, "2026-11-30 06:29", "2026-11-16", "2026-11-22"),
        (Every.WEEK, "2026-11-30 06:30", "2026-11-23", "2026-11-29"),
        (Every.MONTH, "2026-11-30 23:00", "2026-10-01", "2026-10-31"),
        (Every.MONTH, "2026-12-01 06:30", "2026-11-01", "2026-11-30"),
        (Every.MONTH, "2027-01-01 06:29", "2026-11-01", "2026-11-30"),
        (Every.MONTH, "2027-03-01 07:00", "2027-02-01", "2027-02-28"),
    ],
)
def test_a_report_is_due_in_the_morning_after_its_period(every: Every, now: str, first: str, last: str) -> None:
    local = datetime.fromisoformat(now).replace(tzinfo=PARIS)
    assert last_due(every, local) == Due(every, date.fromisoformat(first), date.fromisoformat(last))


@given(st.sampled_from(Every), st.integers(0, 20 * 365 * 24 * 60))
def test_reports_that_are_due_follow_each_other_without_a_gap_and_are_over(every: Every, minutes: int) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = list(due(every, AT, PARIS, now))
    today = now.astimezone(PARIS).date()
    assert found[0].last < today
    for newer, older in pairwise(found):
        assert older.last + timedelta(days=1) == newer.first
        assert today - older.last <= MISSED


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    async with open_engine(url) as made:
        yield made


class KeptReports(ReportMaker):
    """Makes one report for all days and tests of a database without calls: a PDF takes long."""

    _made: ClassVar[dict[tuple[Result, ...], list[bytes]]] = {}

    async def make(self, job: Job) -> list[bytes]:
        if job.results not in self._made:
            self._made[job.results] = await super().make(job)
        return self._made[job.results]


class Sender:
    """A desk that sends reports at a time that a test sets."""

    def __init__(
        self,
        url: str,
        engine: AsyncEngine,
        mails: MailServer,
        chosen: Wanted,
        maker: type[ReportMaker] = KeptReports,
    ) -> None:
        mail = MailSettings("127.0.0.1", "line@example.org", port=mails.port, security="none", name="Consulate")
        settings = DeskSettings("Europe/Paris", ("fr",), url, 1, "none", mail=mail, reports=chosen)
        self.now = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
        self.mailer = ReportMailer(
            settings,
            engine,
            maker(url),
            Mailer(mail),
            lambda language: Names("consulate"),
            lambda: self.now,
        )

    async def look(self, after: timedelta = timedelta(0)) -> None:
        self.now += after
        await self.mailer.look()


@pytest_asyncio.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with receiving() as found:
        yield found


def subjects(mails: MailServer) -> list[str]:
    return [str(letter["Subject"]) for letter in mails.letters]


async def put_calls(engine: AsyncEngine, at: datetime, number: int) -> None:
    times = {"started": at, "queued": at, "connected": at + timedelta(seconds=9), "ended": at + timedelta(seconds=99)}
    async with writing(engine) as connection:
        row = {"node": "n", "outcome": "answered", "language": "fr", "number": "+33800212000", **times}
        await connection.execute(insert(Call), [{"id": uuid7(), **row} for _ in range(number)])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # reports of both databases: tests/reports
async def test_a_report_comes_as_pdf_and_workbook_with_its_main_figures_as_text(
    url: str, engine: AsyncEngine, mails: MailServer
) -> None:
    await put_calls(engine, datetime(2026, 11, 26, 10, tzinfo=UTC), 7)
    await Sender(url, engine, mails, wanted((OFFICE,), language="en"), ReportMaker).look()
    (letter,) = mails.letters
    assert letter["Subject"] == "Calls of Thu 26 Nov 2026"
    assert letter["From"] == "Consulate <line@example.org>" and mails.recipients == [OFFICE]
    text = letter.get_body(("plain",))
    assert text is not None and "Calls: 7\r\n" in text.get_content().replace("\n", "\r\n").replace("\r\r", "\r")
    pdf, book = letter.iter_attachments()
    assert (pdf.get_content_type(), pdf.get_filename()) == ("application/pdf", "report-2026-11-26-hour.pdf")
    assert "Calls of Thu 26 Nov 2026" in PdfReader(BytesIO(pdf.get_content())).pages[0].extract_text()
    rows = list(load_workbook(BytesIO(book.get_content())).worksheets[0].iter_rows(values_only=True))
    assert rows[1][:2] == ("2026-11-26 11:00", 7)


async def test_nothing_is_sent_twice_not_even_by_two_desks_or_after_a_restart(
    url: str, engine: AsyncEngine, mails: MailServer
) -> None:
    both = wanted((OFFICE, MINISTRY), (OFFICE,))
    one = Sender(url, engine, mails, both)
    await one.look()
    assert len(mails.letters) == 3
    for _ in range(3):
        await Sender(url, engine, mails, both).look(timedelta(minutes=5))
    await one.look(timedelta(hours=12))
    assert len(mails.letters) == 3
    await one.look(timedelta(hours=12))
    assert len(mails.letters) == 5, "the next day has its own"
    mailing = Mailing("day", date(2026, 1, 1), OFFICE)
    assert [await report_mails.claim(engine, mailing, one.now) for _ in range(2)] == [True, False]


async def test_after_an_outage_the_missed_days_are_sent_and_a_new_address_gets_the_last_report_only(
    url: str, engine: AsyncEngine, mails: MailServer
) -> None:
    await Sender(url, engine, mails, wanted((OFFICE,))).look()
    after = Sender(url, engine, mails, wanted((OFFICE, MINISTRY)))
    await after.look(timedelta(days=2))
    assert len(mails.letters) == 1 + 2 + 1
    assert mails.recipients.count(MINISTRY) == 1


def test_of_a_long_outage_the_reports_of_the_last_seven_days_are_due() -> None:
    now = datetime(2026, 11, 27, 7, tzinfo=PARIS)
    assert [found.last.day for found in due(Every.DAY, AT, PARIS, now)] == [26, 25, 24, 23, 22, 21, 20]
    assert [found.last.day for found in due(Every.WEEK, AT, PARIS, now)] == [22]
    assert [found.last.month for found in due(Every.MONTH, AT, PARIS, now)] == [10]


async def test_what_the_server_does_not_take_is_tried_again_later_and_a_broken_connection_is_not(
    url: str, engine: AsyncEngine, mails: MailServer
) -> None:
    sender = Sender(url, engine, mails, wanted((OFFICE,)))
    mails.refuses = {"data": "451 try again later"}
    await sender.look()
    await sender.look(FIRST_PAUSE / 2)
    mails.refuses = {}
    await sender.look(timedelta(seconds=1))
    assert mails.letters == [], "the pause is not over"
    await sender.look(FIRST_PAUSE)
    assert len(mails.letters) == 1
    mails.refuses = {"data": "break off"}
    await sender.look(timedelta(days=1))
    mails.refuses = {}
    await sender.look(timedelta(hours=5))
    assert len(mails.letters) == 1, "it may have arrived"
    async with reading(engine) as connection:
        rows = (await connection.execute(select(ReportMail.tries, ReportMail.problem).order_by(ReportMail.first))).all()
    assert [tuple(row) for row in rows] == [(2, None), (1, BROKE_OFF)]


async def test_a_desk_that_ended_while_it_sent_leaves_the_report_as_it_is(
    url: str, engine: AsyncEngine, mails: MailServer
) -> None:
    sender = Sender(url, engine, mails, wanted((OFFICE,)))
    assert await report_mails.claim(engine, Mailing("day", date(2026, 11, 26), OFFICE), sender.now)
    await sender.look()
    assert mails.letters == []
