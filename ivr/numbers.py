"""Which numbers may be called back: those of the site's countries that cost what a call costs."""

import re

from ivr.callbacks import rules
from ivr.callbacks.rules import Refusal
from ivr.site import Site


def dialled(digits: str) -> str:
    """What a caller enters on a telephone, 0033…, as E.164 with its +."""
    digits = re.sub(r"[^0-9+]", "", digits)
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def refusal(number: str, site: Site) -> Refusal | None:
    """Why an outgoing call to `number` (E.164 with +) is never made; None: it may be."""
    return rules.refusal(number, site.countries, [each.number for each in site.number])


def may_be_called(number: str, site: Site) -> bool:
    """Whether an outgoing call to `number` (E.164 with +) is allowed: a valid one, in one of the site's countries, and
    of no range that costs more or belongs to nobody (premium, shared cost, toll-free, pager)."""
    return refusal(number, site) is None
