"""The parts `[[carrier]]` and `[limits]` of `site.toml`: who may bring calls, and how many at once."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ivr.e164 import INTERNATIONAL_PREFIX
from ivr.site_addresses import CarrierHost, Codec, DialAddress


class Carrier(BaseModel):
    """Who may bring calls: by the addresses that it sends from, by a password, or by both. docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")
    hosts: tuple[CarrierHost, ...] = ()
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1)
    # Where it takes calls, an address of numbers with or without a port: for `[callbacks] trunk`.
    dial: DialAddress | None = None
    trust_identity: bool = False  # whether its P-Asserted-Identity says who calls; otherwise only From does
    # Of callers' numbers without a country code; absent: that of the number dialled.
    country: str | None = Field(None, pattern=r"^[A-Z]{2}$")
    national_prefix: str | None = Field(None, pattern=r"^[0-9]{0,4}$")  # absent: what is usual in the country
    international_prefix: str = Field(INTERNATIONAL_PREFIX, pattern=r"^[0-9]{1,5}$")
    password: bool = False  # its calls bring a password, which secrets.json has
    nat: bool = False  # its audio comes from another address than its SDP says, and is answered there
    srtp: bool = False  # its audio is encrypted (SDES)
    media: tuple[CarrierHost, ...] = ()  # where its audio comes from, for `hatif firewall`; empty: from `hosts`
    calls_by_source: int | None = Field(None, ge=1, le=10_000)  # instead of that of [limits]

    def has(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether its calls may come from this address; without `hosts`, from any."""
        return not self.hosts or any(address in ip_network(each) for each in self.hosts)

    @field_validator("country")
    @classmethod
    def _is_dialled(cls, country: str | None) -> str | None:
        if country is not None and country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{country!r} is no country with telephone numbers of its own; write one such as 'NL'")
        return country


class Limits(BaseModel):
    """How many calls are served at once; more are refused before they are answered. docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_by_number: int = Field(3, ge=1, le=10_000)  # of one caller's number; refused with 486
    calls_by_source: int = Field(60, ge=1, le=10_000)  # from one address of a carrier; refused with 503
    calls_in_all: int | None = Field(None, ge=1, le=10_000)  # refused with 503; absent: by the ports for audio
