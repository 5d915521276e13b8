"""The site: its file `site.toml`, checked where it enters. Everything in it is data of the administrator."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ivr.e164 import Rules, main_country
from ivr.findings import Finding
from ivr.findings import SiteError as SiteError
from ivr.site_addresses import BindAddress, CarrierHost, overlap
from ivr.site_callbacks import Callbacks
from ivr.site_carriers import Carrier, Limits
from ivr.site_codes import Codes
from ivr.site_hours import Hours
from ivr.site_routing import Routing
from ivr.site_silence import Silence
from prompts import site_files
from prompts.voices import choice

LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")]
Place = Sequence[int | str]
"""Names and indexes that lead to a value."""
Fault = tuple[str, Place, str]
"""A finding's code, where it is, and what there is to say."""

_HEADER = re.compile(r"^\s*\[")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(_Strict):
    """A number that callers dial, with its + (carriers may write it with 00 or without); `country` is absent where
    several countries share it."""

    number: str = Field(pattern=r"^\+[1-9][0-9]{4,14}$")
    country: CountryCode | None = None


class Country(_Strict):
    """The languages that are likely there, likeliest first; the others follow in the site's order."""

    languages: tuple[LanguageCode, ...] = Field(min_length=1)


PauseReason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]


UserAgent = Annotated[str, Field(min_length=2, max_length=60)]


class Operators(_Strict):
    ring_s: float = Field(15, ge=3, le=120)
    wrap_up_s: float = Field(20, ge=0, le=3600)
    wrap_up_more_s: float = Field(60, ge=1, le=3600)  # what one extension adds
    wrap_up_longest_s: float = Field(300, ge=0, le=3600)  # of a wrap-up with all its extensions
    pauses: tuple[PauseReason, ...] = Field(("break", "lunch", "meeting", "training"), min_length=1, max_length=9)
    level: int = Field(1, ge=1, le=5)  # the least level that a caller is served with, but as a last resort
    whisper: bool = True  # who picks up hears what is coming before he is with the caller
    rtp_timeout_s: int = Field(10, ge=2, le=600)  # a telephone that sends nothing for so long has vanished
    shows_messages: tuple[UserAgent, ...] = Field(("Linphone", "baresip v"), max_length=50)  # how telephones begin
    told_of_supervision: bool = False  # a supervisor who hears him is announced to the operator
    networks: tuple[CarrierHost, ...] = ()  # where their telephones are, for `hatif firewall`
    address: str = Field("PJSIP/{id}", pattern=r"^PJSIP/[a-zA-Z0-9_/:@.-]*\{id\}[a-zA-Z0-9_:@.-]*$")


class Recording(_Strict):
    conversations: bool = False  # only of callers who agreed by key


class Database(_Strict):
    url: str | None = None  # absent: SQLite in HATIF_HOME


class Site(_Strict):
    """What `site.toml` says."""

    name: Name
    node: Name = "node1"
    node_number: int = Field(1, ge=1, le=9)  # the first digit of this node's case references
    languages: tuple[LanguageCode, ...] = Field(min_length=1)
    recorded_only: tuple[LanguageCode, ...] = ()  # no voice speaks them; off until they are in `languages` as well
    voices: dict[LanguageCode, str] = {}  # instead of the table's: docs/voices-on-request.md
    fallback: dict[LanguageCode, Annotated[tuple[LanguageCode, ...], Field(min_length=1)]] = {}
    hours: Hours
    operators: Operators = Operators()
    codes: Codes = Codes()
    routing: Routing = Routing()
    limits: Limits = Limits()
    callbacks: Callbacks = Callbacks()
    recording: Recording = Recording()
    silence: Silence = Silence()
    caller_memory: bool = True  # a number that called before is greeted in its last language
    probe_s: float = Field(60, ge=0, le=3600)  # how often the line calls itself, as a test; 0: never
    database: Database = Database()
    sip_bind: BindAddress = "127.0.0.1"
    carrier: tuple[Carrier, ...] = Field(min_length=1)
    number: tuple[Number, ...] = Field(min_length=1)
    countries: dict[CountryCode, Country] = {}

    def language_order(self, country: str | None) -> tuple[str, ...]:
        """All languages, those likely in `country` first; a territory that is not listed has those of the country
        whose code it shares (Guernsey those of GB)."""
        if country is not None and country not in self.countries:
            country = main_country(country)
        likely = self.countries[country].languages if country in self.countries else ()
        return (*likely, *(each for each in self.languages if each not in likely))

    def fallback_chain(self, language: str) -> tuple[str, ...]:
        """The languages whose audio replaces a missing or broken file of this one, best first."""
        return self.fallback.get(language) or tuple(each for each in self.languages if each != language)

    def calls_by_source(self, address: str) -> int:
        """Return how many calls this address of a carrier may bring at once."""
        sender = ip_address(address)
        carriers = sorted((each for each in self.carrier if each.has(sender)), key=lambda carrier: not carrier.hosts)
        return (carriers[0].calls_by_source if carriers else None) or self.limits.calls_by_source

    def number_rules(self, carrier: str | None, number: str | None) -> Rules:
        """Return how callers' numbers are written in a call that `carrier` brought to `number` (one of the site's)."""
        by = next((each for each in self.carrier if each.name == carrier), None)
        dialled = self.number_dialled(number or "")
        country = dialled.country if dialled is not None else None
        if by is None:
            return Rules(country)
        return Rules(by.country or country, by.national_prefix, by.international_prefix)

    def number_dialled(self, dialled: str) -> Number | None:
        return next((n for n in self.number if dialled == n.number), None)


