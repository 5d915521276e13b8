"""Whom we may call, when, and how often. Pure: the clock, the site and what was dialled are arguments.

Numbers are E.164 with their +. Ranges, kinds and time zones of numbers are those of `phonenumbers`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers import timezone as zones_of_numbers

from routing.hours import Span

MOST_TRIES = 2

_USUAL = frozenset(
    (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP)
)
"""Kinds that cost what a call costs. VOIP is what many have at home, such as 09 in France."""

_UNKNOWN_ZONE = zones_of_numbers.UNKNOWN_TIMEZONE
_NUMBERS = 4096
"""So many numbers are kept as they were read: those that wait are looked at every other second."""
_AHEAD_DAYS = 3
"""Two windows that ever meet do so within so many days."""


class Refusal(StrEnum):
    """Why a number is never called."""

    MALFORMED = "malformed"
    NOBODY = "nobody"
    COUNTRY = "country"
    KIND = "kind"
    OWN = "own"
    ZONE = "zone"


REFUSED: dict[Refusal, str] = {
    Refusal.MALFORMED: "is no telephone number; write it with + and the country's code, such as +33612345678",
    Refusal.NOBODY: "belongs to nobody: no such number was given out; check its digits",
    Refusal.COUNTRY: "is in none of the countries of site.toml ([countries.XX])",
    Refusal.KIND: "is neither a fixed line nor a mobile telephone (premium, shared cost, toll-free, pager)",
    Refusal.OWN: "is one of our own lines",
    Refusal.ZONE: "has no time zone that is known, so that nobody can tell whether it is night there",
}
"""In English, after the number."""


def refusal(number: str, countries: Collection[str], own: Collection[str] = ()) -> Refusal | None:
    """Why `number` is never called; None: it may be. `countries`: the site's, ISO; `own`: its lines, E.164."""
    parsed = _parsed(number)
    if parsed is None:
        return Refusal.MALFORMED
    if number in own:
        return Refusal.OWN
    if not phonenumbers.is_valid_number(parsed):
        return Refusal.NOBODY
    if phonenumbers.number_type(parsed) not in _USUAL:
        return Refusal.KIND
    if phonenumbers.region_code_for_number(parsed) not in countries:
        return Refusal.COUNTRY
    return Refusal.ZONE if not zones(number) else None


@lru_cache(maxsize=_NUMBERS)
def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """None for all but E.164: `phonenumbers` also reads letters, extensions and what stands around a number."""
    if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit()):
        return None
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number else None


@lru_cache(maxsize=_NUMBERS)
def zones(number: str) -> tuple[str, ...]:
    """The names of all time zones that a number may be in; none where one of them is not known."""
    parsed = _parsed(number)
    found = zones_of_numbers.time_zones_for_number(parsed) if parsed is not None else ()
    return () if _UNKNOWN_ZONE in found else tuple(found)


def allowed(at: datetime, where: Iterable[ZoneInfo], windows: Sequence[Span]) -> bool:
    """Whether it is one of the `windows` of the day in every zone of `where`."""
    return all(_inside(at.astimezone(zone).time(), windows) for zone in where)


def _inside(clock: time, windows: Sequence[Span]) -> bool:
    return any(begins <= clock and (clock < ends or ends == time.max) for begins, ends in windows)


def allowed_next(at: datetime, where: Sequence[ZoneInfo], windows: Sequence[Span]) -> datetime | None:
    """The first instant from `at` on at which it is `allowed`; None: never, the zones have no common window."""
    if allowed(at, where, windows):
        return at
    # Only where a window begins somewhere it can become allowed.
    found = [
        began
        for zone in where
        for day in _days(at.astimezone(zone).date())
        for begins, _ in windows
        if (began := datetime.combine(day, begins, zone).astimezone(UTC)) >= at and allowed(began, where, windows)
    ]
    return min(found, default=None)


def _days(first: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(_AHEAD_DAYS + 1)]


def again(tried: datetime, after: timedelta, tries: int) -> datetime | None:
    """When a number that was not reached is due again; None: it was the last try."""
    return tried + after if tries < MOST_TRIES else None


def midnight(now: datetime, zone: str) -> datetime:
    """When the day began by the clock of `zone`, in UTC."""
    here = now.astimezone(ZoneInfo(zone))
    return datetime.combine(here.date(), time(), here.tzinfo).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often may be dialled in a day of the site's clock."""

    a_number: int
    a_day: int


class Not(StrEnum):
    """Why a wish is not dialled at this moment."""

    ENDED = "ended"
    TRIES = "tries"
    NO_TRUNK = "no_trunk"
    NUMBER = "number"
    UNCHANGED = "unchanged"
    NOT_DUE = "not_due"
    CLOSED = "closed"
    NIGHT = "night"
    LIMIT_NUMBER = "limit_number"
    LIMIT_DAY = "limit_day"


IN_WORDS: dict[Not, str] = {
    Not.ENDED: "is over",
    Not.TRIES: f"was tried {MOST_TRIES} times",
    Not.NO_TRUNK: "no line leads out: site.toml names no trunk in [callbacks]",
    Not.NUMBER: "the number may not be called",
    Not.UNCHANGED: "the file's state has not changed yet",
    Not.NOT_DUE: "is not due yet",
    Not.CLOSED: "the line is closed",
    Not.NIGHT: "it is not an allowed hour in every time zone that the number may be in",
    Not.LIMIT_NUMBER: "the number was dialled as often today as it may be",
    Not.LIMIT_DAY: "as many numbers were dialled today as may be",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides besides the wish. `open`: whether the line is, for its language; `dialled`: today, for the number
    and in all; `countries`, `own`: as in `refusal`."""

    now: datetime
    trunk: bool
    open: bool
    windows: Sequence[Span]
    limits: Limits
    countries: Collection[str]
    own: Collection[str]
    dialled_number: int = 0
    dialled: int = 0


def why_not(number: str, *, due: datetime | None, tries: int, ended: bool, facts: Facts) -> Not | None:
    """The first reason why a wish is not dialled now; None: it is to be. `due` None: not before something changes."""
    if ended:
        return Not.ENDED
    if tries >= MOST_TRIES:
        return Not.TRIES
    if not facts.trunk:
        return Not.NO_TRUNK
    if refusal(number, facts.countries, facts.own) is not None:
        return Not.NUMBER
    if due is None:
        return Not.UNCHANGED
    if facts.now < due:
        return Not.NOT_DUE
    if not facts.open:
        return Not.CLOSED
    if not allowed(facts.now, [ZoneInfo(each) for each in zones(number)], facts.windows):
        return Not.NIGHT
    if facts.dialled_number >= facts.limits.a_number:
        return Not.LIMIT_NUMBER
    return Not.LIMIT_DAY if facts.dialled >= facts.limits.a_day else None
