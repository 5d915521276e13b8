"""Parse `pjsip.conf` as Asterisk does, and find endpoints that a stranger could use."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Protocol

from asterisk_conf import checks

_HEADER = re.compile(r"\[([^]]+)\]\s*(?:\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\b", re.IGNORECASE)
_PORT = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]+)(?P<mask>/.+)?")
_IDENTIFY_BY = "username,ip"  # Asterisk's default


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in `pjsip.conf`; any `E_` code prevents the file from being used."""

    code: str
    line: int  # of the file, from 1
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.code} {self.found}; {self.remedy}."


@dataclass(slots=True)
class Section:
    """One object: the options of `[name]` after those of its templates, with names in lower case.

    `line` is the line of its last header.
    """

    name: str
    line: int
    options: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of an option, as Asterisk does."""
        return next((value for option, value in reversed(self.options) if option == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of an option that may occur several times."""
        return [value for option, value in self.options if option == name]


def sections(text: str) -> list[Section]:
    """Return the objects of a file in order, without its templates; `[name](+)` adds to the first of that name."""
    return _parse(text)[0]


def _parse(text: str) -> tuple[list[Section], list[Section]]:
    """Return the objects and the templates."""
    found: list[Section] = []
    templates: dict[str, Section] = {}
    current: Section | None = None
    for number, line in _lines(text):
        if match := _HEADER.match(line):
            words = [word.strip() for word in (match[2] or "").split(",") if word.strip()]
            name = match[1].strip()
            adds = next((word for word in words if word.startswith("+")), None)
            current = Section(name, number)
            if adds is not None:
                same = [*found, *templates.values()]
                current = next(
                    (section for section in same if section.name == name and _fits(section, adds[1:])), current
                )
                current.line = number
            for word in words:
                if word[:1] not in ("!", "+"):
                    parent = next((section for section in [*templates.values(), *found] if section.name == word), None)
                    current.options += parent.options if parent is not None else []
            if "!" in words:
                templates[name] = current
            elif not any(current is section for section in (*found, *templates.values())):
                found.append(current)
        elif current is not None and "=" in line:
            option, _, value = line.partition("=")
            current.options.append((option.strip().lower(), value.lstrip(">").strip()))
    return found, list(templates.values())


def _fits(section: Section, condition: str) -> bool:
    """Return whether `[name](+option=value)` refers to the section; `(+)` has no condition."""
    option, _, value = condition.partition("=")
    return not condition or value.strip() in section.all(option.strip().lower())


class Options(Protocol):
    """The options of a section, in whatever file it is."""

    def get(self, name: str, /) -> str:
        """Return the last value of an option; empty if there is none."""


def bound_port(transport: Options) -> int:
    """Return the port of a transport."""
    address, _, port = transport.get("bind").rpartition(":")
    has_port = address and port.isdecimal() and (":" not in address or address.endswith("]"))
    return int(port) if has_port else 5061 if transport.get("protocol").lower() == "tls" else 5060


def plain_ports(found: Iterable[Options]) -> set[int]:
    """Return the ports of the transports among these sections that take SIP without TLS."""
    transports = (section for section in found if section.get("type") == "transport")
    return {bound_port(section) for section in transports if section.get("protocol").lower() in ("", "udp", "tcp")}


def lint(text: str, taken: Collection[str] = (), set_later: Collection[str] = ()) -> list[Finding]:
    """Return all findings in the order of the lines; `taken` are names that this file must not use.

    `set_later` are auths that are set while Asterisk runs; until then their endpoints refuse every request.

    A request over UDP can have any endpoint's name in its From, and any header. So an endpoint without a password may
    only be identified by its address (`identify_by = ip`).
    """
    objects, templates = _parse(text)
    auths = {*set_later, *(section.name for section in objects if section.get("type") == "auth")}
    found = [*_includes(text), *_taken_names([*objects, *templates], taken)]
    for endpoint in (section for section in objects if section.get("type") == "endpoint"):
        named = [word.strip() for word in endpoint.get("auth").split(",") if word.strip()]
        if missing := [name for name in named if name not in auths]:
            what = f"the endpoint {endpoint.name!r} uses the auth {missing[0]!r}, which this file does not define"
            found.append(Finding("E_ENDPOINT_AUTH", endpoint.line, what, "define that auth"))
        if named:
            continue
        found += _check_name(endpoint)
        for identify in (section for section in objects if section.get("type") == "identify"):
            if identify.get("endpoint") == endpoint.name:
                found += _check_identify(identify, endpoint.name)
    return sorted(found, key=lambda finding: (finding.line, finding.code))


