"""The site's file `site.toml`, which is the administrator's data, validated when it is loaded."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ivr.model.e164 import NumberRules, main_country
from ivr.site import former_settings, zones
from ivr.site.addresses import BindAddress, CarrierHost
from ivr.site.backups import Backups
from ivr.site.callbacks import Callbacks
from ivr.site.carrier_conflicts import find_conflicts, find_wrong_trunks
from ivr.site.carriers import Carrier, Limits
from ivr.site.codes import Codes
from ivr.site.desk import Desk
from ivr.site.findings import Finding
from ivr.site.findings import SiteError as SiteError
from ivr.site.hours import Hours, ZoneName
from ivr.site.reports import Reports
from ivr.site.routing import Routing
from ivr.site.sections import (
    Alarms,
    Bans,
    CallRecords,
    Database,
    Monitoring,
    Pins,
    Recording,
    Retention,
    Scoring,
    Silence,
    Speech,
)
from ivr.site.sip import Sip
from ivr.site.wording import COUNTRY, LANGUAGE, NAME, NUMBER, plain_word, written_as
from ivr.site.wrap_up import WrapUp
from prompts import site_files, toml_values
from prompts.voices import choice

LanguageCode = Annotated[str, written_as("[a-z]{2,3}", LANGUAGE)]
CountryCode = Annotated[str, written_as("[A-Z]{2}", COUNTRY)]
Name = Annotated[str, written_as("[a-z0-9][a-z0-9_-]{0,30}", NAME)]
Place = Sequence[int | str]
"""The names and indexes that lead to a value."""
Fault = tuple[str, Place, str]
"""A finding's code, its place, and the sentence."""

_HEADER = re.compile(r"^\s*\[")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(_Strict):
    """A number that callers dial, with + (carriers may send it with 00 or without); `country` is absent if several
    countries share it."""

    number: Annotated[str, written_as(r"\+[1-9][0-9]{4,14}", NUMBER)]
    country: CountryCode | None = None
    # When the line answers, from which time on a call is charged: with its first prompt, or before the first question.
    answer: Literal["at_once", "when_needed"] = "at_once"

    @property
    def early(self) -> bool:
        """Whether the line answers no earlier than the call needs it."""
        return self.answer == "when_needed"


class Country(_Strict):
    """The likely languages of a country, likeliest first; the others follow in the site's order. `timezone`: in which
    its callers hear times, instead of that of most of its people."""

    languages: tuple[LanguageCode, ...] = Field(min_length=1)
    timezone: ZoneName | None = None


PauseReason = Annotated[str, written_as("[a-z][a-z0-9_]{0,19}", plain_word(20))]
UserAgent = Annotated[str, Field(min_length=2, max_length=60)]


class Operators(_Strict):
    """Settings for all operators."""

    ring_s: float = Field(15, ge=3, le=120)
    wrap_up_s: float = Field(20, ge=0, le=3600)
    wrap_up_more_s: float = Field(60, ge=1, le=3600)  # added by one extension
    wrap_up_longest_s: float = Field(300, ge=0, le=3600)  # maximum wrap-up including all extensions
    pauses: tuple[PauseReason, ...] = Field(("break", "lunch", "meeting", "training"), min_length=1, max_length=9)
    level: int = Field(1, ge=1, le=5)  # minimum level for serving a caller, except as a last resort
    whisper: bool = True  # an operator hears language and topic before being connected
    # The beginnings of the User-Agent of telephones that display messages.
    shows_messages: tuple[UserAgent, ...] = Field(("Linphone", "baresip v"), max_length=50)
    # Those of telephones that show what is coming while they ring, so that nothing is said before the conversation.
    shows_callers: tuple[UserAgent, ...] = Field(("Linphone", "baresip v"), max_length=50)
    told_of_supervision: bool = False  # an operator is told when a supervisor listens
    # Of their telephones, besides `own_networks` of [sip]; also for `hatif firewall`.
    networks: tuple[CarrierHost, ...] = ()
    # Operators whose telephones may be anywhere, and are encrypted; "*": all. Those of others are in our networks.
    outside: tuple[Annotated[str, written_as(r"\*|[1-9][0-9]{2,7}", "write operators' ids, or * for all")], ...] = ()
    address: Annotated[
        str,
        written_as(
            r"PJSIP/[a-zA-Z0-9_/:@.-]*\{id\}[a-zA-Z0-9_:@.-]*",
            "write PJSIP/ and {id}, such as PJSIP/edge/sip:{id}@edge",
        ),
    ] = "PJSIP/{id}"

    def is_outside(self, operator: str) -> bool:
        """Return whether an operator's telephone may be outside our networks."""
        return "*" in self.outside or operator in self.outside


