"""Rules for nftables: audio comes from the carriers' media networks and the operators' telephones only.

Asterisk itself learns a call's address from the packets that come; it has no option for who may send any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from jinja2 import Environment, PackageLoader, StrictUndefined

from asterisk_conf import checks
from asterisk_conf.conf import Ports
from asterisk_conf.errors import AsteriskError

_TEMPLATES = Environment(  # noqa: S701 - not HTML; every value is checked before it gets here
    loader=PackageLoader("asterisk_conf", "."),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Senders:
    """Who sends audio: `who` is a comment such as "carrier example", `networks` are addresses or networks."""

    who: str
    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.networks:
            raise AsteriskError(f"{self.who}: no networks; list where its audio comes from.")
        for network in self.networks:
            checks.network(self.who, network)


def render(senders: Sequence[Senders], ports: Ports, bind: str) -> str:
    """The text of a file for `nft -f`. Loaded again, it replaces what it was; other tables are left alone.

    `bind` is the address that audio comes to; an unspecified one stands for all.
    """
    address = ip_address(bind)
    rules = [
        (f"ip{'6' if network.version == 6 else ''} saddr {network}", each.who)
        for each in senders
        for network in map(ip_network, each.networks)
    ]
    here = "" if address.is_unspecified else f"ip{'6' if address.version == 6 else ''} daddr {address} "
    template = _TEMPLATES.get_template("nftables.jinja")
    return template.render(rules=rules, here=here, first=ports.rtp_first, last=ports.rtp_last)
