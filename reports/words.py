"""The words and numbers of reports in each language: English in the code, the others in `reports/locale`."""

import gettext
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LANGUAGES = ("fr", "ar", "en")
FOLDER = Path(__file__).parent / "locale"

_LOCALES = {"ar": "ar_MA", "en": "en_GB"}
UNKNOWN = "–"
"""Stands where there is no figure."""

_MANY = 10_000


def N_(text: str) -> str:  # noqa: N802 - gettext's own name, which extractors know
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Words:
    """The words of one language."""

    code: str
    translations: gettext.NullTranslations

    @cached_property
    def locale(self) -> Locale:
        return Locale.parse(_LOCALES.get(self.code, self.code))

    @property
    def is_rtl(self) -> bool:
        return bool(self.locale.text_direction == "rtl")

    def text(self, text: str, **values: object) -> str:
        """Return a text of the catalogues in this language."""
        translated = self.translations.gettext(text)
        return translated % values if values else translated

    def day(self, day: date) -> str:
        """Return a day as people write it."""
        return str(format_date(day, "medium", locale=self.locale))

    def weekday(self, day: date) -> str:
        """Return a day with the name of its weekday, both short."""
        return str(format_date(day, "EEE d MMM y", locale=self.locale))

    def days(self, first: date, last: date) -> str:
        """Return a period of days as people write it."""
        return self.text(N_("%(first)s to %(last)s"), first=self.day(first), last=self.day(last))

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with its thousands separated, and this many digits after the point."""
        pattern = "#,##0" if not digits else "#,##0." + "0" * digits
        return _decimal(value, pattern, self.locale)

    def percent(self, share: float | None) -> str:
        """Return a share of 1 as a percentage with one digit after the point; a dash for None."""
        if share is None:
            return UNKNOWN
        pattern = self.locale.percent_formats[None].pattern.replace("##0", "##0.0")
        return _percent(share, pattern, self.locale)

    def tenths(self, value: float | None) -> str:
        """Return a number with one digit after the point; a dash for None."""
        return UNKNOWN if value is None else self.number(value, 1)

    def count(self, value: int | None) -> str:
        """Return a number of things; a dash for None."""
        return UNKNOWN if value is None else self.number(value)

    def hours(self, seconds: float | None) -> str:
        """Return a time in hours and minutes; a dash for None."""
        if seconds is None:
            return UNKNOWN
        minutes = round(seconds / 60)
        return f"{minutes // 60}:{minutes % 60:02}"

    def language_name(self, code: str) -> str:
        """Return the name of a caller's language; its code if it has none."""
        try:
            return str(Locale.parse(code).get_display_name(self.locale) or code)
        except (ValueError, UnknownLocaleError):
            return code

    def country_name(self, code: str) -> str:
        """Return the name of a country; its code if it has none."""
        return str(self.locale.territories.get(code, code))


# The same numbers stand in many cells, and a long report has tens of thousands of them.
@lru_cache(_MANY)
def _decimal(value: float, pattern: str, locale: Locale) -> str:
    return str(format_decimal(value, format=pattern, locale=locale))


@lru_cache(_MANY)
def _percent(share: float, pattern: str, locale: Locale) -> str:
    return str(format_percent(share, format=pattern, locale=locale))


@cache
def load(code: str) -> Words:
    """Return the words of a language; English for one that reports do not have."""
    return Words(code, translations(FOLDER, code)) if code in LANGUAGES else load("en")


def translations(folder: Path, code: str) -> gettext.NullTranslations:
    """Return the texts of a language from its catalogue in a folder; none if it has no catalogue."""
    path = folder / f"{code}.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
