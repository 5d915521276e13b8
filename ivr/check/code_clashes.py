"""Codes that cannot be told apart: from one another, from operators' ids, from what else there is in Asterisk."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from ivr.codes import table
from ivr.site.findings import Finding
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site, line_in
from prompts import site_files

_SETS = {"X": frozenset("0123456789"), "Z": frozenset("123456789"), "N": frozenset("23456789")}
_ANY = 16
"""So many digits may follow a code that takes any, as in the dialplan."""


def code_clashes(folder: Path, site: Site, people: Collection[OperatorEntry]) -> list[Finding]:
    """E_CODE_CLASH: codes that mean two things at once. `folder` of the site, for the lines."""
    path = folder / "site.toml"
    text = site_files.text(path)
    written = site.codes.model_fields_set
    found = []
    for names, sentence in among(site.codes.digits, [each.id for each in people]):
        name = next((each for each in names if each in written), names[0])  # what was written can be changed
        line = line_in(text, ("codes", name))
        found.append(Finding.from_sentence("E_CODE_CLASH", str(path), line, f"codes.{name}: {sentence}"))
    return found


def among(codes: Mapping[str, str], operators: Iterable[str] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The codes that clash, and why: `found; what would be right`. `codes`: name to digits."""
    listed = list(codes.items())
    for place, (name, dialled) in enumerate(listed):
        for other, before in listed[:place]:
            if dialled == before:
                yield (name, other), f"{dialled} is {other} already; give one of them other digits"
            elif takes(other, before, dialled) or takes(name, dialled, before):
                short, long = sorted((name, other), key=lambda each: len(codes[each]))
                found = f"{codes[long]} for {long} is also {codes[short]} for {short} with a digit after it"
                yield (name, other), f"{found}; give one of them other digits"
        for operator in operators:
            if takes(name, dialled, operator):
                yield (name,), f"{dialled} is dialled like the operator {operator}; begin it with * or #"
                break


def beside(codes: Mapping[str, str], extensions: Iterable[str]) -> list[str]:
    """A sentence for each code that meets an extension, or pattern, that Asterisk has besides ours."""
    return [
        f"the code {name} ({dialled}) meets the extension {extension}, which Asterisk has besides ours; "
        "give the code other digits, or take that extension away"
        for extension in extensions
        for name, dialled in codes.items()
        if any(_meet(extension, pattern) for pattern in _patterns(name, dialled))
    ]


def takes(name: str, digits: str, dialled: str) -> bool:
    """Whether `dialled` would be this code."""
    if not dialled.startswith(digits):
        return False
    rest = dialled.removeprefix(digits)
    return not rest or (bool(table.CODES[name].argument) and len(rest) <= _ANY and rest.isdecimal())


def _patterns(name: str, digits: str) -> list[str]:
    count = _ANY if table.CODES[name].argument else 0
    return [digits, *(f"_{digits}{'X' * more}" for more in range(1, count + 1))]


def _meet(one: str, other: str) -> bool:
    """Whether two extensions, patterns or not, have a dialled number in common."""
    first, second = _places(one), _places(other)
    for place in range(max(len(first), len(second))):
        mine = first[place] if place < len(first) else None
        theirs = second[place] if place < len(second) else None
        if _MORE in (mine, theirs):
            return True
        if mine is None or theirs is None:
            return False
        if _ONE_MORE in (mine, theirs):
            return True
        if not mine & theirs:
            return False
    return True


_MORE, _ONE_MORE = frozenset("!"), frozenset(".")
"""The open ends of a pattern: any number of characters, and at least one."""


def _places(extension: str) -> list[frozenset[str]]:
    """The characters that each place of an extension takes; Asterisk skips hyphens."""
    if not extension.startswith("_"):
        return [frozenset(each) for each in extension.replace("-", "")]
    found: list[frozenset[str]] = []
    for part in re.findall(r"\[[^]]*\]|[^-]", extension[1:]):
        if part in ".!":
            return [*found, _MORE if part == "!" else _ONE_MORE]
        found.append(_SETS.get(part, frozenset(part if len(part) == 1 else _set(part[1:-1]))))
    return found


def _set(inside: str) -> Iterator[str]:
    """The characters of `a-z0` and the like."""
    for one, last in re.findall(r"(.)(?:-(.))?", inside):
        yield from map(chr, range(ord(one), ord(last or one) + 1))
