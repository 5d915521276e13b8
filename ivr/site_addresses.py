"""Addresses, codecs and database URLs in `site.toml`: what Asterisk would refuse is refused with its line."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator


def _bind(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address; write one of this machine, or 0.0.0.0 for all") from None
    return text


def _host(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        example = "write an IP address or network such as 192.0.2.7 or 192.0.2.0/28"
        raise ValueError(f"{text!r} is neither; {example}") from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} is the whole internet; write the carrier's own addresses")
    return text


def _dial(text: str) -> str:
    host, colon, port = text.partition(":")
    try:
        IPv4Address(host)
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address; write one such as 192.0.2.7:5060") from None
    if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"{port!r} is not a port; write a number from 1 to 65535 behind the colon")
    return text


def reachable(bind: str) -> str:
    """The address at which this machine reaches what is bound to `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - nothing is bound here


BindAddress = Annotated[str, AfterValidator(_bind)]
"""An address of this machine."""

CarrierHost = Annotated[str, AfterValidator(_host)]
"""An address or network that a carrier's calls come from."""

DialAddress = Annotated[str, AfterValidator(_dial)]
"""Where a carrier takes calls: an IPv4 address, with or without a port."""

Codec = Literal["alaw", "ulaw", "g722"]
"""What carriers may bring; the same as in `asterisk_conf`."""


def overlap(one: str, other: str) -> bool:
    """Return whether two hosts of carriers have an address in common."""
    first, second = ip_network(one), ip_network(other)
    same_family = isinstance(first.network_address, IPv6Address) == isinstance(second.network_address, IPv6Address)
    return same_family and first.overlaps(second)
