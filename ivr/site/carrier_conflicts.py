"""Conflicts between carriers of `site.toml` whose values are valid alone."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from ivr.site.addresses import overlapping
from ivr.site.callbacks import Callbacks
from ivr.site.carriers import Carrier
from ivr.site.sip import Sip

Conflict = tuple[str, tuple[int | str, ...], str]
"""A finding's code, its place in the file, and the sentence."""


def find_conflicts(
    carriers: Sequence[Carrier], sip: Sip, *, ipv6: bool, numbers: Collection[str]
) -> Iterator[Conflict]:
    """Yield conflicts of the carriers.

    Args:
        ipv6: Whether SIP has an address for it.
        numbers: The site's.
    """
    hosts = [(index, host) for index, carrier in enumerate(carriers) for host in carrier.hosts]
    twice: defaultdict[int, list[str]] = defaultdict(list)
    for later, earlier in overlapping([host for _, host in hosts]):
        (index, host), (first, other) = hosts[later], hosts[earlier]
        what = f"{host} of {carriers[index].name!r} is also {other} of {carriers[first].name!r}"
        twice[index].append(f"{what}; give each address to one carrier")
    names = set[str]()
    for index, carrier in enumerate(carriers):
        if carrier.name in names:
            what = f"the carrier {carrier.name!r} occurs twice; give each a different name"
            yield "E_SITE_TWICE", ("carrier", index, "name"), what
        names.add(carrier.name)
        # Asterisk identifies a carrier by its address.
        for what in twice[index]:
            yield "E_SITE_TWICE", ("carrier", index, "hosts"), what
        if carrier.number is not None and carrier.number not in numbers:
            what = f"{carrier.number!r} is not one of the site's numbers; write one of them with its +"
            yield "E_NUMBER_UNKNOWN", ("carrier", index, "number"), what
        for key, what in carrier.faults(sip, ipv6=ipv6):
            yield "E_SITE_CARRIER", ("carrier", index, key), what


def find_wrong_trunks(
    callbacks: Callbacks, carriers: Sequence[Carrier], countries: Collection[str]
) -> Iterator[Conflict]:
    """Yield carriers of our calls that do not accept any, and countries that are never called."""
    code, ready = "E_SITE_TRUNK", [carrier.name for carrier in carriers if carrier.dial]
    remedy = f"write one of them: {', '.join(ready)}" if ready else 'none has dial = "ADDRESS:PORT" yet'
    if callbacks.trunk is not None and callbacks.trunk not in ready:
        what = f"{callbacks.trunk!r} is not a carrier that accepts our calls; {remedy}"
        yield code, ("callbacks", "trunk"), what
    if callbacks.trunk is None and callbacks.carriers:
        what = "without trunk nobody is called; write the carrier of all others there"
        yield code, ("callbacks", "carriers"), what
    for destination, name in callbacks.carriers.items():
        place = ("callbacks", "carriers", destination)
        if name not in ready:
            yield code, place, f"{name!r} is not a carrier that accepts our calls; {remedy}"
        if destination.isalpha() and destination not in countries:
            yield code, place, f"{destination!r} is not a country of this site; numbers there are never called"
    for destination in callbacks.country:
        if destination not in countries:
            place = ("callbacks", "country", destination)
            yield code, place, f"{destination!r} is not a country of this site; numbers there are never called"
