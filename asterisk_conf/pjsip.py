"""Reads `pjsip.conf` as Asterisk does, and finds endpoints that a stranger could call as."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

_HEADER = re.compile(r"\[([^]]+)\]\s*(?:\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\b", re.IGNORECASE)
_IDENTIFY_BY = "username,ip"  # Asterisk's default


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a file of Asterisk's that lets strangers in. Every `E_` code keeps the file from being used."""

    code: str
    line: int  # of the file, from 1
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.code} {self.found}; {self.remedy}."


@dataclass(slots=True)
class Section:
    """One object: what `[name]` says, with what its templates say before it. Option names are in lower case.

    `line` is where it was opened last.
    """

    name: str
    line: int
    options: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        """The last value of an option, as Asterisk takes it."""
        return next((value for option, value in reversed(self.options) if option == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of an option that may stand several times."""
        return [value for option, value in self.options if option == name]


def sections(text: str) -> list[Section]:
    """The objects of a file in their order, without its templates; `[name](+)` adds to the first of that name."""
    return _parsed(text)[0]


def _parsed(text: str) -> tuple[list[Section], list[Section]]:
    """The objects and the templates."""
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
                current = next((each for each in same if each.name == name and _fits(each, adds[1:])), current)
                current.line = number
            for word in words:
                if word[:1] not in ("!", "+"):
                    parent = next((each for each in [*templates.values(), *found] if each.name == word), None)
                    current.options += parent.options if parent is not None else []
            if "!" in words:
                templates[name] = current
            elif not any(current is each for each in (*found, *templates.values())):
                found.append(current)
        elif current is not None and "=" in line:
            option, _, value = line.partition("=")
            current.options.append((option.strip().lower(), value.lstrip(">").strip()))
    return found, list(templates.values())


def _fits(section: Section, condition: str) -> bool:
    """Whether `[name](+option=value)` means it; nothing is asked by `(+)`."""
    option, _, value = condition.partition("=")
    return not condition or value.strip() in section.all(option.strip().lower())


def lint(text: str, taken: Collection[str] = ()) -> list[Finding]:
    """All findings, in the order of the lines. `taken` are names that this file must leave to another one.

    A request over UDP can name any endpoint in its From, and can carry any header. So an endpoint that is not asked
    for a password may be known by its address only (`identify_by = ip`).
    """
    objects, templates = _parsed(text)
    auths = {each.name for each in objects if each.get("type") == "auth"}
    found = [*_included(text), *_taken([*objects, *templates], taken)]
    for endpoint in (each for each in objects if each.get("type") == "endpoint"):
        named = [word.strip() for word in endpoint.get("auth").split(",") if word.strip()]
        if missing := [name for name in named if name not in auths]:
            what = f"the endpoint {endpoint.name!r} names the auth {missing[0]!r}, which this file does not have"
            found.append(Finding("E_ENDPOINT_AUTH", endpoint.line, what, "write that auth"))
        if named:
            continue
        found += _by_name(endpoint)
        for identify in (each for each in objects if each.get("type") == "identify"):
            if identify.get("endpoint") == endpoint.name:
                found += _by_anything(identify, endpoint.name)
    return sorted(found, key=lambda finding: (finding.line, finding.code))


def _by_name(endpoint: Section) -> Iterator[Finding]:
    ways = [word.strip().lower() for word in endpoint.get("identify_by", _IDENTIFY_BY).split(",") if word.strip()]
    if ways != ["ip"]:
        what = (
            f"the endpoint {endpoint.name!r} asks for no password and is known by {', '.join(ways) or 'anything'}: "
            "whoever gives its name is taken for it"
        )
        yield Finding("E_ENDPOINT_OPEN", endpoint.line, what, "write identify_by = ip, or give it an auth")


def _by_anything(identify: Section, endpoint: str) -> Iterator[Finding]:
    for option in ("match_header", "match_request_uri"):
        if identify.get(option):
            what = f"{option} lets in whoever writes that into a request as {endpoint!r}, which asks for no password"
            yield Finding("E_ENDPOINT_OPEN", identify.line, what, "write match = ADDRESS, or give the endpoint an auth")
    for hosts in identify.all("match"):
        for host in hosts.split(","):
            if _is_everybody(host.strip()):
                what = f"match = {host.strip()} is the whole internet, and {endpoint!r} asks for no password"
                yield Finding("E_ENDPOINT_OPEN", identify.line, what, "list the addresses that may call")


def _is_everybody(host: str) -> bool:
    try:
        return ip_network(host.removeprefix("!"), strict=False).prefixlen == 0
    except ValueError:
        return False  # a name


def _included(text: str) -> Iterable[Finding]:
    for number, line in _lines(text):
        if match := _DIRECTIVE.match(line):
            what = f"#{match[1].lower()} brings in what is not looked at here"
            yield Finding("E_PJSIP_INCLUDE", number, what, "write its text into this file")


def _taken(objects: Iterable[Section], taken: Collection[str]) -> Iterator[Finding]:
    for section in objects:
        if section.name in taken:
            what = f"[{section.name}] is written by Hatif"
            yield Finding("E_PJSIP_TAKEN", section.line, what, "give yours another name")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers from 1, without comments (`; …` and `;-- … --;`)."""
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
