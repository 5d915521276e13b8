"""Asterisk's configuration files, rendered from plain data.

The values of a site are untrusted: each dataclass checks them when it is made, and raises AsteriskError with one
sentence. The dialplan package writes `extensions.conf` into the same folder.
"""

import hashlib
import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from asterisk_conf import checks, pjsip
from asterisk_conf.carrier import Carrier
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import link, make_folder, write_text
from asterisk_conf.installation import Installation
from asterisk_conf.modules import CDR_MODULES, MODULES, NAME_MODULES, OPTIONAL_MODULES, WEB_MODULES
from asterisk_conf.sip import CIPHERS, KEY_FILE, NO_TLS, TRANSPORTS, Sip
from asterisk_conf.templating import environment
from background.telephone_ticket import GATE

SECRET_FILES = frozenset({"pjsip.conf", "ari.conf", "manager.conf", KEY_FILE})
# Asterisk warns if these are missing; its defaults are right.
DEFAULT_FILES = (
    "ccss.conf",
    "features.conf",
    "pjproject.conf",
    "queuerules.conf",
    "udptl.conf",
    "websocket_client.conf",
)
BANNED_FILE = "acl.conf"
"""Has who is banned. The guard writes it (`ivr.process.ban_list`); a set-up makes only the first one, without bans."""
_NOBODY_BANNED = "[hatif-bans]\npermit = 0.0.0.0/0.0.0.0\npermit = ::/0\n"
OPERATOR_CODECS = ("alaw", "ulaw", "g722", "opus")  # in order of preference; Opus only if this Asterisk has it
WEB_CODECS = ("opus", "alaw", "ulaw")  # of browser telephones, likewise
WEB_SUFFIX = "-web"  # an operator's browser telephone is an endpoint of its own, ID-web

_MAX_SOCKET_PATH = 107  # bytes; the kernel silently truncates a longer path of a Unix socket
_MAX_FILES = 65536
_TEMPLATES = environment()


