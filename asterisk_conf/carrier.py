"""A carrier, as Asterisk's files need it."""

from dataclasses import dataclass, field
from ipaddress import ip_network

from asterisk_conf import checks
from asterisk_conf.errors import AsteriskError

CARRIER_CODECS = frozenset({"alaw", "ulaw", "g722"})


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier that may send calls, identified by IP addresses or networks, so that trust does not depend on DNS.

    `dial`: the servers that accept our outgoing calls; empty if none go there. `user`, `user_password`: ours there, and
    with the `registrar`. `ipv6`: use the IPv6 addresses of their names. `transport`: of our requests; its calls must
    come over TLS if it is "tls". `user_in_from`: `From` of our calls names the user, and our number is asserted.
    `trust_identity`: whether its P-Asserted-Identity gives the caller's number; otherwise only From does (RFC 3325).
    `port`: that its calls come from; None for any. `password`: required for its calls, as the user `carrier-NAME`;
    `hosts` may then be empty. `nat`: send audio to the address that its audio comes from instead of the one in its SDP.
    `srtp`: accept only encrypted audio. `most_calls`: maximum number of simultaneous calls from one of its addresses.
    """

    name: str
    hosts: tuple[str, ...]
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    dial: tuple[str, ...] = ()
    trust_identity: bool = False
    password: str | None = field(default=None, repr=False)
    nat: bool = False
    srtp: bool = False
    most_calls: int = 60
    ipv6: bool = False
    transport: str = "udp"
    registrar: str | None = None
    user: str | None = None
    user_password: str | None = field(default=None, repr=False)
    user_in_from: bool = False
    port: int | None = None

    def __post_init__(self) -> None:
        checks.identifier("Carrier", self.name)
        if not self.hosts and self.password is None and self.registrar is None:
            raise AsteriskError(f"Carrier {self.name}: no hosts; list the IP addresses of its calls.")
        if self.password is not None:
            checks.secret(f"Carrier {self.name}", self.password)
        if not 1 <= self.most_calls <= 10_000:
            raise AsteriskError(f"Carrier {self.name}: most_calls is {self.most_calls}; give a number from 1 to 10000.")
        for host in self.hosts:
            checks.network(f"Carrier {self.name}", host)
        if self.port is not None and any(ip_network(host).num_addresses > 1 for host in self.hosts):
            raise AsteriskError(f"Carrier {self.name}: a port needs single addresses; list no networks.")
        if not self.codecs or not CARRIER_CODECS.issuperset(self.codecs):
            raise AsteriskError(
                f"Carrier {self.name}: the codecs are {', '.join(map(repr, self.codecs)) or 'empty'};"
                f" choose some of {', '.join(sorted(CARRIER_CODECS))}."
            )
        for server in self.servers:
            checks.server(f"Carrier {self.name}", server)
        if self.transport not in ("udp", "tcp", "tls"):
            raise AsteriskError(f"Carrier {self.name}: the transport is {self.transport!r}; choose udp, tcp or tls.")
        if self.user is not None:
            checks.user(f"Carrier {self.name}", self.user)
            checks.outer_secret(f"Carrier {self.name}", self.user_password or "")

    @property
    def senders(self) -> tuple[str, ...]:
        """Where its calls come from, as `match` of `pjsip.conf` has it."""
        if self.port is None:
            return self.hosts
        return tuple(f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}" for host in self.hosts)

    @property
    def servers(self) -> tuple[str, ...]:
        """Where our registration and our calls go."""
        return (*((self.registrar,) if self.registrar is not None else ()), *self.dial)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The names in `pjsip.conf` of the servers that accept our calls, each with its address, in their order."""
        one = len(self.dial) == 1
        return tuple((f"trunk-{self.name}{'' if one else f'.{n}'}", server) for n, server in enumerate(self.dial, 1))

    @property
    def is_ipv6(self) -> bool:
        """Whether it is reached over IPv6."""
        return (
            self.ipv6
            or any(":" in host for host in self.hosts)
            or any(server.startswith("[") for server in self.servers)
        )

    @property
    def domain(self) -> str | None:
        """The name of its servers in SIP addresses; None for addresses only."""
        names = [server.partition(":")[0] for server in self.servers if not server.startswith("[")]
        return next((name for name in names if not name.replace(".", "").isdigit()), None)
