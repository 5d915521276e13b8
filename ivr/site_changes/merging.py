"""Merging texts line by line: what one change did, applied to a text that another change has touched as well."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_MOST_PAIRS = 250_000
"""Pairs of equal lines that are compared: far more would take minutes, and nobody writes such files."""


class _Hunk(NamedTuple):
    """Lines `start` to `end` of the base, and what replaces them."""

    start: int
    end: int
    lines: Sequence[str]


def merge(base: str, ours: str, theirs: str) -> str | None:
    """Return `ours` with what changed between `base` and `theirs`; None where both changed the same lines."""
    lines = base.splitlines(keepends=True)
    hunks = sorted((*_hunks(lines, ours), *_hunks(lines, theirs)), key=lambda hunk: (hunk.start, hunk.end))
    merged: list[str] = []
    at = 0
    former: _Hunk | None = None
    for hunk in hunks:
        if hunk == former:
            continue
        if former is not None and (hunk.start < former.end or hunk.start == former.start):
            return None
        merged += [*lines[at : hunk.start], *hunk.lines]
        at, former = hunk.end, hunk
    return "".join([*merged, *lines[at:]])


def _hunks(base: Sequence[str], other: str) -> Iterator[_Hunk]:
    lines = other.splitlines(keepends=True)
    # What is the same at both ends is nearly all of a catalogue: the rest is compared quickly.
    least = min(len(base), len(lines))
    head = next((n for n in range(least) if base[n] != lines[n]), least)
    tail = next((n for n in range(least - head) if base[-1 - n] != lines[-1 - n]), least - head)
    old, new = base[head : len(base) - tail], lines[head : len(lines) - tail]
    if is_laborious(old, new):
        yield _Hunk(head, head + len(old), tuple(new))
        return
    exactly = _pairs(old, new, len(new)) <= _MOST_PAIRS
    for what, start, end, first, last in SequenceMatcher(None, old, new, autojunk=not exactly).get_opcodes():
        if what != "equal":
            yield _Hunk(head + start, head + end, tuple(new[first:last]))


def is_laborious(old: Sequence[str], new: Sequence[str]) -> bool:
    """Return whether comparing these lines would take very long, even without those that are there very often."""
    often = len(new) // 100 + 1 if len(new) >= 200 else len(new)  # as SequenceMatcher has it
    return _pairs(old, new, often) > _MOST_PAIRS


def _pairs(old: Sequence[str], new: Sequence[str], often: int) -> int:
    """Return how many pairs of equal lines there are, of those that `new` has at most so often."""
    counts = Counter(new)
    return sum(count * counts[line] for line, count in Counter(old).items() if counts[line] <= often)
