"""Change single entries of a catalogue; the rest of the file stays byte for byte.

A changed entry is written in pybabel's format, so that its next update changes nothing.
"""

from __future__ import annotations

import io
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from prompts.sources import CatalogueError

FUZZY = "fuzzy"
_PREVIOUS = "|"
"""The beginning of the comments in which gettext's tools keep an earlier English text."""
_WIDTH = 70
"""Characters per comment line: pybabel wraps longer ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """The new state of an entry; `comments` replace those that begin with one of `replaces`."""

    fuzzy: bool
    text: str | None = None  # None: unchanged
    comments: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    source: str | None = None  # the English text; None: unchanged


def change(content: str, prompt: str, wanted: Change) -> str:
    """Return the file's content with one entry changed.

    Raises:
        KeyError: There is no entry with that id.
    """
    lines = content.splitlines(keepends=True)
    start, end = _place(lines, prompt)
    newline = "\r\n" if lines[end - 1].endswith("\r\n") else "\n"
    (message,) = (found for found in read_po(io.StringIO("".join(lines[start:end]))) if found.id)
    if wanted.source is not None:
        message.id = wanted.source
    message.flags = {*message.flags, FUZZY} if wanted.fuzzy else message.flags - {FUZZY}
    if wanted.text is not None:
        message.string = wanted.text
    kept = [line for line in message.user_comments if not line.startswith((*wanted.replaces, _PREVIOUS))]
    message.user_comments = [*kept, *wanted.comments]
    changed = _format(message).replace("\n", newline)
    if not lines[end - 1].endswith("\n"):  # the last line of a file
        changed = changed.removesuffix(newline)
    return "".join([*lines[:start], changed, *lines[end:]])


def add(content: str, prompt: str, source: str, text: str) -> str:
    """Return the file's content with a new entry at its end."""
    newline = "\r\n" if "\r\n" in content else "\n"
    entry = _format(Message(source, text, context=prompt)).replace("\n", newline)
    end = newline if content.endswith(2 * newline) else ""  # as pybabel ends a file
    return f"{content.rstrip()}{newline}{newline}{entry}{end}"


def remove(content: str, prompt: str) -> str:
    """Return the file's content without an entry, its comments and the empty line before it.

    Raises:
        KeyError: There is no entry with that id.
    """
    lines = content.splitlines(keepends=True)
    start, end = _place(lines, prompt)
    if start and not lines[start - 1].strip():
        start -= 1
    return "".join([*lines[:start], *lines[end:]])


def comments(content: str, prompt: str, prefix: str) -> list[str]:
    """Return the comment lines of an entry that begin with a prefix, without the prefix.

    Raises:
        KeyError: There is no entry with that id.
    """
    lines = content.splitlines()
    start, end = _place(lines, prompt)
    found = (line.lstrip().removeprefix("#").strip() for line in lines[start:end] if line.lstrip().startswith("#"))
    return [text.removeprefix(prefix) for text in found if text.startswith(prefix)]


def comment(prefix: str, text: str) -> tuple[str, ...]:
    """Wrap a comment into lines with the prefix, short enough for pybabel to leave them unchanged."""
    width = _WIDTH - len(prefix)
    return tuple(prefix + line for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def read(file: Path) -> str:
    """Return the content unchanged, line ends included.

    Raises:
        CatalogueError: The file cannot be read.
    """
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise CatalogueError(f"{file}: {error.strerror}; make it readable") from None


def replace(file: Path, before: str, after: str) -> None:
    """Replace the old content with the new, atomically.

    Raises:
        CatalogueError: The file has changed in the meantime or cannot be written; it is left as it is.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.read_bytes() != before.encode():
            raise CatalogueError(f"{file}: it has changed in the meantime; nothing was written, run this again")
        temporary.write_bytes(after.encode())
        temporary.chmod(file.stat().st_mode & 0o777)
        temporary.replace(file)
    except OSError as error:
        raise CatalogueError(f"{file}: {error.strerror}; nothing was written") from None
    finally:
        temporary.unlink(missing_ok=True)


def _place(lines: list[str], prompt: str) -> tuple[int, int]:
    """Return the first line of an entry, comments included, and the line after its last."""
    named = re.compile(rf'\s*msgctxt\s+"{re.escape(prompt)}"\s*')
    at = next((number for number, line in enumerate(lines) if named.fullmatch(line)), None)
    if at is None:
        raise KeyError(prompt)
    start = at
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    end = at + 1
    while end < len(lines) and re.match(r'\s*(msgid|msgstr|")', lines[end]):
        end += 1
    return start, end


def _format(message: Message) -> str:
    catalog = Catalog(fuzzy=False)
    catalog[message.id] = message
    out = io.BytesIO()
    write_po(out, catalog, omit_header=True)
    return out.getvalue().decode().strip("\n") + "\n"
