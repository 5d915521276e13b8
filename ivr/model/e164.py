"""Callers' numbers in E.164 format, parsed by the rules of the carrier that sent them."""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

INTERNATIONAL_PREFIX = "00"
"""Replaces the + where a carrier does not configure anything else; used all over Europe."""

_LONGEST_GROUP, _SHORT = 5, 4
"""Digits. A 00 with the country code has up to five, and the last of several groups of three up to four."""

_TELLING = 8
"""A text with this many digits is hardly ever anything but a telephone number."""

_SEPARATORS = re.compile(r"[\s()./-]")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How a carrier writes numbers.

    Attributes:
        country: The country (ISO) whose numbers the carrier writes without a country code; None: no country.
        national_prefix: What precedes those numbers; None: the usual prefix of `country`; empty: nothing.
        international_prefix: What the carrier writes instead of the +.
    """

    country: str | None = None
    national_prefix: str | None = None
    international_prefix: str = INTERNATIONAL_PREFIX


DEFAULT_RULES = NumberRules()
"""For numbers that did not come from a carrier: with + or 00, or starting with the country code."""


@lru_cache(maxsize=1024)
def normalise(written: str, rules: NumberRules = DEFAULT_RULES) -> str | None:
    """Return a number in E.164 format with its +, or None if it is not certainly a number, such as a word with digits.

    A number with a + or the international prefix only needs a possible length, since new ranges are dialled before
    they are listed. A bare number must be valid, since it may be national or international. If the country has a
    national prefix that the number lacks, the international reading is tried first.
    """
    digits = _SEPARATORS.sub("", written)
    if not _NUMBER.fullmatch(digits):
        return None
    if digits.startswith("+"):
        return _format_if_possible(_parse(digits))
    if digits.startswith(rules.international_prefix):
        return _format_if_possible(_parse(f"+{digits.removeprefix(rules.international_prefix)}"))
    if rules.country is None:
        return _format_if_valid(_parse(f"+{digits}"))
    prefix = rules.national_prefix
    if prefix is None:
        prefix = phonenumbers.ndd_prefix_for_region(rules.country, strip_non_digits=True) or ""
    national = _parse_national(digits, rules.country, None if rules.national_prefix is None else prefix)
    if prefix and digits.startswith(prefix):
        return _format_if_possible(national)
    international = _parse(f"+{digits}")
    readings = (international, national) if prefix else (national, international)
    return next((found for reading in readings if (found := _format_if_valid(reading)) is not None), None)


def _parse_national(digits: str, country: str, prefix: str | None) -> PhoneNumber | None:
    """Parse a national number. `prefix`: what the carrier puts before it; None: the usual prefix, if any."""
    if prefix is None:
        return _parse(digits, country)
    return _parse(f"+{phonenumbers.country_code_for_region(country)}{digits.removeprefix(prefix)}")


def _parse(digits: str, country: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None


def _format_if_possible(number: PhoneNumber | None) -> str | None:
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return _format(number)


def _format_if_valid(number: PhoneNumber | None) -> str | None:
    return _format(number) if number is not None and phonenumbers.is_valid_number(number) else None


def _format(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def written_forms(number: str) -> frozenset[str]:
    """Return other ways in which carriers may write an E.164 number: 0033…, 33…, and the national format."""
    parsed, digits = _parse(number), number.removeprefix("+")
    found = {f"{INTERNATIONAL_PREFIX}{digits}", digits}
    if parsed is not None:
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        found.add("".join(digit for digit in national if digit.isdigit()))
    return frozenset(found)


def spellings(number: str) -> frozenset[str]:
    """Return the digits of an E.164 number in every way in which people write it.

    Besides `written_forms`: 33 (0)6… and 0033 (0)6…, which mix two ways, and the national number without anything
    before it, unless that is so short that it may be anything.
    """
    found, parsed = set(written_forms(number)), _parse(number)
    if parsed is not None:
        national = str(phonenumbers.national_significant_number(parsed))
        mixed = next(
            (form for form in found if form.endswith(national) and form.startswith("0") and form[:2] != "00"), ""
        )
        if mixed:
            found |= {f"{prefix}{parsed.country_code}{mixed}" for prefix in ("", INTERNATIONAL_PREFIX)}
        found |= {national} if len(national) >= _TELLING else set()
    return frozenset(found)


def groups_of(written: str, country: str | None) -> tuple[str, ...]:
    """Split the digits of a number in the way of its country: ("06", "12", "34", "56", "78") in France.

    The digits stay those that the caller wrote, national or with 00, which forms one group with the country code.

    Args:
        written: Digits only.
        country: The caller's (ISO), whose national numbers may be written; None: no country.
    """
    number = normalise(written, NumberRules(country))
    parsed = _parse(number) if number is not None else None
    if parsed is not None:
        international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        for form in (national, international.replace("+", INTERNATIONAL_PREFIX), international):
            groups = re.findall("[0-9]+", form)
            if "".join(groups) == written:
                return tuple(part for group in groups for part in _split(group))
    return threes(written)


def dialled_groups(number: str, country: str) -> tuple[str, ...]:
    """Split an E.164 number as people dial it in `country` (ISO): national if it is a valid one there, else with 00."""
    parsed = _parse(number)
    if parsed is not None and phonenumbers.is_valid_number_for_region(parsed, country):
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        return groups_of("".join(digit for digit in national if digit.isdigit()), country)
    return groups_of(INTERNATIONAL_PREFIX + number.removeprefix("+"), country)


def threes(digits: str) -> tuple[str, ...]:
    """Split digits into groups of three; the last group may have two or four, since a single digit is easily missed."""
    if len(digits) <= _SHORT:
        return (digits,) if digits else ()
    return (digits[:3], *threes(digits[3:]))


def _split(group: str) -> tuple[str, ...]:
    """Split a group that is too long to keep in mind, as Germany's have up to seven digits."""
    return (group,) if len(group) <= _LONGEST_GROUP else threes(group)


def country_of(number: str) -> str | None:
    """Return the country (ISO) of a number with + or 00, or None if the number does not tell (hidden, garbage, shared).

    A territory with its own code counts as itself: GG for Guernsey, AX for Åland, XK for Kosovo.
    """
    digits = re.sub(r"[^\d+]", "", number)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    parsed = _parse(digits)
    if parsed is None:
        return None
    region: str | None = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None:
        # An unassigned range: the main country of the code is the best guess.
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return region if region and len(region) == 2 and region.isalpha() else None


def main_country(country: str) -> str | None:
    """Return the country that shares its code with a territory (GB for GG, FI for AX), or else `country` itself."""
    code = phonenumbers.country_code_for_region(country)
    region = phonenumbers.region_code_for_country_code(code) if code else None
    return region if region and region.isalpha() and len(region) == 2 else None
