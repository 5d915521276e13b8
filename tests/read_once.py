"""Catalogues of the same content are read once by a process of the tests, and by those that it forks.

Nearly all are the example site's; reading them takes a sixth of a second, and hundreds of commands and checks do it.
"""

from pathlib import Path
from typing import Any

from prompts import catalogue, site_files

_LARGE = 20_000
"""Bytes; the many small ones that tests draw are not kept."""

_READ: dict[tuple[str, bytes], dict[str, catalogue.Entry]] = {}


def install() -> None:
    """Have `prompts.catalogue` remember what it has read; what it refuses, it reads each time."""
    read: Any = catalogue._read
    if hasattr(read, "once"):  # the process that forked this one
        return

    def once(file: Path, language: str) -> dict[str, catalogue.Entry]:
        try:
            content = site_files.content(file)
        except OSError:
            content = b""
        key = language, content
        if key in _READ:
            return _READ[key].copy()
        found: dict[str, catalogue.Entry] = read(file, language)
        if len(content) > _LARGE:
            _READ[key] = found.copy()
        return found

    once.once = True  # type: ignore[attr-defined]
    catalogue._read = once
