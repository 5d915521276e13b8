"""The sections `[[carrier]]` and `[limits]` of `site.toml`: the carriers that may send calls, and how many at once."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Annotated, Literal

import phonenumbers
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ivr.model.e164 import INTERNATIONAL_PREFIX
from ivr.site.addresses import CarrierHost, Codec, ServerAddress, is_name, server_host
from ivr.site.sip import Sip
from ivr.site.wording import COUNTRY, NAME, NUMBER, written_as

_USER = "write up to 64 letters, digits, _, ., + and -, beginning with a letter or digit"
PhoneNumber = Annotated[str, written_as(r"\+[1-9][0-9]{4,14}", NUMBER)]


def _is_of_this_machine(host: str) -> bool:
    network = ip_network(host)
    return network.is_loopback and network.num_addresses == 1


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Carrier(BaseModel):
    """A carrier that may send calls, identified by its addresses, by a password, or by both; see docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, written_as("[a-z0-9][a-z0-9_-]{0,30}", NAME)]
    hosts: tuple[CarrierHost, ...] = ()
    # The port that its calls come from, of a program on this machine. Ports from 32768 on are given to any connection.
    port: int | None = Field(None, ge=1, le=32767)
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1)
    # Where it accepts calls, for `[callbacks]`; one that does not answer is left out until it does.
    dial: Annotated[tuple[ServerAddress, ...], BeforeValidator(_one_or_more)] = Field((), max_length=8)
    registrar: ServerAddress | None = None  # where we register with it, as `user`
    # Our number in calls through it; absent: that of the called person's country.
    shown: PhoneNumber | None = None
    # Our user there, for the registration and for our calls; the password is in secrets.json.
    user: Annotated[str, written_as("[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", _USER)] | None = None
    user_in_from: bool = False  # our calls have it in `From`, and the shown number as P-Asserted-Identity
    # The site's number that is called by a call to our user which names no other.
    number: PhoneNumber | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"  # of our requests; with "tls" of its calls, too
    ipv6: bool = False  # use the IPv6 addresses of its names
    encryption: Literal["none"] | None = None  # "none" allows a carrier outside the own networks without TLS and SRTP
    trust_identity: bool = False  # whether P-Asserted-Identity gives the caller's number; otherwise only From
    # The country of callers' numbers without a country code; absent: that of the dialled number.
    country: Annotated[str, written_as("[A-Z]{2}", COUNTRY)] | None = None
    # Absent: the country's usual one.
    national_prefix: Annotated[str, written_as("[0-9]{0,4}", "write up to 4 digits")] | None = None
    international_prefix: Annotated[str, written_as("[0-9]{1,5}", "write 1 to 5 digits")] = INTERNATIONAL_PREFIX
    password: bool = False  # its calls need a password, which is in secrets.json
    nat: bool = False  # its audio comes from another address than that in its SDP, and ours is sent there
    srtp: bool = False  # its audio is encrypted (SDES)
    media: tuple[CarrierHost, ...] = ()  # the networks of its audio, for `hatif firewall`; empty: `hosts`
    calls_by_source: int | None = Field(None, ge=1, le=10_000)  # overrides [limits]

    def has(self, address: IPv4Address | IPv6Address) -> bool:
        """Return whether its calls may come from this address; without `hosts`, from any."""
        return not self.hosts or any(address in ip_network(network) for network in self.hosts)

    @property
    def open_hosts(self) -> tuple[str, ...]:
        """Its addresses on this machine if it has no password: any program here that uses one is this carrier."""
        return () if self.password else tuple(host for host in self.hosts if ip_network(host).is_loopback)

    @property
    def servers(self) -> tuple[str, ...]:
        """Where our calls and our registration go."""
        return (*self.dial, *((self.registrar,) if self.registrar is not None else ()))

    def outside(self, sip: Sip) -> str | None:
        """Return what of this carrier is outside the own networks, None if nothing is. A name may be anywhere."""
        for server in self.servers:
            if is_name(server_host(server)) or not sip.is_own(server_host(server)):
                return server
        if not self.hosts:
            return "any address" if self.password else None
        return next((host for host in self.hosts if not sip.is_own(host)), None)

    def faults(self, sip: Sip, *, ipv6: bool) -> Iterator[tuple[str, str]]:
        """Yield what does not fit together: the key, and the sentence. `ipv6`: whether SIP has such an address."""
        registers_safely = self.registrar is not None and (self.transport == "tls" or self.outside(sip) is None)
        if not self.hosts and not self.password and not registers_safely:
            what = "nothing identifies this carrier's calls; list their addresses, or write password = true"
            yield "hosts", what + (', or transport = "tls"' if self.registrar is not None else "")
        if self.port is not None and not (self.hosts and all(_is_of_this_machine(host) for host in self.hosts)):
            yield (
                "port",
                "only a program on this machine is known by its port; write its address in hosts, or delete it",
            )
        if self.registrar is not None and self.user is None:
            yield "registrar", "a registration needs our user at the carrier; write user"
        if self.number is not None and self.registrar is None:
            yield "number", "only calls to our registration need it; delete it"
        if self.user_in_from and self.user is None:
            yield "user_in_from", "there is no user to name; write user"
        if self.user is not None and not (self.registrar or self.dial):
            yield "user", "nothing uses our user at the carrier; write registrar or dial, or delete it"
        if self.transport == "tls" and sip.certificate is None:
            yield "transport", "there is no TLS without a certificate; write certificate and key in [sip]"
        outside = self.outside(sip)
        if outside is not None and self.encryption is None and not (self.transport == "tls" and self.srtp):
            yield (
                "srtp" if self.transport == "tls" else "transport",
                f"{outside} is outside the own networks, and others could hear and change its calls on their way;"
                ' write transport = "tls" and srtp = true, or encryption = "none" if the carrier has neither',
            )
        families = {":" in host for host in self.hosts}
        families |= {":" in server_host(server) for server in self.servers if not is_name(server_host(server))}
        families |= {True} if self.ipv6 else set()
        if len(families) > 1:
            yield "hosts", "its addresses are of IPv4 and of IPv6; make it two carriers"
        if True in families and not ipv6:
            key = "ipv6" if self.ipv6 else "hosts" if self.hosts else "dial" if self.dial else "registrar"
            yield key, "this machine has no address for IPv6; write bind_ipv6 in [sip]"

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
    messages_by_number: int = Field(10, ge=1, le=10_000)  # of one caller's number, in a day
    free_gb: float = Field(0.5, ge=0, le=100_000)  # kept free on the disk: below it nothing is recorded
