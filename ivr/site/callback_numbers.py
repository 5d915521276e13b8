"""Which numbers may be called back: those of the site's countries that cost what a call costs."""

from ivr.model.e164 import NumberRules, normalise
from ivr.site import callback_rules
from ivr.site.callback_rules import Refusal
from ivr.site.site import Site


def entered(digits: str, country: str | None) -> str:
    """Return what a caller has entered on their telephone as E.164 with its +; as it is where it is no number.

    `country`: the caller's (ISO), whose national numbers count as well.
    """
    return normalise(digits, NumberRules(country)) or digits


def refusal(number: str, site: Site) -> Refusal | None:
    """Why an outgoing call to `number` (E.164 with +) is never made; None: it may be."""
    return callback_rules.refusal(number, site.countries, [each.number for each in site.number])


def may_be_called(number: str, site: Site) -> bool:
    """Whether an outgoing call to `number` (E.164 with +) is allowed: a valid one, in one of the site's countries, and
    of no range that costs more or belongs to nobody (premium, shared cost, toll-free, pager)."""
    return refusal(number, site) is None
