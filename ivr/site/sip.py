"""`[sip]` of `site.toml`: SIP over TLS, over IPv6, and from behind NAT."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ivr.site.addresses import CarrierHost

OWN_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
"""Private, loopback and link-local addresses. Addresses of a provider's own NAT (100.64.0.0/10) are the provider's."""


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv6 address; write one of this machine, or :: for all") from None


def _external(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        example = "write the IPv4 address at which others reach this machine, such as 198.51.100.7"
        raise ValueError(f"{text!r} is not an IPv4 address; {example}") from None


class Sip(BaseModel):
    """Settings of Asterisk's SIP besides UDP and TCP at `sip_bind`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path | None = (
        None  # of SIP over TLS, with `key`: PEM files, the own certificate before its authorities
    )
    key: Path | None = None
    authorities: Path | None = None  # of the carriers' certificates; absent: those that this machine trusts
    bind_ipv6: Annotated[str, AfterValidator(_ipv6)] | None = None  # beside `sip_bind`
    external_address: Annotated[str, AfterValidator(_external)] | None = None  # of this machine, if it is behind NAT
    own_networks: tuple[CarrierHost, ...] = OWN_NETWORKS  # reached without NAT, and private
    audio_ports: int = Field(1000, ge=100, le=50_000, multiple_of=2)  # from port 10000 on; a caller needs two

    @model_validator(mode="after")
    def _is_complete(self) -> "Sip":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; write both or neither")
        return self

    def is_own(self, host: str) -> bool:
        """Return whether all of an address or network belongs to the own networks."""
        network = ip_network(host)
        return any(_contains(ip_network(own), network) for own in self.own_networks)


def _contains(own: IPv4Network | IPv6Network, network: IPv4Network | IPv6Network) -> bool:
    if isinstance(own, IPv4Network) and isinstance(network, IPv4Network):
        return network.subnet_of(own)
    return isinstance(own, IPv6Network) and isinstance(network, IPv6Network) and network.subnet_of(own)
