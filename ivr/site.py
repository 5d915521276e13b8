"""The site: its file `site.toml`, checked where it enters. Everything in it is data of the administrator."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from routing.hours import WEEKDAYS, Plan

LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")]
Place = Sequence[int | str]
"""Names and indexes that lead to a value."""

_HEADER = re.compile(r"^\s*\[")
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SPAN = re.compile(f"{_TIME}-(?:{_TIME}|24:00)")


class SiteError(Exception):
    """One sentence for each thing that is wrong with a file of the site: file, line, what was found, what is right."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Carrier(_Strict):
    """Who may bring calls, by the addresses that it sends from."""

    name: Name
    hosts: tuple[str, ...] = Field(min_length=1)
    codecs: tuple[str, ...] = ("alaw", "ulaw")


class Number(_Strict):
    """A number that callers dial, with its + (carriers may write it with 00 or without); `country` is absent where
    several countries share it."""

    number: str = Field(pattern=r"^\+[1-9][0-9]{4,14}$")
    country: CountryCode | None = None


class Country(_Strict):
    """The languages that are likely there, likeliest first; the others follow in the site's order."""

    languages: tuple[LanguageCode, ...] = Field(min_length=1)


def _weekday(name: str) -> str:
    if name not in WEEKDAYS:
        raise ValueError(f"{name!r} is no weekday; the names are {', '.join(WEEKDAYS)}")
    return name


def _spans(text: str) -> str:
    if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
        raise ValueError(f"{text!r} is no span; write opening and closing time such as 08:00-20:00, or until 24:00")
    return text


class Hours(_Strict):
    timezone: str
    week: dict[Annotated[str, AfterValidator(_weekday)], tuple[Annotated[str, AfterValidator(_spans)], ...]]

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one such as Africa/Casablanca") from None
        return name

    def plan(self) -> Plan:
        return Plan(
            ZoneInfo(self.timezone),
            {WEEKDAYS.index(day): [_span(span) for span in spans] for day, spans in self.week.items()},
        )


def _span(text: str) -> tuple[time, time]:
    first, last = text.split("-")
    return time.fromisoformat(first), time.max if last == "24:00" else time.fromisoformat(last)


class Operators(_Strict):
    ring_s: float = Field(15, ge=3, le=120)
    wrap_up_s: float = Field(20, ge=0, le=3600)
    level: int = Field(1, ge=1, le=5)  # the least level that a caller is served with
    address: str = Field("PJSIP/{id}", pattern=r"^PJSIP/[a-zA-Z0-9_/:@.-]*\{id\}[a-zA-Z0-9_:@.-]*$")


class Database(_Strict):
    url: str | None = None  # absent: SQLite in HATIF_HOME


class Site(_Strict):
    """What `site.toml` says."""

    name: Name
    node: Name = "node1"
    node_number: int = Field(1, ge=1, le=9)  # the first digit of this node's case references
    languages: tuple[LanguageCode, ...] = Field(min_length=1)
    hours: Hours
    operators: Operators = Operators()
    database: Database = Database()
    sip_bind: str = "127.0.0.1"
    carrier: tuple[Carrier, ...] = Field(min_length=1)
    number: tuple[Number, ...] = Field(min_length=1)
    countries: dict[CountryCode, Country] = {}

    def language_order(self, country: str | None) -> tuple[str, ...]:
        """All languages, those likely in `country` first."""
        likely = self.countries[country].languages if country in self.countries else ()
        return (*likely, *(each for each in self.languages if each not in likely))

    def number_dialled(self, dialled: str) -> Number | None:
        return next((n for n in self.number if dialled == n.number), None)


def country_of(caller: str) -> str | None:
    """The country (ISO) of a caller's number, by its prefix; None where it tells none (hidden, garbage, shared)."""
    digits = re.sub(r"[^\d+]", "", caller)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException:
        return None
    region: str | None = phonenumbers.region_code_for_number(number)
    if (
        region is None and number.country_code is not None
    ):  # a range that nobody has yet: the code's main country is the best guess
        region = phonenumbers.region_code_for_country_code(number.country_code)
    return region if region and len(region) == 2 and region.isalpha() else None


def load(folder: Path) -> Site:
    """The site of a folder. Raises SiteError with a line for each mistake."""
    path = folder / "site.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: cannot be read ({error}); it must be a UTF-8 text file.") from None
    try:
        site = Site.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"at line ([0-9]+)", str(error))
        line = int(told[1]) if told else len(text.splitlines())
        raise SiteError(f"{path}:{line}: {error}; write it as TOML.") from None
    except ValidationError as error:
        found: list[tuple[Place, str]] = [(each["loc"], what_is_wrong(each)) for each in error.errors()]
    else:
        found = list(_disagreements(site))
        if not found:
            return site
    raise SiteError("\n".join(f"{path}:{_line(text, place)}: {named(place)}: {what}." for place, what in found))


def _disagreements(site: Site) -> Iterator[tuple[Place, str]]:
    """What is right by itself and wrong beside the rest of the file."""
    for index, number in _repeated([each.number for each in site.number]):
        yield ("number", index, "number"), f"the number {number} stands twice; each may stand once"
    for index, name in _repeated([each.name for each in site.carrier]):
        yield ("carrier", index, "name"), f"the carrier {name!r} stands twice; give each a name of its own"
    for _, language in _repeated(site.languages):
        yield ("languages",), f"the language {language!r} stands twice; write it once"
    for code, country in site.countries.items():
        place: Place = ("countries", code, "languages")
        for _, language in _repeated(country.languages):
            yield place, f"the language {language!r} stands twice; write it once"
        for language in country.languages:
            if language not in site.languages:
                yield place, f"the language {language!r} is none of this site; it has {', '.join(site.languages)}"


def _repeated(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Those that stood before, with their places."""
    return ((index, value) for index, value in enumerate(values) if value in values[:index])


def named(place: Place) -> str:
    """The place in words; pydantic's own mark for a name that is wrong is left out."""
    return ".".join(str(part) for part in place if part != "[key]")


def what_is_wrong(error: ErrorDetails) -> str:
    """A sentence of a value that pydantic refused: what it should be and what was found, without a full stop."""
    match error["type"]:
        case "missing":
            return "is missing; write it"
        case "extra_forbidden":
            return "is no name that may stand here; mend or delete it"
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
    return f"{error['msg']}, found {repr(error['input'])[:80]}"


def _line(text: str, place: Place) -> int:
    """The line where a value stands, as near as its names lead: tables, the n-th of an array, then the key."""
    lines = text.splitlines()
    at, table = 0, False
    for index, part in enumerate(place):
        if isinstance(part, int):
            continue
        nth = place[index + 1] if index + 1 < len(place) else 0
        skip = nth if isinstance(nth, int) else 0
        header = re.compile(rf"^\s*\[\[?\s*([\w-]+\.)*{re.escape(part)}\s*(\.[\w.-]+)?\]\]?")
        key = re.compile(rf"^\s*{re.escape(part)}\s*=")
        after = at + 1 if table else at
        end = next((n for n in range(after, len(lines)) if _HEADER.match(lines[n])), len(lines))
        if keys := [n for n in range(after, end) if key.match(lines[n])]:
            at = keys[0]
        elif tables := [n for n in range(at, len(lines)) if header.match(lines[n])][skip:]:
            at, table = tables[0], True
    return at + 1