class Site(_Strict):
    """The content of `site.toml`."""

    name: Name
    node: Name = "node1"
    node_number: int = Field(1, ge=1, le=9)  # the first digit of this node's case references
    languages: tuple[LanguageCode, ...] = Field(min_length=1)
    unknown_country: tuple[LanguageCode, ...] = ()  # the likely languages of callers whose country is not known
    recorded_only: tuple[LanguageCode, ...] = ()  # have no voice; off until they are also in `languages`
    voices: dict[LanguageCode, str] = {}  # instead of the default ones: docs/voices-on-request.md
    fallback: dict[LanguageCode, Annotated[tuple[LanguageCode, ...], Field(min_length=1)]] = {}
    hours: Hours
    operators: Operators = Operators()
    codes: Codes = Codes()
    routing: Routing = Routing()
    limits: Limits = Limits()
    callbacks: Callbacks = Callbacks()
    recording: Recording = Recording()
    retention: Retention = Retention()
    backups: Backups = Backups()
    call_records: CallRecords = CallRecords()
    silence: Silence = Silence()
    desk: Desk = Desk()
    reports: Reports = Reports()
    monitoring: Monitoring = Monitoring()
    pins: Pins = Pins()
    bans: Bans = Bans()
    alarms: Alarms = Alarms()
    scoring: Scoring = Scoring()
    wrap_up: WrapUp = WrapUp()
    speech: Speech = Speech()
    caller_memory: bool = True  # a returning caller's number is greeted in its last language
    longest_text_s: float = Field(12, ge=1, le=180)  # `hatif check` warns of a text that lasts longer in a language
    probe_s: float = Field(60, ge=0, le=3600)  # interval of the line's test calls to itself; 0: never
    database: Database = Database()
    sip_bind: BindAddress = "127.0.0.1"
    sip: Sip = Sip()
    carrier: tuple[Carrier, ...] = Field(min_length=1)
    number: tuple[Number, ...] = Field(min_length=1)
    countries: dict[CountryCode, Country] = {}

    def language_order(self, country: str | None) -> tuple[str, ...]:
        """Return all languages, those likely in `country` first; without one, or if it has none, `unknown_country`.

        A territory that is not listed has those of the country whose code it shares (Guernsey those of GB).
        """
        if country is not None and country not in self.countries:
            country = main_country(country)
        likely = self.countries[country].languages if country in self.countries else self.unknown_country
        return (*likely, *(language for language in self.languages if language not in likely))

    def zone_of(self, country: str | None) -> ZoneInfo | None:
        """Return the time zone of a caller's country, None if that is not known or not one of the site's."""
        if country is not None and country not in self.countries:
            country = main_country(country)
        if country is None or country not in self.countries:
            return None
        own = self.countries[country].timezone
        return ZoneInfo(own) if own is not None else zones.main_zone(country)

    def fallback_chain(self, language: str) -> tuple[str, ...]:
        """Return the languages whose audio replaces missing or broken audio of this one, best first."""
        return self.fallback.get(language) or tuple(other for other in self.languages if other != language)

    def calls_by_source(self, address: str) -> int:
        """Return how many calls this address of a carrier may bring at once."""
        sender = ip_address(address)
        carriers = sorted(
            (carrier for carrier in self.carrier if carrier.has(sender)), key=lambda carrier: not carrier.hosts
        )
        return (carriers[0].calls_by_source if carriers else None) or self.limits.calls_by_source

    def number_rules(self, carrier: str | None, number: str | None) -> NumberRules:
        """Return how callers' numbers are written in a call from `carrier` to `number` (one of the site's)."""
        by = next((entry for entry in self.carrier if entry.name == carrier), None)
        dialled = self.number_dialled(number or "")
        country = dialled.country if dialled is not None else None
        if by is None:
            return NumberRules(country)
        return NumberRules(by.country or country, by.national_prefix, by.international_prefix)

    def number_dialled(self, dialled: str) -> Number | None:
        """Return the site's entry for a dialled number, None if it has none."""
        return next((number for number in self.number if dialled == number.number), None)


def load(folder: Path) -> Site:
    """Load the site of a folder, without settings that only an earlier version had (`hatif check` warns of them).

    Raises:
        SiteError: `site.toml` has mistakes; one line for each.
    """
    path = folder / "site.toml"
    try:
        text = site_files.text(path)
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"cannot be read ({error}); it must be a UTF-8 text file"
        raise SiteError(Finding.from_sentence("E_SITE_FILE", str(path), 1, sentence)) from None
    try:
        content = toml_values.loads(text)
        former_settings.take_out(content)
        site = Site.model_validate(content)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line ([0-9]+)", str(error))
        line = int(match[1]) if match else len(text.splitlines())
        raise SiteError(Finding("E_SITE_FILE", str(path), line, str(error), "correct the TOML")) from None
    except ValidationError as error:
        found: list[Fault] = [("E_SITE_VALUE", cause["loc"], describe_error(cause)) for cause in _first_causes(error)]
    else:
        found = list(_conflicts(site))
        if not found:
            return site
    raise SiteError(
        *(
            Finding.from_sentence(code, str(path), line_in(text, place), f"{format_place(place)}: {what}")
            for code, place, what in found
        )
    )


