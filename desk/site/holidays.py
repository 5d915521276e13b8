"""Days against the country's calendar of holidays: those of `site.toml`, and those that were changed at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from desk.site.hours import own_days
from desk.site.site_toml import Edit, edit_of, table_of


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A day that was changed at once. `value`: what the file would say instead."""

    day: date
    name: str
    is_holiday: bool
    by: str
    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A day on which something else holds than on others of its weekday, for the list below the calendar.

    `spans`: the hours that it has of its own, by the file; None: it is about a holiday. `at_once`: not in the file.
    """

    day: date
    spans: tuple[str, ...] | None = None
    name: str = ""
    is_holiday: bool = False
    at_once: AtOnce | None = None


def file_days(site: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the days that the file names against the country's calendar of holidays."""
    return table_of(table_of(site, "hours"), "holiday")


def exceptions(site: Mapping[str, Any], at_once: Sequence[AtOnce], first: date, language: str) -> list[Entry]:
    """Return the days from `first` on that the file names, and those that were changed at once.

    Raises:
        ValueError: The file's days are not right.
    """
    found = [Entry(date.fromisoformat(day), tuple(map(str, spans))) for day, spans in own_days(site).items()]
    for day, value in file_days(site).items():
        names = value if isinstance(value, dict) else {"": "" if isinstance(value, bool) else str(value)}
        name = next((str(names[code]) for code in (language, "en", "") if code in names), "")
        found.append(
            Entry(date.fromisoformat(day), name=name or next(iter(names.values()), ""), is_holiday=value is not False)
        )
    found += [Entry(one.day, name=one.name, is_holiday=one.is_holiday, at_once=one) for one in at_once]
    return sorted((one for one in found if one.day >= first), key=lambda one: (one.day, one.at_once is not None))


def holiday_edits(site: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Edit]:
    """Return the edits that name days against the calendar of holidays, or (None) no longer name them."""
    present = dict(file_days(site))
    changed = {
        day: value
        for day, value in wanted.items()
        if present.get(day) != value or type(present.get(day)) is not type(value)
    }
    left = {day: value for day, value in {**present, **changed}.items() if value is not None}
    if present and not left:
        return [edit_of(["hours", "holiday"], None)]
    return [edit_of(["hours", "holiday", day], value) for day, value in sorted(changed.items())]


def at_once_of(answer: Mapping[str, Any]) -> list[AtOnce]:
    """Return the days of an answer of `/holidays` that were changed at once."""
    return [
        AtOnce(date.fromisoformat(row["date"]), row["name"], row["holiday"], row["by"], row["value"])
        for row in answer["at_once"]
    ]
