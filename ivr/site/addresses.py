"""Types of addresses and codecs in `site.toml`: values that Asterisk would reject are rejected with their line."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator

_SERVER = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?))(?::(?P<port>[0-9]{1,5}))?"
)


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
        raise ValueError(f"{text!r} is not an address; {example}") from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} is the whole internet; write the carrier's own addresses")
    return text


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a server; write a name or an address such as 192.0.2.7:5060, [2001:db8::7]")
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"{match['port']!r} is not a port; write a number from 1 to 65535 after the colon")
    try:
        if match["v6"] is not None:
            IPv6Address(match["v6"])
        elif not is_name(match["host"]):
            IPv4Address(match["host"])
    except ValueError:
        raise ValueError(f"{text!r} is neither a name nor an address; correct it") from None
    return text


def server_host(server: str) -> str:
    """Return the name or address of a server, without brackets and port."""
    match = _SERVER.fullmatch(server)
    assert match is not None, server
    return match["v6"] or match["host"]


def is_name(host: str) -> bool:
    """Return whether a server's host is a name and not an address."""
    return ":" not in host and not host.replace(".", "").isdigit()


def reachable(bind: str) -> str:
    """Return the address at which this machine reaches what is bound to `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - nothing is bound here


BindAddress = Annotated[str, AfterValidator(_bind)]
"""An address of this machine."""

CarrierHost = Annotated[str, AfterValidator(_host)]
"""An address or network of a carrier's calls."""

ServerAddress = Annotated[str, AfterValidator(_server)]
"""A carrier's server: an IPv4 address, an IPv6 address in brackets, or a name; with or without a port."""

Codec = Literal["alaw", "ulaw", "g722"]
"""The codecs of carriers; the same as in `asterisk_conf`."""


def overlapping(hosts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of all pairs of hosts that have an address in common: the later one, the earlier one.

    Ordered by both. Two networks overlap only if one contains the other, so that sorted by their first address, and the
    wider one first, each begins within those that contain it.
    """
    networks = [ip_network(host) for host in hosts]
    spans = [(net.version, int(net.network_address), -int(net.broadcast_address)) for net in networks]
    pairs: list[tuple[int, int]] = []
    containing: list[int] = []
    for position in sorted(range(len(hosts)), key=spans.__getitem__):
        version, first, _ = spans[position]
        while containing and (spans[containing[-1]][0] != version or -spans[containing[-1]][2] < first):
            containing.pop()
        pairs += ((max(position, other), min(position, other)) for other in containing)
        containing.append(position)
    return sorted(pairs)