@dataclass(frozen=True, slots=True)
class Ports:
    """Asterisk's ports, and the controller's: `agi` for FastAGI, `hep` (UDP) for copies of SIP messages.

    `sips`: SIP over TLS.
    """

    sip: int = 5060
    http: int = 8088
    ami: int = 5038
    agi: int = 4573
    hep: int = 5039
    rtp_first: int = 10000
    rtp_last: int = 10999
    sips: int = 5061

    def __post_init__(self) -> None:
        for name in self.__slots__:
            port = getattr(self, name)
            if not 1 <= port <= 65535:
                raise AsteriskError(f"Port {port} ({name}) is not between 1 and 65535: choose a smaller port offset.")
        if self.rtp_last - self.rtp_first < 9:
            raise AsteriskError(
                f"The RTP ports {self.rtp_first} to {self.rtp_last} are too few: a call needs two; give at least ten."
            )

    @classmethod
    def with_offset(cls, offset: int, audio: int = 1000) -> "Ports":
        """Return the default ports with `offset` (a multiple of 1000) added to each; `audio`: how many carry audio."""
        if offset % 1000 or not 0 <= offset <= 54000:
            raise AsteriskError(f"The port offset {offset} is not a multiple of 1000 from 0 to 54000.")
        return cls(*(port + offset for port in (5060, 8088, 5038, 4573, 5039, 10000, 9999 + audio, 5061)))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An operator's telephone; `id` is also its SIP user name, `languages` are codes, the operator's own first.

    `outside`: it may be anywhere, and its SIP and its audio are encrypted; otherwise it is in one of Conf's `networks`.
    """

    id: str
    name: str
    password: str = field(repr=False)
    languages: tuple[str, ...] = ()
    outside: bool = False

    def __post_init__(self) -> None:
        checks.identifier("Operator", self.id)
        checks.person(f"Operator {self.id}", self.name)
        checks.secret(f"Operator {self.id}", self.password)
        for language in self.languages:
            checks.language(f"Operator {self.id}", language)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the fallback, `hatif-<language>`; its members are operators' ids."""

    name: str
    members: tuple[str, ...]

    def __post_init__(self) -> None:
        checks.identifier("Queue", self.name)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Users and passwords, generated at the first start: at least 16 letters, digits, `_` and `-`."""

    ari_user: str
    ari_password: str = field(repr=False)
    ami_user: str
    ami_password: str = field(repr=False)

    def __post_init__(self) -> None:
        for what, user, password in (
            ("ARI user", self.ari_user, self.ari_password),
            ("AMI user", self.ami_user, self.ami_password),
        ):
            checks.identifier(what, user)
            checks.secret(f"{what} {user}", password)


@dataclass(frozen=True, slots=True)
class Conf:
    """Everything that Asterisk's files depend on.

    `home` is HATIF_HOME; `installation` may be elsewhere. SIP and RTP are bound to the address `sip_bind`: the default
    accepts loopback only, "0.0.0.0" every network. ARI and AMI are always on 127.0.0.1. `wrap_up_s` is the time in
    seconds for which the fallback's queues do not ring an operator after a call, `sip_answer_s` the time after which an
    unanswered SIP request is given up. `own_pjsip` is the text of the site's own `pjsip.conf`, appended to ours; see
    `own_findings`.
    `web_telephones`: whether each operator also has an endpoint for a telephone in a browser. `try_telephones`: the
    endpoints of the page with which people try the line, which needs `web_telephones`. `bans`: whether
    endpoints with a password refuse the addresses of `acl.conf`. `networks`: of telephones that need not be encrypted;
    empty for any. `sip`: TLS, IPv6 and NAT. `cdr`: whether Asterisk writes call detail records.
    """

    home: Path
    node: str
    ports: Ports
    carriers: tuple[Carrier, ...]
    endpoints: tuple[Endpoint, ...]
    queues: tuple[Queue, ...]
    secrets: Secrets
    installation: Installation
    sip_bind: str = "127.0.0.1"
    wrap_up_s: int = 20
    own_pjsip: str = ""
    sip_answer_s: float = 16
    web_telephones: bool = False
    try_telephones: tuple[str, ...] = ()
    bans: bool = True
    networks: tuple[str, ...] = ()
    sip: Sip = NO_TLS
    cdr: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        checks.folder("HATIF_HOME", self.home)
        socket = self.asterisk / "run" / "asterisk.ctl"
        if (length := len(bytes(socket))) > _MAX_SOCKET_PATH:
            raise AsteriskError(
                f"The path of HATIF_HOME is too long: {socket} has {length} bytes, but a socket's path may have at most"
                f" {_MAX_SOCKET_PATH}; set HATIF_HOME to a shorter path."
            )
        checks.identifier("Node", self.node)
        try:
            ip_address(self.sip_bind)
        except ValueError:
            raise AsteriskError(
                f"sip_bind is {self.sip_bind!r}; give an IP address of this machine, or 0.0.0.0 for all of them."
            ) from None
        if not 0 <= self.wrap_up_s <= 3600:
            raise AsteriskError(f"wrap_up_s is {self.wrap_up_s}; give seconds between 0 and 3600.")
        if not 6.4 <= self.sip_answer_s <= 32:
            raise AsteriskError(f"answer_s is {self.sip_answer_s}; give seconds between 6.4 and 32.")
        self._check_uniqueness()
        carriers, operators = (
            [carrier.name for carrier in self.carriers],
            [endpoint.id for endpoint in self.endpoints],
        )
        if found := own_findings(self.own_pjsip, carriers, operators):
            raise AsteriskError("\n".join(f"the site's pjsip.conf, {finding}" for finding in found))

    def _check_uniqueness(self) -> None:
        for what, names in (
            ("Carrier", [carrier.name for carrier in self.carriers]),
            ("Operator", [endpoint.id for endpoint in self.endpoints]),
            ("Queue", [queue.name for queue in self.queues]),
            ("Carrier's host", [str(ip_network(host)) for carrier in self.carriers for host in carrier.hosts]),
        ):
            for name, count in Counter(names).items():
                if count > 1:
                    raise AsteriskError(f"{what} {name} is listed {count} times; list it once.")
        near = [carrier.name for carrier in self.carriers if any(_has_the_gate(host) for host in carrier.hosts)]
        if near and self.web_telephones:
            raise AsteriskError(
                f"Carrier {near[0]}: its hosts include {GATE}, from where the telephones of browsers come: their calls"
                " would be this carrier's; list its own addresses only."
            )
        if over_tls := [carrier.name for carrier in self.carriers if carrier.transport == "tls" and not self.sip.tls]:
            raise AsteriskError(f"Carrier {over_tls[0]}: TLS needs a certificate and a key.")
        encrypted = [carrier.name for carrier in self.carriers if carrier.srtp]
        if encrypted and self.installation.version and not self.installation.has_module("res_srtp"):
            raise AsteriskError(f"Carrier {encrypted[0]}: srtp needs the module res_srtp, which this Asterisk lacks.")
        if self.web_telephones and self.installation.version:
            needed = ("res_srtp", *(name for name, _ in WEB_MODULES))
            if missing := [name for name in needed if not self.installation.has_module(name)]:
                raise AsteriskError(
                    f"Browser telephones need the module {missing[0]}, which this Asterisk lacks: install it, or switch"
                    " the desk off in site.toml."
                )
        for network in self.networks:
            checks.network("networks", network)
        outside = [endpoint.id for endpoint in self.endpoints if endpoint.outside]
        if outside and not self.sip.tls:
            raise AsteriskError(f"Operator {outside[0]}: a telephone outside needs SIP over TLS; give a certificate.")
        if outside and self.installation.version and not self.installation.has_module("res_srtp"):
            raise AsteriskError(f"Operator {outside[0]}: SRTP needs the module res_srtp, which this Asterisk lacks.")
        for endpoint in self.endpoints:
            if endpoint.id in _RESERVED or endpoint.id.startswith(("carrier-", "trunk-")):
                raise AsteriskError(
                    f"Operator {endpoint.id}: this id is reserved for Hatif's own files; choose another one."
                )
        known = {endpoint.id for endpoint in self.endpoints}
        for queue in self.queues:
            if unknown := [member for member in queue.members if member not in known]:
                raise AsteriskError(f"Queue {queue.name}: {', '.join(unknown)} is not the id of an operator.")

    @property
    def asterisk(self) -> Path:
        """The folder of all of Asterisk's own files."""
        return self.home / "asterisk"

    @property
    def etc(self) -> Path:
        return self.asterisk / "etc"

    @property
    def transports(self) -> tuple[tuple[str, str, str, int], ...]:
        """Protocol, name, address as in a URI, and port of everything that accepts SIP."""
        addresses = [("", f"[{self.sip_bind}]" if ":" in self.sip_bind else self.sip_bind)]
        addresses += [("6", f"[{self.sip.bind_ipv6}]")] if self.sip.bind_ipv6 else []
        protocols = [("udp", self.ports.sip), ("tcp", self.ports.sip)]
        protocols += [("tls", self.ports.sips)] if self.sip.tls else []
        return tuple(
            (protocol, protocol + suffix, address, port)
            for suffix, address in addresses
            for protocol, port in protocols
        )

    @property
    def log_file(self) -> Path:
        """Asterisk's log; `security.log` beside it has all logins, including rejected ones."""
        return self.asterisk / "log" / "asterisk.log"


