"""The sections `[[carrier]]` and `[limits]` of `site.toml`: the carriers that may send calls, and how many at once."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ivr.model.e164 import INTERNATIONAL_PREFIX
from ivr.site.addresses import CarrierHost, Codec, DialAddress


class Carrier(BaseModel):
    """A carrier that may send calls, identified by its addresses, by a password, or by both; see docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")
    hosts: tuple[CarrierHost, ...] = ()
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1)
    # Where it accepts calls, an IPv4 address with or without a port: for `[callbacks] trunk`.
    dial: DialAddress | None = None
    trust_identity: bool = False  # whether P-Asserted-Identity gives the caller's number; otherwise only From
    # The country of callers' numbers without a country code; absent: that of the dialled number.
    country: str | None = Field(None, pattern=r"^[A-Z]{2}$")
    national_prefix: str | None = Field(None, pattern=r"^[0-9]{0,4}$")  # absent: the country's usual one
    international_prefix: str = Field(INTERNATIONAL_PREFIX, pattern=r"^[0-9]{1,5}$")
    password: bool = False  # its calls need a password, which is in secrets.json
    nat: bool = False  # its audio comes from another address than that in its SDP, and ours is sent there
    srtp: bool = False  # its audio is encrypted (SDES)
    media: tuple[CarrierHost, ...] = ()  # the networks of its audio, for `hatif firewall`; empty: `hosts`
    calls_by_source: int | None = Field(None, ge=1, le=10_000)  # overrides [limits]

    def has(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether its calls may come from this address; without `hosts`, from any."""
        return not self.hosts or any(address in ip_network(network) for network in self.hosts)

    @field_validator("country")
    @classmethod
    def _is_dialled(cls, country: str | None) -> str | None:
        if country is not None and country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{country!r} is not a country with its own telephone numbers; write one such as 'NL'")
        return country


class Limits(BaseModel):
    """How many calls are served at once; more are refused before they are answered (docs/carriers.md).

    Also what a caller may use up (docs/limits.md).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_by_number: int = Field(3, ge=1, le=10_000)  # of one caller's number; refused with 486
    calls_by_source: int = Field(60, ge=1, le=10_000)  # from one address of a carrier; refused with 503
    calls_in_all: int | None = Field(None, ge=1, le=10_000)  # refused with 503; absent: by the ports for audio
    menus_min: float = Field(30, ge=1, le=1440)  # in the menus, in one call
    messages_by_number: int = Field(10, ge=1, le=10_000)  # of one caller's number, in a day
    free_gb: float = Field(0.5, ge=0.01, le=100_000)  # kept free on the disk: below it nothing is recorded
