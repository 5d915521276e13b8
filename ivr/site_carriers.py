"""The parts `[[carrier]]` and `[limits]` of `site.toml`: who may bring calls, and how many at once."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"found {text!r}; write an address or a network such as 192.0.2.0/28 ({error})") from None
    if network.prefixlen == 0:
        raise ValueError(f"{text} is the whole internet; list the addresses that are used")
    return text


Network = Annotated[str, AfterValidator(_network)]
"""An IP address or network as text."""


class Carrier(BaseModel):
    """Who may bring calls: by the addresses that it sends from, by a password, or by both. docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")
    hosts: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    # Where it takes calls, an address of numbers with or without a port: for `[callbacks] trunk`.
    dial: str | None = Field(None, pattern=r"^(\d{1,3}\.){3}\d{1,3}(:[1-9]\d{0,4})?$")
    password: bool = False  # its calls bring a password, which secrets.json has
    nat: bool = False  # its audio comes from another address than its SDP says, and is answered there
    srtp: bool = False  # its audio is encrypted (SDES)
    media: tuple[Network, ...] = ()  # where its audio comes from, for `hatif firewall`; empty: from `hosts`
    calls_by_source: int | None = Field(None, ge=1, le=10_000)  # instead of that of [limits]


class Limits(BaseModel):
    """How many calls are served at once; more are refused before they are answered. docs/carriers.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_by_number: int = Field(3, ge=1, le=10_000)  # of one caller's number; refused with 486
    calls_by_source: int = Field(60, ge=1, le=10_000)  # from one address of a carrier; refused with 503
    calls_in_all: int | None = Field(None, ge=1, le=10_000)  # refused with 503; absent: by the ports for audio
