"""Asterisk's configuration files, from plain data.

What comes from a site is untrusted: everything is checked when a dataclass is made, and refused with one sentence.
`extensions.conf` is written into the same folder by the dialplan package, never from here.
"""

import hashlib
import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from asterisk_conf import checks, pjsip
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import link, make_folder, write_text
from asterisk_conf.installation import Installation
from asterisk_conf.modules import MODULES, OPTIONAL_MODULES

SECRET_FILES = frozenset({"pjsip.conf", "ari.conf", "manager.conf"})
# Asterisk looks for these and complains when they are missing; its defaults are right.
DEFAULT_FILES = (
    "acl.conf",
    "ccss.conf",
    "features.conf",
    "pjproject.conf",
    "queuerules.conf",
    "udptl.conf",
    "websocket_client.conf",
)
CARRIER_CODECS = frozenset({"alaw", "ulaw", "g722"})
OPERATOR_CODECS = ("alaw", "ulaw", "g722", "opus")  # the first one first; Opus where this Asterisk has it

_MAX_SOCKET_PATH = 107  # bytes; a longer path of a Unix socket is cut silently by the kernel's interface
_MAX_FILES = 65536
_TEMPLATES = Environment(  # noqa: S701 - not HTML; every value is checked before it gets here
    loader=PackageLoader("asterisk_conf"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where Asterisk listens; `agi` is where the controller does, for FastAGI, and `hep` (UDP), for copies of SIP
    messages."""

    sip: int = 5060
    http: int = 8088
    ami: int = 5038
    agi: int = 4573
    hep: int = 5039
    rtp_first: int = 10000
    rtp_last: int = 10999

    def __post_init__(self) -> None:
        for name in self.__slots__:
            port = getattr(self, name)
            if not 1 <= port <= 65535:
                raise AsteriskError(f"Port {port} ({name}) is not between 1 and 65535: choose a smaller port offset.")
        if self.rtp_last - self.rtp_first < 9:
            raise AsteriskError(
                f"The RTP ports {self.rtp_first} to {self.rtp_last} are too few: a call needs two, give at least ten."
            )

    @classmethod
    def with_offset(cls, offset: int) -> "Ports":
        """The usual ports with `offset` (a multiple of 1000) added to each."""
        if offset % 1000 or not 0 <= offset <= 54000:
            raise AsteriskError(f"The port offset {offset} is not a multiple of 1000 from 0 to 54000.")
        return cls(*(port + offset for port in (5060, 8088, 5038, 4573, 5039, 10000, 10999)))


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who may bring calls: known by IP addresses or networks, so that no name server decides who is trusted.

    `dial`: where it takes ours, an IPv4 address with or without a port; None: our calls do not go there.
    `trust_identity`: whether its P-Asserted-Identity says who calls; otherwise only From does (RFC 3325). `password`:
    what its calls must bring, as the user `carrier-NAME`; then `hosts` may be empty. `nat`: audio is sent to where its
    audio comes from, and not to where its SDP says. `srtp`: only encrypted audio is taken. `most_calls`: at once, from
    one of its addresses.
    """

    name: str
    hosts: tuple[str, ...]
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    dial: str | None = None
    trust_identity: bool = False
    password: str | None = field(default=None, repr=False)
    nat: bool = False
    srtp: bool = False
    most_calls: int = 60

    def __post_init__(self) -> None:
        checks.identifier("Carrier", self.name)
        if not self.hosts and self.password is None:
            raise AsteriskError(f"Carrier {self.name}: no hosts; list the IP addresses that its calls come from.")
        if self.password is not None:
            checks.secret(f"Carrier {self.name}", self.password)
        if not 1 <= self.most_calls <= 10_000:
            raise AsteriskError(f"Carrier {self.name}: {self.most_calls} calls at once; give a number from 1 to 10000.")
        for host in self.hosts:
            checks.network(f"Carrier {self.name}", host)
        if not self.codecs or not CARRIER_CODECS.issuperset(self.codecs):
            raise AsteriskError(
                f"Carrier {self.name}: the codecs {', '.join(map(repr, self.codecs)) or 'are empty'};"
                f" choose some of {', '.join(sorted(CARRIER_CODECS))}."
            )
        if self.dial is not None:
            checks.address(f"Carrier {self.name}", self.dial)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An operator's telephone; `id` is its SIP user name too, `languages` are codes, the first one his own."""

    id: str
    name: str
    password: str = field(repr=False)
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.identifier("Operator", self.id)
        checks.person(f"Operator {self.id}", self.name)
        checks.secret(f"Operator {self.id}", self.password)
        for language in self.languages:
            checks.language(f"Operator {self.id}", language)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the fallback, `hatif-<language>`; members are operators' ids."""

    name: str
    members: tuple[str, ...]

    def __post_init__(self) -> None:
        checks.identifier("Queue", self.name)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made at random at first start: letters, digits, `_` and `-`, at least 16 of them."""

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
    """All that Asterisk's files depend on.

    `home` is HATIF_HOME; `installation` may live elsewhere. `sip_bind` is the address that SIP and RTP are bound to:
    the default reaches the whole of loopback and nothing else, "0.0.0.0" every network. ARI and AMI are always on
    127.0.0.1. `wrap_up_s` are the seconds that the fallback's queues leave an operator alone after a call,
    `rtp_timeout_s` those after which an operator's telephone that sends nothing counts as gone, `sip_answer_s` those
    after which a SIP request that nobody answers is given up. `own_pjsip` is the text of the site's own `pjsip.conf`,
    which goes behind ours; see `own_findings`.
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
    rtp_timeout_s: int = 10
    own_pjsip: str = ""
    sip_answer_s: float = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        checks.folder("HATIF_HOME", self.home)
        socket = self.asterisk / "run" / "asterisk.ctl"
        if (length := len(bytes(socket))) > _MAX_SOCKET_PATH:
            raise AsteriskError(
                f"HATIF_HOME is too deep: {socket} has {length} bytes, a socket's path may have {_MAX_SOCKET_PATH};"
                f" set HATIF_HOME to a shorter path."
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
        if not 2 <= self.rtp_timeout_s <= 600:
            raise AsteriskError(f"rtp_timeout_s is {self.rtp_timeout_s}; give seconds between 2 and 600.")
        if not 6.4 <= self.sip_answer_s <= 32:
            raise AsteriskError(f"answer_s is {self.sip_answer_s}; give seconds between 6.4 and 32.")
        self._check_uniqueness()
        carriers, operators = ([each.name for each in self.carriers], [each.id for each in self.endpoints])
        if found := own_findings(self.own_pjsip, carriers, operators):
            raise AsteriskError("\n".join(f"pjsip.conf of the site, {finding}" for finding in found))

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
        sealed = [carrier.name for carrier in self.carriers if carrier.srtp]
        if sealed and self.installation.version and not self.installation.has_module("res_srtp"):
            raise AsteriskError(f"Carrier {sealed[0]}: srtp needs the module res_srtp, which this Asterisk lacks.")
        if len(ways := [carrier.name for carrier in self.carriers if carrier.dial is not None]) > 1:
            raise AsteriskError(f"Carriers {', '.join(ways)} are all to take our calls: choose one of them.")
        for endpoint in self.endpoints:
            if endpoint.id in _RESERVED or endpoint.id.startswith(("carrier-", "trunk-")):
                raise AsteriskError(f"Operator {endpoint.id}: this id is taken by our own files; choose another one.")
        known = {endpoint.id for endpoint in self.endpoints}
        for queue in self.queues:
            if strangers := [member for member in queue.members if member not in known]:
                raise AsteriskError(f"Queue {queue.name}: {', '.join(strangers)} is not the id of an operator.")

    @property
    def asterisk(self) -> Path:
        """The folder that holds all of Asterisk's own files."""
        return self.home / "asterisk"

    @property
    def etc(self) -> Path:
        return self.asterisk / "etc"

    @property
    def log_file(self) -> Path:
        """Asterisk's own log; `security.log` beside it holds logins, refused ones too."""
        return self.asterisk / "log" / "asterisk.log"


_RESERVED = frozenset({"global", "system", "udp", "tcp", "carrier", "operator", "operator-auth", "operator-aor"})


def own_findings(text: str, carriers: Iterable[str], operators: Iterable[str]) -> list[pjsip.Finding]:
    """What is wrong with a site's own `pjsip.conf`. `carriers` are names of carriers, `operators` ids."""
    ours = {f"{kind}-{name}" for name in carriers for kind in ("carrier", "trunk")}
    return pjsip.lint(text, _RESERVED | ours | set(operators))


def render(conf: Conf) -> dict[str, str]:
    """The text of every file, by its name."""
    modules = modules_of(conf.installation)
    opus = any(name.startswith("codec_opus") for name, _ in modules)
    values = {
        "asterisk": conf.asterisk,
        "carriers": conf.carriers,
        "endpoints": conf.endpoints,
        # Asterisk makes it from a network card's address, and warns on a machine that has none.
        "entity_id": _entity_id(conf.node),
        "installation": conf.installation,
        "max_files": min(_MAX_FILES, _hard_limit_of_files()),
        # Nothing where SIP is on every address: a caller's audio then goes by the route to him.
        "media_address": "" if ip_address(conf.sip_bind).is_unspecified else conf.sip_bind,
        "modules": modules,
        "names": {endpoint.id: endpoint.name for endpoint in conf.endpoints},
        "node": conf.node,
        "operator_codecs": OPERATOR_CODECS if opus else OPERATOR_CODECS[:-1],
        "own_pjsip": conf.own_pjsip,
        "ports": conf.ports,
        "queues": conf.queues,
        "secrets": conf.secrets,
        "trunk": next((carrier for carrier in conf.carriers if carrier.dial is not None), None),
        "sip_t1_ms": round(1000 * conf.sip_answer_s / 64),
        "sip_bind": f"[{conf.sip_bind}]" if ":" in conf.sip_bind else conf.sip_bind,
        "rtp_timeout_s": conf.rtp_timeout_s,
        "wrap_up_s": conf.wrap_up_s,
    }
    rendered = {
        name.removesuffix(".jinja"): _TEMPLATES.get_template(name).render(values)
        for name in _TEMPLATES.list_templates(extensions=["jinja"])
    }
    return rendered | dict.fromkeys(DEFAULT_FILES, "; Written by hatif; empty: Asterisk's defaults apply.\n")


def modules_of(installation: Installation) -> tuple[tuple[str, str], ...]:
    """The modules that are loaded there, each with its reason."""
    return (*MODULES, *(module for module in OPTIONAL_MODULES if installation.has_module(module[0])))


def write(conf: Conf) -> tuple[str, ...]:
    """Write what differs, each file at once or not at all; return the names of the files that changed.

    Raises AsteriskError for a pjsip.conf that would let strangers in; then nothing is written. Files with
    passwords have mode 600. Also makes the folders and links that Asterisk needs under `conf.home`.
    """
    files = render(conf)
    if found := pjsip.lint(files["pjsip.conf"]):
        raise AsteriskError("\n".join(f"pjsip.conf, {finding}" for finding in found))
    make_folder(conf.home / "sounds")
    for name in ("", "etc", "run", "db", "log", "spool", "spool/cache", "spool/recording", "data", "data/sounds"):
        make_folder(conf.asterisk / name)
    link(conf.asterisk / "data" / "documentation", conf.installation.data_dir / "documentation")
    link(conf.asterisk / "data" / "moh", conf.installation.moh_dir)
    link(conf.asterisk / "data" / "sounds" / "hatif", conf.home / "sounds")
    return tuple(
        name
        for name, text in files.items()
        if write_text(conf.etc / name, text, 0o600 if name in SECRET_FILES else 0o644)
    )


def _entity_id(node: str) -> str:
    """Six bytes as a locally administered address, the same for the same node."""
    first, *rest = hashlib.sha256(node.encode()).digest()[:6]
    return ":".join(f"{byte:02x}" for byte in (first & 0xFC | 0x02, *rest))


def _hard_limit_of_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _MAX_FILES if hard == resource.RLIM_INFINITY else hard
