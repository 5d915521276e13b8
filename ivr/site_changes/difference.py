"""What a change does to files, as people read it."""

import difflib
import re
from collections.abc import Mapping

LONGEST = 200_000
"""Characters of a difference that are shown."""
_PASSWORD = re.compile(r"(://[^\s:/@\"']*:)[^\s@\"']+@")


def difference_of(before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> str:
    """Return a unified difference of files; a password in an address is not shown."""
    parts: list[str] = []
    for file in sorted(after):
        old, new = _lines(before.get(file)), _lines(after[file])
        came_from = f"a/{file}" if before.get(file) is not None else "/dev/null"
        goes_to = f"b/{file}" if after[file] is not None else "/dev/null"
        parts += difflib.unified_diff(old, new, came_from, goes_to)
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts)
    text = _PASSWORD.sub(r"\1…@", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… and {len(text) - LONGEST} characters more\n"


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines(keepends=True)
