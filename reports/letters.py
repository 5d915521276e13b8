"""The text of an e-mail with a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.labels import days_of
from reports.request import ReportRequest
from reports.words import N_, Words


@dataclass(frozen=True, slots=True)
class ReportLetter:
    """The subject and the text."""

    subject: str
    text: str


def write_letter(
    request: ReportRequest, summary: Sequence[tuple[str, str]], words: Words, address: str
) -> ReportLetter:
    """Return the letter with the main figures of a report. `address`: of the desk's page, where there is more."""
    subject = words.text(N_("Calls of %(days)s"), days=days_of(request, words))
    facts = "\n".join(f"{name}: {value}" for name, value in summary)
    more = words.text(N_("More, and any other period: %(address)s"), address=address)
    return ReportLetter(subject, f"{subject}\n\n{facts}\n\n{more}\n")
