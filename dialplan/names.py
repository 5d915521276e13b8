"""The applications, functions and channel technologies of an Asterisk."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

VERSIONS = ("20", "21", "22")
"""The versions of Asterisk whose names are known without asking one."""

_VERSION = re.compile(r"Asterisk (\d[\w.-]*)")
_APPLICATION = re.compile(r"^\s*(\w+): ", re.MULTILINE)
_FUNCTION = re.compile(r"^([A-Z][A-Z0-9_]*) +(\w*)", re.MULTILINE)  # the name, cut at 20 characters, and its syntax
_TECHNOLOGY = re.compile(r"^(\w+)\s.*(?:yes|no)", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """Names that one Asterisk knows. Applications and technologies may be written in any case, functions may not."""

    version: str
    applications: frozenset[str]
    functions: frozenset[str]
    technologies: frozenset[str]

    @cached_property
    def application_keys(self) -> frozenset[str]:
        return _lower(self.applications)

    @cached_property
    def technology_keys(self) -> frozenset[str]:
        return _lower(self.technologies)


def shipped(version: str) -> Names:
    """Return the names of one of `VERSIONS`, whatever modules an installation has."""
    found: dict[str, set[str]] = {"application": set(), "function": set(), "technology": set()}
    head, *rows = (files("dialplan") / "data" / f"asterisk-{version}.txt").read_text("utf-8").splitlines()
    for row in rows:
        kind, name, _ = row.split()
        found[kind].add(name)
    match = _VERSION.search(head)
    return _names(match[1] if match else version, found["application"], found["function"], found["technology"])


def from_console(version: str, applications: str, functions: str, technologies: str) -> Names:
    """Return the names of a running Asterisk.

    Args:
        version: The answer of its console to `core show version`; the others to `core show applications`, `core show
            functions` and `core show channeltypes`.
    """
    match = _VERSION.search(version)
    return _names(
        match[1] if match else "running",
        _APPLICATION.findall(applications),
        (syntax if syntax.startswith(name) else name for name, syntax in _FUNCTION.findall(functions)),
        _TECHNOLOGY.findall(technologies),
    )


def _names(version: str, applications: Iterable[str], functions: Iterable[str], technologies: Iterable[str]) -> Names:
    return Names(version, frozenset(applications), frozenset(functions), frozenset(technologies))


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