def _first_causes(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without lists that are "too short" only because a value in them was refused."""
    found = error.errors()
    return [
        cause
        for cause in found
        if cause["type"] != "too_short"
        or not any(
            cause["loc"] != other["loc"] and other["loc"][: len(cause["loc"])] == cause["loc"] for other in found
        )
    ]


def _conflicts(site: Site) -> Iterator[Fault]:
    """Yield values that are valid alone but conflict with the rest of the file."""
    twice, known = "E_SITE_TWICE", ", ".join(site.languages)
    for index, number in _repeated([entry.number for entry in site.number]):
        yield twice, ("number", index, "number"), f"the number {number} occurs twice; write it once"
    ipv6 = site.sip.bind_ipv6 is not None or ":" in site.sip_bind
    numbers = [number.number for number in site.number]
    yield from find_conflicts(site.carrier, site.sip, ipv6=ipv6, numbers=numbers)
    yield from find_wrong_trunks(site.callbacks, site.carrier, site.countries)
    for _, language in _repeated(site.languages):
        yield twice, ("languages",), f"the language {language!r} occurs twice; write it once"
    for _, language in _repeated(site.recorded_only):
        yield twice, ("recorded_only",), f"the language {language!r} occurs twice; write it once"
    for _, reason in _repeated(site.operators.pauses):
        yield twice, ("operators", "pauses"), f"the pause {reason!r} occurs twice; write it once"
    yield from _wrong_voices(site)
    yield from _wrong_fallbacks(site)
    yield from _wrong_hours(site)
    if site.operators.outside and site.sip.certificate is None:
        what = "telephones outside need SIP over TLS; write certificate and key in [sip]"
        yield "E_SITE_OUTSIDE", ("operators", "outside"), what
    if site.reports.is_wanted and (site.desk.mail is None or not site.desk.enabled):
        what = "reports by e-mail are sent by the desk; write enabled = true in [desk], and its [desk.mail]"
        yield "E_SITE_REPORTS", ("reports",), what
    likely: dict[Place, tuple[str, ...]] = {("unknown_country",): site.unknown_country}
    likely |= {("countries", code, "languages"): country.languages for code, country in site.countries.items()}
    for place, languages in likely.items():
        for _, language in _repeated(languages):
            yield twice, place, f"the language {language!r} occurs twice; write it once"
        for language in languages:
            if language not in site.languages:
                yield (
                    "E_SITE_LANGUAGE",
                    place,
                    f"the language {language!r} is not one of the site's; write one of {known}",
                )


def _wrong_voices(site: Site) -> Iterator[Fault]:
    code, spoken = "E_SITE_VOICE", [language for language in site.languages if language not in site.recorded_only]
    for language, name in site.voices.items():
        place: Place = ("voices", language)
        if language not in spoken:
            yield code, place, f"this site has no voice for {language!r}; write some of {', '.join(spoken)}"
        elif mistake := choice.mistake(language, name):
            yield code, place, mistake


def _wrong_fallbacks(site: Site) -> Iterator[Fault]:
    code, known = "E_FALLBACK_LANGUAGE", ", ".join(site.languages)
    for language, chain in site.fallback.items():
        place: Place = ("fallback", language)
        if language not in (*site.languages, *site.recorded_only):
            yield code, place, f"the language {language!r} is not one of the site's; write one of {known}"
        for _, other in _repeated(chain):
            yield code, place, f"the language {other!r} occurs twice; write it once"
        for other in chain:
            if other == language:
                yield code, place, f"{language!r} cannot replace itself; write other languages"
            elif other not in site.languages:
                yield code, place, f"callers cannot choose the language {other!r}; write some of {known}"


def _wrong_hours(site: Site) -> Iterator[Fault]:
    for number in site.hours.line:
        if site.number_dialled(number) is None:
            place: Place = ("hours", "line", number)
            yield (
                "E_NUMBER_UNKNOWN",
                place,
                f"the number {number!r} is not one of the site's; write one of them with its +",
            )
    for language in site.hours.language:
        if language not in site.languages:
            place, known = ("hours", "language", language), ", ".join(site.languages)
            yield "E_SITE_LANGUAGE", place, f"the language {language!r} is not one of the site's; write one of {known}"


def _repeated(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield values that occurred before, with their indexes."""
    return ((index, value) for index, value in enumerate(values) if value in values[:index])


def format_place(place: Place) -> str:
    """Return a place as text, such as `hosts of the 2nd carrier`, without pydantic's mark for an invalid key."""
    parts = [part for part in place if part != "[key]"]
    last = max((at for at, part in enumerate(parts) if isinstance(part, int)), default=None)
    if last is None:
        return ".".join(map(str, parts))
    position, table = _ordinal(int(parts[last]) + 1), format_place(parts[:last])
    inside = format_place(parts[last + 1 :])
    return f"{inside} of the {position} {table}" if inside else f"{table}, the {position}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def describe_error(error: ErrorDetails) -> str:
    """Return a sentence for a value that pydantic refused: what is expected and what was found, without a full stop."""
    match error["type"]:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return "is not a valid name here; correct or delete it"
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
    return f"{error['msg']}, found {repr(error['input'])[:80]}"


def line_in(text: str, place: Place) -> int:
    """Return the line of a value, or of the nearest table, array entry or key that exists on the way to it."""
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
