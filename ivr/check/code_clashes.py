"""Ambiguous feature codes: that clash with each other, with operators' ids, or with other extensions in Asterisk."""

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
"""Maximum number of digits after a code with an argument, as in the dialplan."""


def code_clashes(folder: Path, site: Site, people: Collection[OperatorEntry]) -> list[Finding]:
    """Return E_CODE_CLASH findings for ambiguous codes; `folder` is the site's, for the lines."""
    path = folder / "site.toml"
    text = site_files.text(path)
    written = site.codes.model_fields_set
    found = []
    for names, sentence in find_clashes(site.codes.digits, [person.id for person in people]):
        name = next((clashing for clashing in names if clashing in written), names[0])  # prefer one from the file
        line = line_in(text, ("codes", name))
        found.append(Finding.from_sentence("E_CODE_CLASH", str(path), line, f"codes.{name}: {sentence}"))
    return found


def find_clashes(codes: Mapping[str, str], operators: Iterable[str] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the names of clashing codes with a sentence `found; remedy`. `codes`: name to digits."""
    listed = list(codes.items())
    for place, (name, dialled) in enumerate(listed):
        for other, before in listed[:place]:
            if dialled == before:
                yield (name, other), f"{dialled} is already {other}; give one of them other digits"
            elif matches(other, before, dialled) or matches(name, dialled, before):
                short, long = sorted((name, other), key=lambda code: len(codes[code]))
                found = f"{codes[long]} for {long} is also {codes[short]} for {short} followed by a digit"
                yield (name, other), f"{found}; give one of them other digits"
        for operator in operators:
            if matches(name, dialled, operator):
                yield (name,), f"{dialled} is also dialled for the operator {operator}; begin it with * or #"
                break


def find_foreign_clashes(codes: Mapping[str, str], extensions: Iterable[str]) -> list[str]:
    """Return one sentence for each code that overlaps an extension, or pattern, in Asterisk that is not ours."""
    return [
        f"the code {name} ({dialled}) clashes with the extension {extension}, which is in Asterisk but not ours; "
        "give the code other digits, or remove that extension"
        for extension in extensions
        for name, dialled in codes.items()
        if any(_overlap(extension, pattern) for pattern in _patterns(name, dialled))
    ]


def matches(name: str, digits: str, dialled: str) -> bool:
    """Return whether `dialled` is this code."""
    if not dialled.startswith(digits):
        return False
    rest = dialled.removeprefix(digits)
    return not rest or (bool(table.CODES[name].argument) and len(rest) <= _ANY and rest.isdecimal())


def _patterns(name: str, digits: str) -> list[str]:
    count = _ANY if table.CODES[name].argument else 0
    return [digits, *(f"_{digits}{'X' * more}" for more in range(1, count + 1))]


def _overlap(one: str, other: str) -> bool:
    """Return whether two extensions, patterns or not, match a common number."""
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
"""The open ends of a pattern: any number of characters, and at least one character."""


def _places(extension: str) -> list[frozenset[str]]:
    """Return the characters that match at each position of an extension; Asterisk ignores hyphens."""
    if not extension.startswith("_"):
        return [frozenset(character) for character in extension.replace("-", "")]
    found: list[frozenset[str]] = []
    for part in re.findall(r"\[[^]]*\]|[^-]", extension[1:]):
        if part in ".!":
            return [*found, _MORE if part == "!" else _ONE_MORE]
        found.append(_SETS.get(part, frozenset(part if len(part) == 1 else _set(part[1:-1]))))
    return found


def _set(inside: str) -> Iterator[str]:
    """Yield the characters of a set such as `a-z0`."""
    for one, last in re.findall(r"(.)(?:-(.))?", inside):
        yield from map(chr, range(ord(one), ord(last or one) + 1))
