"""Which numbers may be called back: those of the site's countries at normal cost."""

from ivr.model.e164 import NumberRules, normalise
from ivr.site import callback_rules
from ivr.site.callback_rules import Refusal
from ivr.site.site import Site


def entered(digits: str, country: str | None) -> str:
    """Return the digits that a caller entered as E.164 with +; unchanged if they are not a number.

    `country`: the caller's (ISO), whose national numbers are also accepted.
    """
    return normalise(digits, NumberRules(country)) or digits


def refusal(number: str, site: Site) -> Refusal | None:
    """Return why `number` (E.164 with +) is never called; None if it may be."""
    return callback_rules.refusal(number, site.countries, [line.number for line in site.number])


def may_be_called(number: str, site: Site) -> bool:
    """Return whether `number` (E.164 with +) may be called.

    It must be valid, in one of the site's countries, and not in a range with extra cost or without an owner (premium,
    shared cost, toll-free, pager).
    """
    return refusal(number, site) is None
