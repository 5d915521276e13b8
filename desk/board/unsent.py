"""The alarm for reports that could not be sent by e-mail. The desk sends them, so no event of the line tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.report_mails import Mailing, MailingState

ALARM = "report_not_sent"
"""The alarm's id, and its kind."""


@dataclass(frozen=True, slots=True)
class UnsentReports:
    """Reports that were not sent.

    Attributes:
        mailings: Which.
        begun: When the last of them was tried.
        by, at: Who sees to it, and since when; a further report that is not sent is nobody's again.
    """

    mailings: frozenset[Mailing]
    begun: datetime
    by: str | None = None
    at: datetime | None = None


def unsent(states: Sequence[MailingState], before: UnsentReports | None) -> UnsentReports | None:
    """Return what was not sent, as `before` if it is the same; None if there is nothing."""
    if not states:
        return None
    mailings = frozenset(state.mailing for state in states)
    if before is not None and mailings <= before.mailings:
        return UnsentReports(mailings, before.begun, before.by, before.at)
    return UnsentReports(mailings, max(state.begun for state in states))
