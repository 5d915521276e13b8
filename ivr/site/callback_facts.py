"""The facts about a site and a request that the call-back rules need."""

from datetime import datetime
from functools import lru_cache

from db.callback_requests import CallbackRequest, CountryLimit, DialCounts
from ivr.model.e164 import country_of
from ivr.site.callback_rules import Facts, Limits
from ivr.site.site import Site


def line_of(site: Site, request: CallbackRequest) -> str:
    """Return the number shown to the caller who is called back: that of their country, else the site's first one."""
    return next((line.number for line in site.number if line.country == request.country), site.number[0].number)


def shown_number(site: Site, request: CallbackRequest, carrier: str | None) -> str:
    """Return the number that the called telephone shows: the carrier's own, else that of the country."""
    own = next((entry.shown for entry in site.carrier if entry.name == carrier), None)
    return own or line_of(site, request)


def language_of(site: Site, request: CallbackRequest) -> str:
    """Return the language for the caller: their own if the site has it, else the likeliest of their country."""
    return request.language if request.language in site.languages else site.language_order(request.country)[0]


def facts_of(site: Site, request: CallbackRequest, dialled: DialCounts, now: datetime, *, is_open: bool) -> Facts:
    """Return what `callback_rules.why_not` decides by. `is_open`: whether the line is, for the request's language."""
    settings, country = site.callbacks, country_limit(site, request.number)
    calls, seconds = dialled.in_country(country.has) if country is not None else (0, 0.0)
    own = settings.sum_for(request.number)
    return Facts(
        now=now,
        trunk=settings.trunk is not None,
        open=is_open,
        windows=settings.windows,
        limits=Limits(settings.most_a_number, settings.most_a_day, own.calls, own.minutes),
        countries=site.countries,
        own=tuple(line.number for line in site.number),
        dialled_number=dialled.of(request.number),
        dialled=dialled.total,
        dialled_country=calls,
        minutes_country=seconds / 60,
    )


def country_limit(site: Site, number: str) -> CountryLimit | None:
    """Return the limit on our calls to the country of a number; None if it has none."""
    own, country = site.callbacks.sum_for(number), _country(number)
    if own.calls is None and own.minutes is None:
        return None
    seconds = 60 * own.minutes if own.minutes is not None else None
    return CountryLimit(own.calls, seconds, lambda other: _country(other) == country)


def counts_minutes(site: Site) -> bool:
    """Return whether the site limits how long our calls to a country may take."""
    return any(country.minutes is not None for country in site.callbacks.country.values())


@lru_cache(maxsize=4096)
def _country(number: str) -> str | None:
    return country_of(number)
