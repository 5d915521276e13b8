"""The words of the pages: English in the code, other languages in gettext catalogues (`desk/locale`).

The catalogues are read as they are (`.po`); nothing has to be compiled.
"""

import gettext
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_percent

from reports.words import translations

LANGUAGES = ("fr", "ar", "en")
"""Of the pages, the first one for browsers that ask for another."""

FOLDER = Path(__file__).parent.parent / "locale"

Problem = tuple[str, dict[str, object]]
"""A text of the catalogues, and its values."""


_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})
"""Codes of Unicode's list that are not countries."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name, which extractors know
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Language:
    """A language of the pages."""

    code: str
    translations: gettext.NullTranslations

    @cached_property
    def locale(self) -> Locale:
        return Locale.parse({"ar": "ar_MA", "en": "en_GB"}.get(self.code, self.code))

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def text(self, text: str, **values: object) -> str:
        """Return a text of the catalogues in this language."""
        translated = self.translations.gettext(text)
        return translated % values if values else translated

    def language_name(self, code: str | None) -> str:
        """Return the name of a caller's language."""
        if code is None:
            return self.text(N_("any language"))
        try:
            name = Locale.parse(code).get_display_name(self.locale)
        except (ValueError, UnknownLocaleError):
            return code
        return str(name or code)

    @cached_property
    def countries(self) -> tuple[tuple[str, str], ...]:
        """Codes and names of all countries, by name."""
        named = ((code, str(name)) for code, name in self.locale.territories.items() if len(code) == 2)
        return tuple(sorted((row for row in named if row[0] not in _NO_COUNTRIES), key=lambda row: row[1]))

    def day(self, instant: datetime | None, zone: str) -> str:
        """Return an instant as day and time of a zone; nothing without one."""
        return format_datetime(instant, "short", tzinfo=ZoneInfo(zone), locale=self.locale) if instant else ""

    def short_day(self, day: date) -> str:
        """Return a day without a time."""
        return format_date(day, "short", locale=self.locale)

    def clock_time(self, instant: datetime, zone: str) -> str:
        """Return the time of day of an instant in a zone."""
        return format_time(instant.astimezone(ZoneInfo(zone)), "short", locale=self.locale)

    def percent(self, share: float) -> str:
        """Return a share in whole per cent."""
        return format_percent(share, locale=self.locale)

    def country_name(self, code: str | None) -> str:
        """Return the name of a country; of none: that it is not known."""
        if code is None:
            return self.text(N_("unknown country"))
        return str(self.locale.territories.get(code, code))


def load(folder: Path = FOLDER) -> dict[str, Language]:
    """Return all languages of the pages."""
    return {code: Language(code, translations(folder, code)) for code in LANGUAGES}


def choose(accepted: str) -> str:
    """Return the language for a browser, from its Accept-Language."""
    wanted = []
    for part in accepted[:500].split(","):
        code, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), code.split("-")[0].lower()))
        except ValueError:
            continue
    return negotiate_locale([code for _, code in sorted(wanted, key=lambda item: item[0])], LANGUAGES) or LANGUAGES[0]
