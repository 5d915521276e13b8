"""The notes that changes leave in a case (`db.case_rows`), in the page's language: names of fields and their words.

What somebody wrote is shown as it is.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime

from desk.page.texts import N_, Language

_SENTENCES = (
    N_("The file was opened and a PIN was given to the applicant."),
    N_("A new PIN was given to the applicant."),
)
_UNMADE = N_("Not changed, since somebody else had changed the case meanwhile:")

_FIELDS: Mapping[str, str] = {
    "kind": N_("Kind"),
    "state": N_("State"),
    "topic": N_("Topic"),
    "language": N_("Language"),
    "country": N_("Country"),
    "post": N_("Consular post"),
    "caller": N_("Number"),
    "title": N_("What it is about"),
    "applicant": N_("Applicant's name"),
    "missing": N_("What the applicant still has to bring"),
    "expected": N_("Result expected"),
    "owner": N_("Who deals with it"),
    "priority": N_("Priority"),
    "follow_up": N_("Look at it again"),
    "due": N_("Due"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "enquiry": N_("Enquiry"),
        "procedure": N_("Procedure"),
        "complaint": N_("Complaint"),
        "suggestion": N_("Suggestion"),
        "observation": N_("Observation"),
        "message": N_("Message"),
        "callback": N_("Call-back"),
    },
    "state": {
        "open": N_("Open"),
        "in_progress": N_("In progress"),
        "incomplete": N_("Incomplete"),
        "ready": N_("Ready to collect"),
        "closed": N_("Closed"),
    },
    "priority": {"low": N_("Low"), "normal": N_("Normal"), "high": N_("High"), "urgent": N_("Urgent")},
    "applicant": {"removed": N_("removed"), "added": N_("added"), "changed": N_("changed")},
}
_NONE = N_("none")

_FIELD = re.compile(rf"(?:^|(?<=; ))({'|'.join(_FIELDS)}): ")
_VALUE = re.compile(r"(?:(?<=→ )|^)(?:\d{4}-\d\d-\d\dT[\d:.+]+|\d{4}-\d\d-\d\d|\w+)(?=$|; | →|\. )")


def in_words(language: Language, zone: str, text: str) -> str:
    """Return a note in the page's language; one that a person wrote is the same."""
    if text in _SENTENCES:
        return language.text(text)
    begins, rest = "", text
    if text.startswith(f"{_UNMADE} "):
        begins, rest = f"{language.text(_UNMADE)} ", text.removeprefix(f"{_UNMADE} ")
    fields = list(_FIELD.finditer(rest))
    if not fields or fields[0].start():
        return text
    ends = [*(field.start() for field in fields[1:]), len(rest)]
    shown = [
        f"{language.text(_FIELDS[field[1]])}: {_values(language, zone, field[1], rest[field.end() : end])}"
        for field, end in zip(fields, ends, strict=True)
    ]
    return begins + "".join(shown)


def _values(language: Language, zone: str, field: str, values: str) -> str:
    return _VALUE.sub(lambda value: _word(language, zone, field, value[0]), values)


def _word(language: Language, zone: str, field: str, value: str) -> str:
    if value == "none":
        return language.text(_NONE)
    if field == "language":
        return language.language_name(value)
    if field == "country":
        return language.country_name(value)
    if field in ("due", "expected", "follow_up"):
        try:
            return (
                language.day(datetime.fromisoformat(value), zone)
                if "T" in value
                else language.short_day(date.fromisoformat(value))
            )
        except ValueError:
            return value
    return language.text(_WORDS[field][value]) if value in _WORDS.get(field, {}) else value
