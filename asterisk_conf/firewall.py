"""Rules for nftables: accept audio from the carriers' media networks and the operators' telephones only.

Asterisk learns a call's audio address from the packets that arrive; it has no option to restrict the senders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from asterisk_conf import checks
from asterisk_conf.conf import Ports
from asterisk_conf.errors import AsteriskError
from asterisk_conf.templating import environment

_TEMPLATES = environment(".")


@dataclass(frozen=True, slots=True)
class Senders:
    """Senders of audio: `who` is a comment such as "carrier example", `networks` are addresses or networks."""

    who: str
    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.networks:
            raise AsteriskError(f"{self.who}: no networks; list the networks of its audio.")
        for network in self.networks:
            checks.network(self.who, network)


def render(senders: Sequence[Senders], ports: Ports, *binds: str) -> str:
    """Return the text of a file for `nft -f`; loading it again replaces its table and leaves others alone.

    `binds` are the addresses that receive audio; an unspecified one stands for all of both families.
    """
    addresses = [ip_address(bind) for bind in binds]
    rules = [
        (f"ip{'6' if network.version == 6 else ''} saddr {network}", sender.who)
        for sender in senders
        for network in map(ip_network, sender.networks)
    ]
    here = [f"ip{'6' if address.version == 6 else ''} daddr {address} " for address in addresses]
    if any(address.is_unspecified for address in addresses):
        here = [""]
    template = _TEMPLATES.get_template("nftables.jinja")
    return template.render(rules=rules, here=here, first=ports.rtp_first, last=ports.rtp_last)
