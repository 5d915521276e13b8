"""Extensions and patterns, as Asterisk matches them."""

from functools import lru_cache

_SETS = {
    "X": frozenset("0123456789"),
    "Z": frozenset("123456789"),
    "N": frozenset("23456789"),
}


@lru_cache(maxsize=10_000)
def _sets(written: str) -> tuple[tuple[frozenset[str], ...], str]:
    """Return the characters allowed at each place, and the open end: `.`, `!` or nothing."""
    name = written.partition("/")[0]
    if not name.startswith("_"):
        return tuple(frozenset(character) for character in name if character != "-"), ""
    places: list[frozenset[str]] = []
    at = 1
    while at < len(name):
        character = name[at]
        at += 1
        if character == "-":
            continue
        if character in ".!":
            return tuple(places), character
        if character == "[":
            end = name.find("]", at)
            if end < 0:
                return (frozenset(),), ""  # Asterisk never matches it
            if end > at:
                places.append(_characters(name[at:end]))
            at = end + 1
        else:
            places.append(_SETS.get(character.upper(), frozenset(character)))
    return tuple(places), ""


def _characters(inside: str) -> frozenset[str]:
    """Return the characters of a set such as `1-37#`."""
    found: set[str] = set()
    at = 0
    while at < len(inside):
        if at + 2 < len(inside) and inside[at + 1] == "-":
            found |= {chr(code) for code in range(ord(inside[at]), min(ord(inside[at + 2]), ord(inside[at]) + 256) + 1)}
            at += 3
        else:
            found.add(inside[at])
            at += 1
    return frozenset(found)


def matches(written: str, dialled: str) -> bool:
    """Return whether an extension of the dialplan, a pattern if it begins with `_`, takes what was dialled."""
    places, end = _sets(written)
    if not written.startswith("_"):
        return written.partition("/")[0].replace("-", "") == dialled.replace("-", "")
    dialled = dialled.replace("-", "")
    if len(dialled) < len(places) + (end == ".") or (len(dialled) > len(places) and not end):
        return False
    return all(character in allowed for character, allowed in zip(dialled, places, strict=False))


def overlap(one: str, other: str) -> bool:
    """Return whether something can be dialled that both take; each may be a pattern."""
    (ours, our_end), (theirs, their_end) = _sets(one), _sets(other)
    shorter = min(len(ours), len(theirs))
    if not all(a & b for a, b in zip(ours, theirs, strict=False)):
        return False
    if len(ours) > shorter and not (their_end and all(ours[shorter:])):
        return False
    if len(theirs) > shorter and not (our_end and all(theirs[shorter:])):
        return False
    # `.` wants one character more where the other has come to its end.
    return len(ours) != len(theirs) or {our_end, their_end} != {".", ""}
