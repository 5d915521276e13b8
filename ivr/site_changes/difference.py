"""The difference that a change makes in files, for people to read."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from ivr.site_changes.merging import is_laborious

LONGEST = 200_000
"""Characters of a difference that are shown."""
_PASSWORD = re.compile(r"(://[^\s:/@\"']{0,200}:)[^\s@\"']{1,200}@")
"""Longer ones are none, and looking for them would take long in a file that has `://` everywhere."""


def difference_of(before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> str:
    """Return a unified difference of files; a password in an address is not shown."""
    parts: list[str] = []
    for file in sorted(after):
        old, new = _lines(before.get(file)), _lines(after[file])
        came_from = f"a/{file}" if before.get(file) is not None else "/dev/null"
        goes_to = f"b/{file}" if after[file] is not None else "/dev/null"
        parts += _compared(old, new, came_from, goes_to)
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts)
    shown = _PASSWORD.sub(r"\1…@", text[: LONGEST + 500])  # a password at the end is not cut in two
    return shown if len(text) <= LONGEST else f"{shown[:LONGEST]}\n… and {len(text) - LONGEST} characters more\n"


def _compared(old: Sequence[str], new: Sequence[str], came_from: str, goes_to: str) -> Iterable[str]:
    if not is_laborious(old, new):
        return difflib.unified_diff(old, new, came_from, goes_to)
    head = [f"--- {came_from}\n", f"+++ {goes_to}\n", f"@@ -1,{len(old)} +1,{len(new)} @@\n"]
    return [*head, *(f"-{line}" for line in old), *(f"+{line}" for line in new)]


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines(keepends=True)
