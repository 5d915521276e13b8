"""The list of consulates, `consulates.csv`: where callers of each country go, and whom they call in an emergency.

Words are ids of texts, so that callers hear them in their language. A site without the file has no consulates.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ivr.model.e164 import main_country
from ivr.site import table_file
from ivr.site.findings import Finding, SiteError
from ivr.site.guide import ProcedureStatus
from ivr.site.wording import COUNTRY, NUMBER
from prompts import site_files
from prompts.sources import is_id

FILE = "consulates.csv"
COLUMNS = (
    *("country", "city", "languages", "address", "hours", "appointment"),
    *("telephone", "duty", "not_done", "status"),
)
MOST = 8
"""Consulates of a country: they have the keys 1 to 8, since 9 changes the language and 0 asks for an operator."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")
_TEXTS = ("city", "address", "hours", "appointment", "not_done")


@dataclass(frozen=True, slots=True)
class Consulate:
    """A line of the list. `city`, `address`, `hours`, `appointment` and `not_done` are ids of texts.

    Attributes:
        telephone, duty: Numbers with their +; `duty` is for emergencies, when the consulate is closed.
        not_done: What it does not do.
    """

    country: str
    city: str
    languages: tuple[str, ...]
    address: str
    hours: str
    appointment: str
    telephone: str
    duty: str
    not_done: str
    status: ProcedureStatus
    line: int = 1

    @property
    def text_ids(self) -> tuple[str, ...]:
        return (self.city, self.address, self.hours, self.appointment, self.not_done)

    @property
    def words(self) -> str:
        """The id of what callers may say instead of its key; a site need not have that text."""
        return f"words_{self.city}"


@dataclass(frozen=True, slots=True)
class Consulates:
    """All consulates, in the order of the file."""

    entries: tuple[Consulate, ...] = ()

    def of(self, country: str | None) -> tuple[Consulate, ...]:
        """Return the consulates for callers from a country; a territory without any has those of its main country."""
        found = tuple(entry for entry in self.entries if entry.country == country)
        main = main_country(country) if country is not None and not found else country
        return self.of(main) if main != country else found

    @property
    def text_ids(self) -> set[str]:
        return {text for entry in self.entries for text in entry.text_ids}

    @property
    def words(self) -> set[str]:
        """The ids of all texts that callers may say instead of a key."""
        return {entry.words for entry in self.entries}

    @property
    def samples(self) -> tuple[Consulate, ...]:
        """Those that nobody has confirmed."""
        return tuple(entry for entry in self.entries if entry.status is ProcedureStatus.SAMPLE)

    @property
    def samples_by_country(self) -> dict[str, int]:
        """How many of them are in each country."""
        return dict(Counter(entry.country for entry in self.samples))


def read(path: Path) -> str:
    """Return the content of the file, for `parse`; empty if there is none. Raises SiteError."""
    try:
        return site_files.text(path)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise table_file.unreadable(path, "E_CONSULATE_FILE", error) from None


def parse(text: str, path: Path, countries: Collection[str] | None = None) -> Consulates:
    """Return the consulates in the content of a file; none if it is empty.

    Args:
        path: The file, for error messages.
        countries: The site's countries; None allows any.

    Raises:
        SiteError: There are mistakes; one line for each.
    """
    if not text:
        return Consulates()
    entries: list[Consulate] = []
    problems: list[Finding] = []
    for number, cells in table_file.parse(text, path, COLUMNS, "E_CONSULATE_FILE"):
        try:
            entry = _entry(cells, number, countries)
            same = [other for other in entries if other.country == entry.country]
            if any(other.city == entry.city for other in same):
                raise ValueError(f"{entry.city} occurs twice in {entry.country}; give each consulate a city of its own")
            if len(same) == MOST:
                raise ValueError(f"{entry.country} has more than {MOST} consulates, which have no key; remove some")
            entries.append(entry)
        except ValueError as error:
            problems.append(Finding.from_sentence("E_CONSULATE_ROW", str(path), number, str(error)))
    if problems:
        raise SiteError(*problems)
    return Consulates(tuple(entries))


def load(folder: Path, countries: Collection[str] | None = None) -> Consulates:
    """Return the consulates of the site in `folder`. Raises SiteError."""
    path = folder / FILE
    return parse(read(path), path, countries)


def _entry(cells: list[str], line: int, countries: Collection[str] | None) -> Consulate:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} columns; it must have {len(COLUMNS)}: {','.join(COLUMNS)}")
    row = dict(zip(COLUMNS, cells, strict=True))
    country, languages, status = row["country"], tuple(row["languages"].split()), row["status"]
    if not _COUNTRY.fullmatch(country):
        raise ValueError(f"the country {country[:40]!r} is not valid; {COUNTRY}")
    if countries is not None and country not in countries:
        raise ValueError(f"the country {country!r} is not one of the site's; write one of {', '.join(countries)}")
    for name in _TEXTS:
        if not is_id(row[name]):
            raise ValueError(f"{name} is {row[name][:60]!r}; write the id of a text, such as consulate_{name}")
    for language in languages:
        if not _LANGUAGE.fullmatch(language):
            raise ValueError(f"the language {language[:40]!r} is not valid; write codes with spaces between: fr ar")
    if not languages:
        raise ValueError("has no languages; write those that are spoken there, such as fr ar")
    for name in ("telephone", "duty"):
        if not _NUMBER.fullmatch(row[name]):
            raise ValueError(f"{name} is {row[name][:40]!r}; {NUMBER}")
    if status not in list(ProcedureStatus):
        raise ValueError(f"status is {status[:40]!r}; write {' or '.join(ProcedureStatus)}")
    words = {name: row[name] for name in (*_TEXTS, "telephone", "duty")}
    return Consulate(**words, country=country, languages=languages, status=ProcedureStatus(status), line=line)