def _has_the_gate(host: str) -> bool:
    network = ip_network(host)
    return network.version == 4 and ip_address(GATE) in network


_RESERVED = frozenset(
    {"global", "system", *TRANSPORTS, "ws", "carrier", "operator", "operator-auth", "operator-aor", "operator-web",
     "operator-inside", "operator-outside"}
)  # fmt: skip


def own_findings(text: str, carriers: Iterable[str], operators: Iterable[str]) -> list[pjsip.Finding]:
    """Return the problems of a site's own `pjsip.conf`; `carriers` are names of carriers, `operators` ids."""
    ours = {f"{kind}-{name}" for name in carriers for kind in ("carrier", "trunk")}
    telephones = {name for identity in operators for name in (identity, f"{identity}{WEB_SUFFIX}")}
    return pjsip.lint(text, _RESERVED | ours | telephones)


def render(conf: Conf) -> dict[str, str]:
    """Return the text of every file by name."""
    modules = modules_of(conf)
    opus = any(name.startswith("codec_opus") for name, _ in modules)
    values = {
        "asterisk": conf.asterisk,
        "carriers": conf.carriers,
        "cdr": conf.cdr,
        "ciphers": CIPHERS,
        "endpoints": conf.endpoints,
        # By default Asterisk derives it from a network card's address, and warns on a machine without one.
        "entity_id": _entity_id(conf.node),
        "installation": conf.installation,
        "max_files": min(_MAX_FILES, _hard_limit_of_files()),
        # Empty if SIP is on every address: audio then uses the address of the route to the caller.
        "media_address": "" if ip_address(conf.sip_bind).is_unspecified else conf.sip_bind,
        "media_address_ipv6": conf.sip.bind_ipv6 if conf.sip.bind_ipv6 not in ("", "::") else "",
        "modules": modules,
        "names": {endpoint.id: endpoint.name for endpoint in conf.endpoints},
        "node": conf.node,
        "operator_codecs": OPERATOR_CODECS if opus else OPERATOR_CODECS[:-1],
        "own_pjsip": conf.own_pjsip,
        "ports": conf.ports,
        "queues": conf.queues,
        "secrets": conf.secrets,
        "option": checks.option,
        "etc": conf.etc,
        "transports": conf.transports,
        "sip": conf.sip,
        "gate": GATE,
        "sip_t1_ms": round(1000 * conf.sip_answer_s / 64),
        "web_codecs": WEB_CODECS if opus else WEB_CODECS[1:],
        "bans": conf.bans,
        "networks": conf.networks,
        "web_telephones": conf.web_telephones,
        "try_telephones": conf.try_telephones,
        "wrap_up_s": conf.wrap_up_s,
    }
    rendered = {
        name.removesuffix(".jinja"): _TEMPLATES.get_template(name).render(values)
        for name in _TEMPLATES.list_templates(extensions=["jinja"])
    }
    return (
        rendered
        | conf.sip.files()
        | dict.fromkeys(DEFAULT_FILES, "; Written by hatif; empty, so Asterisk's defaults apply.\n")
    )


