"""Callers' numbers as E.164, read from what a carrier wrote by that carrier's rules."""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

INTERNATIONAL_PREFIX = "00"
"""What stands for the + where a carrier says nothing else: the prefix of all of Europe."""

_SEPARATORS = re.compile(r"[\s()./-]")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How a carrier writes numbers.

    Attributes:
        country: Whose national numbers it writes without a country code (ISO); None: it writes none.
        national_prefix: What it puts before them; None: what is usual in `country`; empty: nothing.
        international_prefix: What it writes instead of the +.
    """

    country: str | None = None
    national_prefix: str | None = None
    international_prefix: str = INTERNATIONAL_PREFIX


DEFAULT_RULES = NumberRules()
"""For numbers that did not come from a carrier: with + or 00, or a country code and nothing before it."""


@lru_cache(maxsize=1024)
def normalise(written: str, rules: NumberRules = DEFAULT_RULES) -> str | None:
    """Return a number as E.164 with its +; None for what is not certainly one, such as a word with digits in it.

    A number with a + or the international prefix need only have a possible length: new ranges are dialled before
    anybody lists them. A bare one must be valid, since it may be national or international. Where the country has a
    national prefix and the number lacks it, international is tried first.
    """
    digits = _SEPARATORS.sub("", written)
    if not _NUMBER.fullmatch(digits):
        return None
    if digits.startswith("+"):
        return _possible(_parsed(digits))
    if digits.startswith(rules.international_prefix):
        return _possible(_parsed(f"+{digits.removeprefix(rules.international_prefix)}"))
    if rules.country is None:
        return _valid(_parsed(f"+{digits}"))
    prefix = rules.national_prefix
    if prefix is None:
        prefix = phonenumbers.ndd_prefix_for_region(rules.country, strip_non_digits=True) or ""
    national = _national(digits, rules.country, None if rules.national_prefix is None else prefix)
    if prefix and digits.startswith(prefix):
        return _possible(national)
    international = _parsed(f"+{digits}")
    readings = (international, national) if prefix else (national, international)
    return next((found for each in readings if (found := _valid(each)) is not None), None)


def _national(digits: str, country: str, prefix: str | None) -> PhoneNumber | None:
    """Read a national number. `prefix`: what the carrier puts before it; None: what is usual, if anything."""
    if prefix is None:
        return _parsed(digits, country)
    return _parsed(f"+{phonenumbers.country_code_for_region(country)}{digits.removeprefix(prefix)}")


def _parsed(digits: str, country: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None


def _possible(number: PhoneNumber | None) -> str | None:
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return _formatted(number)


def _valid(number: PhoneNumber | None) -> str | None:
    return _formatted(number) if number is not None and phonenumbers.is_valid_number(number) else None


def _formatted(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def written_forms(number: str) -> frozenset[str]:
    """Return how carriers may write a number in E.164 otherwise: 0033…, 33…, and as a national one."""
    parsed, digits = _parsed(number), number.removeprefix("+")
    found = {f"{INTERNATIONAL_PREFIX}{digits}", digits}
    if parsed is not None:
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        found.add("".join(each for each in national if each.isdigit()))
    return frozenset(found)


def country_of(number: str) -> str | None:
    """Return the country (ISO) of a number with + or 00; None where it tells none (hidden, garbage, shared).

    A territory with a code of its own is itself: GG for Guernsey, AX for Åland, XK for Kosovo.
    """
    digits = re.sub(r"[^\d+]", "", number)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    parsed = _parsed(digits)
    if parsed is None:
        return None
    region: str | None = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None:
        # A range that nobody has yet: the code's main country is the best guess.
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return region if region and len(region) == 2 and region.isalpha() else None


def main_country(country: str) -> str | None:
    """Return the country that shares its code with a territory: GB for GG, FI for AX; a country's own otherwise."""
    code = phonenumbers.country_code_for_region(country)
    region = phonenumbers.region_code_for_country_code(code) if code else None
    return region if region and region.isalpha() and len(region) == 2 else None