def load(folder: Path) -> Site:
    """The site of a folder. Raises SiteError with a line for each mistake."""
    path = folder / "site.toml"
    try:
        text = site_files.text(path)
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"cannot be read ({error}); it must be a UTF-8 text file"
        raise SiteError(Finding.told("E_SITE_FILE", str(path), 1, sentence)) from None
    try:
        site = Site.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"at line ([0-9]+)", str(error))
        line = int(told[1]) if told else len(text.splitlines())
        raise SiteError(Finding("E_SITE_FILE", str(path), line, str(error), "write it as TOML")) from None
    except ValidationError as error:
        found: list[Fault] = [("E_SITE_VALUE", each["loc"], what_is_wrong(each)) for each in _first_causes(error)]
    else:
        found = list(_disagreements(site))
        if not found:
            return site
    raise SiteError(
        *(Finding.told(code, str(path), line_in(text, place), f"{named(place)}: {what}") for code, place, what in found)
    )


def _first_causes(error: ValidationError) -> list[ErrorDetails]:
    """Leave out lists that are "too short" only because a value in them was refused."""
    found = error.errors()
    return [
        each
        for each in found
        if each["type"] != "too_short"
        or not any(each["loc"] != other["loc"] and other["loc"][: len(each["loc"])] == each["loc"] for other in found)
    ]


def _disagreements(site: Site) -> Iterator[Fault]:
    """What is right by itself and wrong beside the rest of the file."""
    twice, known = "E_SITE_TWICE", ", ".join(site.languages)
    for index, number in _repeated([each.number for each in site.number]):
        yield twice, ("number", index, "number"), f"the number {number} stands twice; each may stand once"
    for index, name in _repeated([each.name for each in site.carrier]):
        yield twice, ("carrier", index, "name"), f"the carrier {name!r} stands twice; give each a name of its own"
    yield from _shared_hosts(site)
    for index, carrier in enumerate(site.carrier):
        if not carrier.hosts and not carrier.password:
            what = "nothing tells whose calls are this carrier's; list the addresses that they come from, or write "
            yield "E_SITE_CARRIER", ("carrier", index, "hosts"), f"{what}password = true"
    for _, language in _repeated(site.languages):
        yield twice, ("languages",), f"the language {language!r} stands twice; write it once"
    for _, language in _repeated(site.recorded_only):
        yield twice, ("recorded_only",), f"the language {language!r} stands twice; write it once"
    for _, reason in _repeated(site.operators.pauses):
        yield twice, ("operators", "pauses"), f"the pause {reason!r} stands twice; write it once"
    yield from _wrong_voices(site)
    yield from _wrong_fallbacks(site)
    yield from _wrong_hours(site)
    yield from _wrong_trunk(site)
    for code, country in site.countries.items():
        place: Place = ("countries", code, "languages")
        for _, language in _repeated(country.languages):
            yield twice, place, f"the language {language!r} stands twice; write it once"
        for language in country.languages:
            if language not in site.languages:
                yield "E_SITE_LANGUAGE", place, f"the language {language!r} is none of this site; it has {known}"


