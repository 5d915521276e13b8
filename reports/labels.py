"""The names of a report's rows, and its title."""

from collections.abc import Mapping
from datetime import date

from reports.by import By, Key
from reports.names import Names
from reports.reading import ReportData
from reports.request import ReportRequest
from reports.words import N_, Words

BY_WORDS: Mapping[By, str] = {
    By.DAY: N_("Day"),
    By.HOUR: N_("Hour"),
    By.HALF_HOUR: N_("Half hour"),
    By.HOUR_OF_DAY: N_("Hour of the day"),
    By.LANGUAGE: N_("Language"),
    By.COUNTRY: N_("Country"),
    By.TOPIC: N_("Topic"),
    By.OPERATOR: N_("Operator"),
    By.NUMBER: N_("Number"),
    By.ENDING: N_("How it ended"),
}
"""The groupings as names of columns."""


def by_of(request: ReportRequest, words: Words) -> str:
    """Return what a report is grouped by."""
    return words.text(N_("by %(what)s"), what=", ".join(words.text(BY_WORDS[by]).lower() for by in request.by))


def days_of(request: ReportRequest, words: Words) -> str:
    """Return the days of a report."""
    if request.first == request.last:
        return words.weekday(request.first)
    return words.days(request.first, request.last)


def labels_of(request: ReportRequest, key: Key, data: ReportData, words: Words, names: Names) -> list[str]:
    """Return the labels of a row."""
    return [label_of(by, part, data, words, names) for by, part in zip(request.by, key, strict=True)]


def label_of(by: By, part: str | None, data: ReportData, words: Words, names: Names) -> str:
    if part is None:
        return words.text(N_("none"))
    match by:
        case By.DAY:
            return words.weekday(date.fromisoformat(part))
        case By.LANGUAGE:
            return words.language_name(part)
        case By.COUNTRY:
            return words.country_name(part)
        case By.TOPIC:
            return names.topics.get(part, part)
        case By.ENDING:
            return names.endings.get(part, part)
        case By.OPERATOR:
            name = data.names.get(part, "")
            return f"{name} ({part})" if name else part
        case _:
            return part
