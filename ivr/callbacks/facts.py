"""The facts about a site and a request that the call-back rules need."""

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from db.callback_requests import CallbackRequest, CountryLimit, DialCounts
from db.enums import CallbackKind
from ivr.model.e164 import country_of
from ivr.site.callback_rules import Facts, Limits
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.services import Opening


def due_of(request: CallbackRequest) -> datetime | None:
    """Return when a request is due; None if it is not due yet.

    A request about a case file is due once the file's state has changed since the request was made, unless it was due
    then.
    """
    if request.kind != CallbackKind.CASE or request.tries or request.due is not None:
        return request.due
    return request.file_changed if request.file_changed is not None and request.file_changed > request.wished else None


def ended_by_new_pin(request: CallbackRequest) -> bool:
    """Return whether a request about a case file was made with a PIN that another one has replaced."""
    asked_before = request.pin_given is not None and request.pin_given > request.wished
    return request.kind == CallbackKind.CASE and asked_before


def first_due_of(request: CallbackRequest) -> datetime | None:
    """Return when a request was due before it was put off; None if it has not been due yet."""
    return request.first_due or due_of(request)


def describe_holder(request: CallbackRequest, here: str) -> str:
    """Return the id of a request that is being worked on and its node, so that a person finds it.

    The node is `here` if none has claimed the request yet.
    """
    return f"{request.id}, by the node {request.claim.node if request.claim is not None else here}"


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


def facts_of(site: Site, opening: "Opening", request: CallbackRequest, dialled: DialCounts, now: datetime) -> Facts:
    """Return what `callback_rules.why_not` decides by."""
    settings, country = site.callbacks, country_limit(site, request.number)
    calls, seconds = dialled.in_country(country.has) if country is not None else (0, 0.0)
    own = settings.sum_for(request.number)
    return Facts(
        now=now,
        trunk=settings.trunk is not None,
        open=opening.answer(now, language=request.language).open,
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
