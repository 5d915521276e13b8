"""Rules for nftables: accept audio from the carriers' media networks and the operators' telephones only, and no flood
of calls from one address. On this machine, no other user speaks for the gate of browser telephones, and no person's
account for a carrier here that has no password.

Asterisk learns a call's audio address from the packets that arrive; it has no option to restrict the senders. Of a call
it knows only once it has given it two ports and a thread whether its address has a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from asterisk_conf import checks
from asterisk_conf.conf import Ports
from asterisk_conf.errors import AsteriskError
from asterisk_conf.templating import environment
from background.telephone_ticket import GATE

_TEMPLATES = environment(".")

INVITES_S = 30
"""INVITEs a second from one address; 108,000 in an hour."""

PEOPLE = "1000-59999"
"""The user ids of people's accounts; services have others (Debian Policy 9.2.2)."""


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


def render(
    senders: Sequence[Senders],
    ports: Ports,
    *binds: str,
    plain_sip: Sequence[Senders] | None = None,
    calls_by_source: int = 60,
    line_user: int = 0,
    gate: bool = False,
    carriers_here: Sequence[Senders] = (),
    people: str = PEOPLE,
) -> str:
    """Return the text of a file for `nft -f`; loading it again replaces its table and leaves others alone.

    Args:
        binds: The addresses that receive audio; an unspecified one stands for all of both families.
        plain_sip: If telephones may be outside: who else may send SIP without TLS. Nobody else may, and whoever has a
            connection to the port of SIP over TLS may send audio.
        calls_by_source: How many calls one address may have at once; so many INVITEs may come in a burst.
        line_user: The user id of the line, and of its gate of browser telephones.
        gate: Whether there is such a gate. Nobody else may use its address.
        carriers_here: Carriers of this machine without a password. No account of `people` but the line's may send SIP
            from their addresses.
        people: User ids.
    """
    addresses = [ip_address(bind) for bind in binds]
    here = [(f"ip{_family(address.version)} daddr {address} ", (_family(address.version),)) for address in addresses]
    template = _TEMPLATES.get_template("nftables.jinja")
    return template.render(
        rules=_rules(senders),
        plain_sip=None if plain_sip is None else _rules(plain_sip),
        here=[("", ("", "6"))] if any(address.is_unspecified for address in addresses) else here,
        ports=ports,
        invites_s=INVITES_S,
        invites=calls_by_source,
        first=ports.rtp_first,
        last=ports.rtp_last,
        gate=GATE,
        gate_user=line_user if gate else None,
        line_user=line_user,
        carriers_here=_rules(carriers_here),
        people=people,
    )


def _family(version: int) -> str:
    """Return the end of a family's name in the words of nftables."""
    return "6" if version == 6 else ""


def _rules(senders: Sequence[Senders]) -> list[tuple[str, str]]:
    """Return the sources in the words of nftables, each with its comment."""
    return [
        (f"ip{_family(network.version)} saddr {network}", sender.who)
        for sender in senders
        for network in map(ip_network, sender.networks)
    ]