def modules_of(conf: Conf) -> tuple[tuple[str, str], ...]:
    """Return the modules that this Asterisk loads, each with its reason."""
    named = NAME_MODULES if any(carrier.domain for carrier in conf.carriers) else ()
    optional = (module for module in (*OPTIONAL_MODULES, *named) if conf.installation.has_module(module[0]))
    chosen = (*(WEB_MODULES if conf.web_telephones else ()), *(CDR_MODULES if conf.cdr else ()))
    return (*MODULES, *optional, *chosen)


def write(conf: Conf) -> tuple[str, ...]:
    """Write the files that differ, each atomically; return the names of the changed files.

    Files with passwords have mode 600. Also creates the folders and links that Asterisk needs under `conf.home`.

    Raises:
        AsteriskError: pjsip.conf would let strangers in; nothing is written then.
    """
    files = render(conf)
    later = [f"{endpoint.id}{WEB_SUFFIX}" for endpoint in conf.endpoints] if conf.web_telephones else []
    later += conf.try_telephones
    if found := pjsip.lint(files["pjsip.conf"], set_later=later):
        raise AsteriskError("\n".join(f"pjsip.conf, {finding}" for finding in found))
    make_folder(conf.home / "sounds")
    for name in ("", "etc", "run", "db", "log", "spool", "spool/cache", "spool/recording", "data", "data/sounds"):
        make_folder(conf.asterisk / name)
    if conf.cdr:
        make_folder(conf.asterisk / "log" / "cdr-csv")
    link(conf.asterisk / "data" / "documentation", conf.installation.data_dir / "documentation")
    link(conf.asterisk / "data" / "moh", conf.installation.moh_dir)
    link(conf.asterisk / "data" / "sounds" / "hatif", conf.home / "sounds")
    banned = conf.etc / BANNED_FILE
    if not banned.is_file() or not banned.read_text(encoding="utf-8", errors="replace").startswith("[hatif-bans]"):
        files[BANNED_FILE] = _NOBODY_BANNED
    return tuple(
        name
        for name, text in files.items()
        if write_text(conf.etc / name, text, 0o600 if name in SECRET_FILES else 0o644)
    )


def _entity_id(node: str) -> str:
    """Return six bytes in the form of a locally administered MAC address, always the same for a node."""
    first, *rest = hashlib.sha256(node.encode()).digest()[:6]
    return ":".join(f"{byte:02x}" for byte in (first & 0xFC | 0x02, *rest))


def _hard_limit_of_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _MAX_FILES if hard == resource.RLIM_INFINITY else hard
