"""The numbers of the site, as `site.toml` says them, and what a caller from there gets."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desk.page.texts import N_, Problem
from desk.site.site_toml import Edit, edit_of, table_of

AT_ONCE, WHEN_NEEDED = "at_once", "when_needed"

_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")

_BAD_NUMBER = N_("Write the number with + and its country code, such as +33800212000.")
_TWICE = N_("The site has the number %(number)s already.")
_BAD_COUNTRY = N_("Choose a country, or several countries.")
_NO_LANGUAGES = N_("Choose at least one language.")
_LANGUAGE_TWICE = N_("Choose each language once.")


@dataclass(frozen=True, slots=True)
class Number:
    """A number. `languages`: as the file orders them for its country; `own_hours`: it has a weekly plan of its own."""

    number: str
    country: str | None
    answer: str
    languages: tuple[str, ...]
    own_hours: bool
    index: int

    @property
    def mark(self) -> str:
        """A hash of the number's values."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A number's values as they were typed."""

    number: str
    country: str
    answer: str
    languages: tuple[str, ...]


def read(site: Mapping[str, Any]) -> list[Number]:
    """Return the numbers in the order of the file."""
    lines = table_of(table_of(site, "hours"), "line")
    found = []
    for index, row in enumerate(site.get("number", ())):
        number, country = str(row.get("number", "")), row.get("country")
        languages = languages_of(site, country)
        answer = str(row.get("answer", AT_ONCE))
        found.append(Number(number, country, answer, languages, number in lines, index))
    return found


def languages_of(site: Mapping[str, Any], country: str | None) -> tuple[str, ...]:
    """Return the languages that the file names for a country; those for unknown countries, without one."""
    if country is None:
        return tuple(site.get("unknown_country", ()))
    return tuple(table_of(table_of(site, "countries"), country).get("languages", ()))


def in_order(site: Mapping[str, Any], languages: Sequence[str]) -> list[str]:
    """Return all languages of the site as a caller hears them: the likely ones, then the others."""
    everything = [str(code) for code in site.get("languages", ())]
    return [*languages, *(code for code in everything if code not in languages)]


def plain(number: str) -> str:
    """Return a number as it is kept: without the signs with which people group its digits."""
    text = re.sub(r"[\s().\-/\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", number)
    return f"+{text[2:]}" if text.startswith("00") else text


def problems_of(wanted: Wanted, former: Number | None, present: Sequence[Number]) -> dict[str, Problem]:
    """Return what is wrong with what was typed, by field."""
    found: dict[str, Problem] = {}
    if not _NUMBER.fullmatch(wanted.number):
        found["number"] = _BAD_NUMBER, {}
    elif any(row.number == wanted.number for row in present if former is None or row.index != former.index):
        found["number"] = _TWICE, {"number": wanted.number}
    if wanted.country and not _COUNTRY.fullmatch(wanted.country):
        found["country"] = _BAD_COUNTRY, {}
    if not wanted.languages:
        found["languages"] = _NO_LANGUAGES, {}
    elif len(set(wanted.languages)) < len(wanted.languages):
        found["languages"] = _LANGUAGE_TWICE, {}
    return found


def edits_of(site: Mapping[str, Any], wanted: Wanted, former: Number | None) -> list[Edit]:
    """Return the edits that bring what was typed into the file; only values that differ are among them."""
    country = wanted.country or None
    edits: list[Edit] = []
    if former is None:
        row = {"number": wanted.number, **({"country": country} if country else {})}
        row |= {"answer": wanted.answer} if wanted.answer != AT_ONCE else {}
        edits.append(edit_of(["number", len(site.get("number", ()))], row))
    else:
        edits += _changed(site, wanted, former)
    present = languages_of(site, country)
    # The languages are the country's, for all its numbers: one that comes to it takes them as they are.
    untouched = former is None or (country != former.country and wanted.languages == former.languages)
    if present != wanted.languages and not (present and untouched):
        place = ["countries", country, "languages"] if country else ["unknown_country"]
        edits.append(edit_of(place, list(wanted.languages)))
    return edits


def edits_without(number: Number) -> list[Edit]:
    """Return the edits that remove a number, and the plan that only it has."""
    edits = [edit_of(["number", number.index], None)]
    return [*edits, edit_of(["hours", "line", number.number], None)] if number.own_hours else edits


def _changed(site: Mapping[str, Any], wanted: Wanted, former: Number) -> list[Edit]:
    edits: list[Edit] = []
    if wanted.number != former.number:
        edits.append(edit_of(["number", former.index, "number"], wanted.number))
        if former.own_hours:
            plan = table_of(table_of(table_of(site, "hours"), "line"), former.number)
            edits += [
                edit_of(["hours", "line", former.number], None),
                edit_of(["hours", "line", wanted.number], dict(plan)),
            ]
    if (wanted.country or None) != former.country:
        edits.append(edit_of(["number", former.index, "country"], wanted.country or None))
    if wanted.answer != former.answer:
        answer = wanted.answer if wanted.answer != AT_ONCE else None
        edits.append(edit_of(["number", former.index, "answer"], answer))
    return edits