def _shared_hosts(site: Site) -> Iterator[Fault]:
    """Asterisk knows a carrier by its address, so no two may have one in common."""
    before: list[tuple[str, str]] = []
    for index, carrier in enumerate(site.carrier):
        for host in carrier.hosts:
            for other, name in before:
                if overlap(host, other):
                    what = f"{host} of {carrier.name!r} is also {other} of {name!r}; give each address to one carrier"
                    yield "E_SITE_TWICE", ("carrier", index, "hosts"), what
            before.append((host, carrier.name))


def _wrong_voices(site: Site) -> Iterator[Fault]:
    code, spoken = "E_SITE_VOICE", [each for each in site.languages if each not in site.recorded_only]
    for language, name in site.voices.items():
        place: Place = ("voices", language)
        if language not in spoken:
            yield code, place, f"no voice speaks {language!r} in this site; write some of {', '.join(spoken)}"
        elif mistake := choice.mistake(language, name):
            yield code, place, mistake


def _wrong_fallbacks(site: Site) -> Iterator[Fault]:
    code, known = "E_FALLBACK_LANGUAGE", ", ".join(site.languages)
    for language, chain in site.fallback.items():
        place: Place = ("fallback", language)
        if language not in (*site.languages, *site.recorded_only):
            yield code, place, f"{language!r} is none of this site's languages; it has {known}"
        for _, other in _repeated(chain):
            yield code, place, f"the language {other!r} stands twice; write it once"
        for other in chain:
            if other == language:
                yield code, place, f"{language!r} cannot replace itself; name other languages"
            elif other not in site.languages:
                yield code, place, f"the language {other!r} is none that callers can choose; write some of {known}"


def _wrong_hours(site: Site) -> Iterator[Fault]:
    for number in site.hours.line:
        if site.number_dialled(number) is None:
            place: Place = ("hours", "line", number)
            yield "E_NUMBER_UNKNOWN", place, f"the number {number!r} is none of this site; write one with its +"
    for language in site.hours.language:
        if language not in site.languages:
            place, known = ("hours", "language", language), ", ".join(site.languages)
            yield "E_SITE_LANGUAGE", place, f"the language {language!r} is none of this site; it has {known}"


def _wrong_trunk(site: Site) -> Iterator[Fault]:
    if site.callbacks.trunk is not None and not any(
        each.dial for each in site.carrier if each.name == site.callbacks.trunk
    ):
        place: Place = ("callbacks", "trunk")
        ready = ", ".join(each.name for each in site.carrier if each.dial) or 'none has dial = "ADDRESS:PORT" yet'
        yield (
            "E_SITE_TRUNK",
            place,
            f"{site.callbacks.trunk!r} is no carrier that takes calls; write one of them: {ready}",
        )


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
    found = f"found {repr(error['input'])[:80]}"
    if error["type"] == "string_pattern_mismatch" and (remedy := _written(error["ctx"]["pattern"])) is not None:
        return f"{found}; {remedy}"
    return f"{error['msg']}, {found}"


def _written(pattern: str) -> str | None:
    """How to write what a pattern of the flow wants; None for another one."""
    if pattern == "^[0-9]$":
        return "write one key, 0 to 9"
    if not pattern.startswith("^[a-z][a-z0-9"):
        return None
    longest = re.search(r"\{0,([0-9]+)\}\$$", pattern)
    most = f", {int(longest[1]) + 1} at most" if longest else ""
    return f"write small letters, digits and _, beginning with a letter{most}"


def line_in(text: str, place: Place) -> int:
    """The line where a value stands, as near as its names lead: tables, the n-th of an array, then the key."""
    lines = text.splitlines()
    at, table = 0, False
    for index, part in enumerate(place):
        if isinstance(part, int):
            continue
        nth = place[index + 1] if index + 1 < len(place) else 0
        skip = nth if isinstance(nth, int) else 0
        name = f"[\"']?{re.escape(part)}[\"']?"
        header = re.compile(rf"^\s*\[\[?\s*([\w-]+\.)*{name}\s*(\.[\w.+\"'-]+)?\]\]?")
        key = re.compile(rf"^\s*{name}\s*=")
        after = at + 1 if table else at
        end = next((n for n in range(after, len(lines)) if _HEADER.match(lines[n])), len(lines))
        if keys := [n for n in range(after, end) if key.match(lines[n])]:
            at = keys[0]
        elif tables := [n for n in range(at, len(lines)) if header.match(lines[n])][skip:]:
            at, table = tables[0], True
    return at + 1
