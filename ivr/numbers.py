"""Which numbers may be called back: those of the site's countries that cost what a call costs."""

import re

import phonenumbers
from phonenumbers import PhoneNumberType

from ivr.site import Site

_USUAL = frozenset(
    (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP)
)


def dialled(digits: str) -> str:
    """What a caller enters on a telephone, 0033…, as E.164 with its +."""
    digits = re.sub(r"[^0-9+]", "", digits)
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def may_be_called(number: str, site: Site) -> bool:
    """Whether an outgoing call to `number` (E.164 with +) is allowed: a valid one, in one of the site's countries, and
    of no range that costs more or belongs to nobody (premium, shared cost, toll-free, pager)."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_valid_number(parsed)
        and phonenumbers.region_code_for_number(parsed) in site.countries
        and phonenumbers.number_type(parsed) in _USUAL
    )
