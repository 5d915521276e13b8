"""Rules for call-backs: whom we may call, when, and how often.

Pure functions: the time, the site and what was dialled are arguments. Numbers are E.164 with +; ranges, kinds and time
zones of numbers come from `phonenumbers`.
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

from db.callback_states import MOST_TRIES
from routing.hours import Span

_USUAL = frozenset(
    (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP)
)
"""Kinds of numbers at normal cost. VOIP includes many home lines, such as 09 in France."""

_UNKNOWN_ZONE = zones_of_numbers.UNKNOWN_TIMEZONE
_NUMBERS = 4096
"""Number of parsed numbers in the cache: those of waiting requests are checked every two seconds."""
_AHEAD_DAYS = 3
"""If two windows overlap at all, they do so within this many days."""


class Refusal(StrEnum):
    """Why a number is never called."""

    MALFORMED = "malformed"
    NOBODY = "nobody"
    COUNTRY = "country"
    KIND = "kind"
    OWN = "own"
    ZONE = "zone"


EXPLANATIONS: dict[Refusal, str] = {
    Refusal.MALFORMED: "is not a telephone number; write it with + and the country code, such as +33612345678",
    Refusal.NOBODY: "is not an assigned number; check its digits",
    Refusal.COUNTRY: "is in none of the countries of site.toml ([countries.XX])",
    Refusal.KIND: "is neither a fixed line nor a mobile telephone (premium, shared cost, toll-free, pager)",
    Refusal.OWN: "is one of our own lines",
    Refusal.ZONE: "has no known time zone, so it could be night there",
}
"""The explanation of each refusal, to follow the number."""


def refusal(number: str, countries: Collection[str], own: Collection[str] = ()) -> Refusal | None:
    """Return why `number` is never called; None if it may be.

    Args:
        countries: The site's countries (ISO).
        own: The site's own lines (E.164).
    """
    parsed = _parse(number)
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
def _parse(number: str) -> phonenumbers.PhoneNumber | None:
    """Parse E.164, else return None: `phonenumbers` also accepts letters, extensions and text around a number."""
    if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit()):
        return None
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number else None


@lru_cache(maxsize=_NUMBERS)
def zones(number: str) -> tuple[str, ...]:
    """Return the names of all time zones that a number may be in; empty if one of them is unknown."""
    parsed = _parse(number)
    found = zones_of_numbers.time_zones_for_number(parsed) if parsed is not None else ()
    return () if _UNKNOWN_ZONE in found else tuple(found)


def allowed(at: datetime, where: Iterable[ZoneInfo], windows: Sequence[Span]) -> bool:
    """Return whether `at` is within one of the `windows` of the day in every zone of `where`."""
    return all(_inside(at.astimezone(zone).time(), windows) for zone in where)


def _inside(clock: time, windows: Sequence[Span]) -> bool:
    return any(begins <= clock and (clock < ends or ends == time.max) for begins, ends in windows)


def allowed_next(at: datetime, where: Sequence[ZoneInfo], windows: Sequence[Span]) -> datetime | None:
    """Return the first allowed time from `at` on; None if the zones have no common window."""
    if allowed(at, where, windows):
        return at
    # It can only become allowed when a window begins in one of the zones.
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


def midnight(now: datetime, zone: str) -> datetime:
    """Return the beginning of the day in `zone`, as UTC."""
    here = now.astimezone(ZoneInfo(zone))
    return datetime.combine(here.date(), time(), here.tzinfo).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of dialling per day, by the site's clock: for one number, in total, and for the number's country."""

    a_number: int
    a_day: int
    country_calls: int | None = None
    country_minutes: float | None = None


class Not(StrEnum):
    """Why a call-back request is not dialled at this moment."""

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
    LIMIT_COUNTRY = "limit_country"
    SHARE = "share"


REASONS: dict[Not, str] = {
    Not.ENDED: "is finished",
    Not.TRIES: f"was tried {MOST_TRIES} times",
    Not.NO_TRUNK: "outgoing calls are off: site.toml has no trunk in [callbacks]",
    Not.NUMBER: "the number may not be called",
    Not.UNCHANGED: "the state of the case has not changed yet",
    Not.NOT_DUE: "is not due yet",
    Not.CLOSED: "the line is closed",
    Not.NIGHT: "it is not an allowed hour in every possible time zone of the number",
    Not.LIMIT_NUMBER: "the number has reached its limit of calls for today",
    Not.LIMIT_DAY: "the limit of outgoing calls for today is reached",
    Not.LIMIT_COUNTRY: "the limit of outgoing calls to this country is reached for today",
    Not.SHARE: "as many operators as may are calling back (`share` in [callbacks])",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything besides the request that decides about dialling.

    `open`: whether the line is open for the request's language; `dialled_number`, `dialled`: calls made today, to the
    number and in total; `dialled_country`, `minutes_country`: to its country, if that has a limit; `countries`, `own`:
    as in `refusal`.
    """

    now: datetime
    trunk: bool
    open: bool
    windows: Sequence[Span]
    limits: Limits
    countries: Collection[str]
    own: Collection[str]
    dialled_number: int = 0
    dialled: int = 0
    dialled_country: int = 0
    minutes_country: float = 0.0


def is_share_taken(share: float, at_work: int, on_duty: int) -> bool:
    """Return whether no further operator may call back now; one always may.

    Args:
        share: Of the operators on duty, at most so many call back.
        at_work: How many do.
    """
    return share < 1 and at_work >= max(1, int(share * on_duty))


def why_not(number: str, *, due: datetime | None, tries: int, ended: bool, facts: Facts) -> Not | None:
    """Return the first reason not to dial a request now; None to dial. `due` None: not before something changes."""
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
    if not allowed(facts.now, [ZoneInfo(zone) for zone in zones(number)], facts.windows):
        return Not.NIGHT
    if facts.dialled_number >= facts.limits.a_number:
        return Not.LIMIT_NUMBER
    if facts.dialled >= facts.limits.a_day:
        return Not.LIMIT_DAY
    limits = facts.limits
    over = limits.country_calls is not None and facts.dialled_country >= limits.country_calls
    too_long = limits.country_minutes is not None and facts.minutes_country >= limits.country_minutes
    return Not.LIMIT_COUNTRY if over or too_long else None
