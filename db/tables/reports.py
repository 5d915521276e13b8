"""Reports that are sent by e-mail. Not written through a journal."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Table


class ReportMail(Table):
    """A report for one address. Inserted before it is sent, so that nothing is sent twice."""

    __tablename__ = "report_mail"

    every: Mapped[str] = mapped_column(primary_key=True)  # day, week, month
    first: Mapped[date] = mapped_column(primary_key=True)  # the first day that it is about, in the site's zone
    address: Mapped[str] = mapped_column(primary_key=True)
    begun: Mapped[datetime]  # the last try
    tries: Mapped[int]
    sent: Mapped[datetime | None]
    problem: Mapped[str | None]  # of the last try
