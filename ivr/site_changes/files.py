"""The files of a site that pages may change, and their content."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.site_changes.edits import EditError
from prompts import site_files

_CHANGEABLE = re.compile(
    r"(site\.toml|operators\.csv|roster\.csv|flow\.yaml|texts\.yaml"
    r"|guide/[a-z][a-z0-9_]{0,30}\.yaml|locale/[a-z]{2,3}(_[A-Z]{2})?/LC_MESSAGES/hatif\.po)"
)
_PATTERNS = ("*.toml", "*.csv", "*.yaml", "guide/*.yaml", "locale/*/LC_MESSAGES/hatif.po")
_MARK = "\ufeff"

MOST, MOST_FILES = 64 * 2**20, 2_000
"""Bytes, and files, of a site; the example has 1 MiB in 30."""


def is_changeable(file: str) -> bool:
    """Return whether pages may change this file, named by its path in the site's folder."""
    return _CHANGEABLE.fullmatch(file) is not None


def catalogue(language: str) -> str:
    """Return the file of a language's catalogue."""
    return f"locale/{language}/LC_MESSAGES/hatif.po"


def content_of(site: Path, file: str) -> bytes | None:
    """Return the content of a file; None if it does not exist.

    Raises:
        EditError: Pages may not change that file, or it cannot be read.
    """
    if not is_changeable(file):
        raise EditError(f"{file[:80]!r} is not a file of the site that can be changed here.")
    path = site / file
    if leads_out(site, path):
        raise EditError(f"{file} is a link that leads out of the site's folder; make it a file of its own.")
    try:
        return site_files.content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EditError(f"{file} cannot be read ({error.strerror}).") from None


def leads_out(site: Path, path: Path) -> bool:
    """Return whether a file of the site, or a folder on its way, is a link to what is not in the site's folder.

    Otherwise whoever may write there could read, or have written, what only the line's user can.
    """
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(site))


def all_contents(site: Path) -> dict[str, bytes]:
    """Return the content of all files that pages may change. Raises EditError."""
    found: dict[str, bytes] = {}
    size = 0
    for file in _existing(site):
        if (content := content_of(site, file)) is not None:
            found[file] = content
            size += len(content)
            if size > MOST or len(found) > MOST_FILES:
                raise EditError(f"The site's files are more than {MOST_FILES}, or {MOST // 2**20} MiB in all.")
    return found


def _existing(site: Path) -> Iterator[str]:
    for pattern in _PATTERNS:
        for path in sorted(site.glob(pattern)):
            if is_changeable(file := path.relative_to(site).as_posix()) and not leads_out(site, path):
                yield file


def digest(content: bytes | None) -> str | None:
    """Return the hash of a file's content; None for a file that does not exist."""
    return hashlib.sha256(content).hexdigest() if content is not None else None


def digest_of_all(contents: Mapping[str, bytes]) -> str:
    """Return one hash of all files."""
    whole = hashlib.sha256()
    for file, content in sorted(contents.items()):
        whole.update(f"{file}\0{digest(content)}\0".encode())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file without its byte order mark, with `\\n` line ends, and what it takes to write it as it was."""

    text: str
    marked: bool = False
    newline: str = "\n"

    @classmethod
    def read(cls, file: str, content: bytes | None) -> "TextFile":
        """Return the file of a content. Raises EditError if the file does not exist, or is not UTF-8."""
        if content is None:
            raise EditError(f"{file} does not exist.")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise EditError(f"{file} is not UTF-8; save it as UTF-8 first.") from None
        marked = text.startswith(_MARK)
        newline = "\r\n" if "\r\n" in text else "\n"
        return cls(text.removeprefix(_MARK).replace("\r\n", "\n"), marked, newline)

    def written(self, text: str) -> bytes:
        """Return the bytes of a new text, written as the former one was."""
        return f"{_MARK if self.marked else ''}{text.replace(chr(10), self.newline)}".encode()