def _check_name(endpoint: Section) -> Iterator[Finding]:
    ways = [word.strip().lower() for word in endpoint.get("identify_by", _IDENTIFY_BY).split(",") if word.strip()]
    if ways != ["ip"]:
        what = (
            f"the endpoint {endpoint.name!r} needs no password and is identified by {', '.join(ways) or 'anything'}: "
            "anybody can call under its name"
        )
        yield Finding("E_ENDPOINT_OPEN", endpoint.line, what, "write identify_by = ip, or give it an auth")


def _check_identify(identify: Section, endpoint: str) -> Iterator[Finding]:
    for option in ("match_header", "match_request_uri"):
        if identify.get(option):
            what = f"with {option}, anybody who writes that into a request is {endpoint!r}, which needs no password"
            yield Finding("E_ENDPOINT_OPEN", identify.line, what, "write match = ADDRESS, or give the endpoint an auth")
    for hosts in identify.all("match"):
        for host in hosts.split(","):
            if _is_everybody(host.strip()):
                what = f"match = {host.strip()} is the whole internet, and {endpoint!r} needs no password"
                yield Finding("E_ENDPOINT_OPEN", identify.line, what, "list the addresses that may call")


def _is_everybody(host: str) -> bool:
    try:
        return sender(host.removeprefix("!"))[0].prefixlen == 0
    except ValueError:
        return False  # a name


def sender(host: str) -> tuple[IPv4Network | IPv6Network, str]:
    """Return the network and the port (empty: any) of a value of `match`. Raises ValueError if it is a name."""
    match = _PORT.fullmatch(host)
    if match is None:
        return ip_network(host, strict=False), ""
    return ip_network((match["v6"] or match["v4"]) + (match["mask"] or ""), strict=False), match["port"]


def _includes(text: str) -> Iterable[Finding]:
    for number, line in _lines(text):
        if match := _DIRECTIVE.match(line):
            what = f"#{match[1].lower()} includes text that is not checked"
            yield Finding("E_PJSIP_INCLUDE", number, what, "copy its text into this file")


def _taken_names(objects: Iterable[Section], taken: Collection[str]) -> Iterator[Finding]:
    for section in objects:
        if section.name in taken:
            what = f"[{section.name}] is written by Hatif"
            yield Finding("E_PJSIP_TAKEN", section.line, what, "choose another name")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines, with their numbers from 1, without comments (`; …` and `;-- … --;`)."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        if in_comment:
            _, end, rest = rest.partition("--;")
            in_comment = not end
            if in_comment:
                continue
        if match := re.search(r"(?<!\\);--(?!-)", rest):
            rest, comment = rest[: match.start()], rest[match.end() :]
            in_comment = "--;" not in comment
        rest = re.split(r"(?<!\\);", rest, maxsplit=1)[0].replace(r"\;", ";").strip()
        if rest:
            yield number, rest


def with_password(text: str, operator: str, password: str) -> str | None:
    """Return our `pjsip.conf` with another password for an operator's telephone; None if it has no such telephone.

    Raises:
        AsteriskError: Asterisk could not read the password.
    """
    checks.secret(f"Operator {operator}", password)
    section = rf"^\[{re.escape(operator)}\]\(operator-auth\)\nusername = {re.escape(operator)}\npassword = "
    changed, count = re.subn(rf"({section}).*$", lambda found: found[1] + password, text, flags=re.MULTILINE)
    return changed if count == 1 else None
