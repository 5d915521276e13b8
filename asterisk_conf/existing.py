"""Our part of `pjsip.conf`, beside an administrator's own: carriers and telephones in a file that theirs includes."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from asterisk_conf.pjsip import bound_port, plain_ports, sender
from asterisk_conf.sip import TRANSPORTS

FILE = "hatif-pjsip.conf"
INCLUDE = f"#tryinclude {FILE}"

_Sender = tuple[IPv4Network | IPv6Network, str]  # with the port; empty: any

_HEADER = re.compile(r"\[([^]]+)\](?:\(([^)]*)\))?")
_OURS = ("global", "system", "ws", *TRANSPORTS)  # those of the administrator apply
_TRUE = ("yes", "true", "y", "t", "1", "on")  # as Asterisk reads an option
_TEMPLATES = ("carrier", "operator", "operator-inside", "operator-auth", "operator-aor", "operator-web")


@dataclass(frozen=True, slots=True)
class Place:
    """A section of `pjsip.conf` or of a file that it includes: its name, where it begins, and its options."""

    name: str
    file: str
    line: int
    options: tuple[tuple[str, str], ...]

    def get(self, option: str) -> str:
        return next((value for name, value in reversed(self.options) if name.lower() == option), "")


@dataclass(frozen=True, slots=True)
class Clash:
    """A clash of ours with something of theirs, and where that is; codes that begin with `E_` prevent loading."""

    code: str
    file: str
    line: int
    sentence: str


def part(text: str, left_out: Collection[str] = ()) -> str:
    """Return a rendered `pjsip.conf` without what is an administrator's: global options and transports.

    Templates are named `hatif-…`, since all files of a configuration share their names.

    Args:
        left_out: Names of sections to leave out as well, such as those of carriers that stay theirs.
    """
    kept: list[str] = []
    keeping = True
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header:
            keeping = header[1] not in _OURS and header[1] not in left_out
            words = [_rename(word.strip()) for word in (header[2] or "").split(",") if word.strip()]
            inherited = f"({','.join(words)})" if words else ""
            line = f"[{_rename(header[1])}]{inherited}{line[header.end() :]}"
        elif line.startswith("; ----"):
            keeping = True
        if keeping:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "".join(kept))


def _rename(name: str) -> str:
    return f"hatif-{name}" if name in _TEMPLATES else name


def find_clashes(
    theirs: Sequence[Place], ours: Sequence[Place], telephones: Collection[str], *, keep_telephones: bool
) -> Iterator[Clash]:
    """Yield what stands in the way of our sections, and what is missing in theirs.

    Args:
        telephones: Ids of operators, whose endpoints are theirs with `keep_telephones`.
    """
    taken = {section.name: section for section in theirs}
    for name in dict.fromkeys(section.name for section in ours):
        if name in taken:
            place = taken[name]
            sentence = f"[{name}] is also a section of ours, and Asterisk would mix both; rename one"
            yield Clash("E_CLASH", place.file, place.line, sentence)
    addresses = [(section, host) for section in theirs for host in _hosts(section)]
    for own in ours:
        for host in _hosts(own):
            for section, other in addresses:
                if _overlap(host, other):
                    sentence = (
                        f"[{section.name}] takes calls from {other[0]}, as our {own.name} would; keep one of both"
                    )
                    yield Clash("E_ADDRESS", section.file, section.line, sentence)
    if keep_telephones:
        endpoints = {section.name for section in theirs if section.get("type") == "endpoint"}
        for name in sorted(set(telephones) - endpoints):
            yield Clash("E_NO_TELEPHONE", "", 1, f"operator {name} has no endpoint of this name among yours; add one")


def find_unguarded(theirs: Sequence[Place], ours: Sequence[Place], guarded: Collection[int]) -> Iterator[Clash]:
    """Yield transports on which our dialplan does not refuse a call without TLS from a carrier that must use it.

    Args:
        guarded: The ports where the dialplan that they have does.
    """
    if not any(("set_var", "HATIF_OVER=tls") in section.options for section in ours):
        return
    for section in theirs:
        if (ports := plain_ports([section])) and (port := ports.pop()) not in guarded:
            found = f"[{section.name}] is SIP without TLS on port {port}, where our dialplan does not yet refuse"
            remedy = "calls of carriers that must use TLS; run `hatif dialplan load --into` again"
            yield Clash("W_PLAIN", section.file, section.line, f"{found} {remedy}")


def _hosts(section: Place) -> Iterator[_Sender]:
    if section.get("type") != "identify":
        return
    for name, value in section.options:
        if name.lower() == "match":
            for host in value.split(","):
                try:
                    yield sender(host.strip())
                except ValueError:
                    continue  # a name, or `!address`


def _overlap(one: _Sender, other: _Sender) -> bool:
    (ours, port), (theirs, their_port) = one, other
    if port and their_port and port != their_port:
        return False
    if isinstance(ours, IPv4Network):
        return isinstance(theirs, IPv4Network) and ours.overlaps(theirs)
    return isinstance(theirs, IPv6Network) and ours.overlaps(theirs)


def listeners(files: dict[str, Sequence[Place]]) -> Iterator[tuple[str, int, Place]]:
    """Yield protocol, port and place of what an Asterisk listens on, from its sections by file name."""
    for section in files.get("pjsip.conf", ()):
        if section.get("type") == "transport":
            protocol = section.get("protocol").lower()
            if protocol not in ("ws", "wss"):
                yield "UDP" if protocol in ("", "udp") else "TCP", bound_port(section), section
    for name, option, default in (
        ("http.conf", "bindport", 8088),
        ("manager.conf", "port", 5038),
    ):
        for section in files.get(name, ()):
            if section.name == "general" and section.get("enabled").lower() in _TRUE:
                port = section.get(option)
                yield "TCP", int(port) if port.isdecimal() else default, section
