"""Changes single entries of a catalogue: what else is in the file stays byte for byte.

The changed entry is written as pybabel writes it, so that its next update changes nothing.
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
"""So begin the comments in which gettext's tools keep an older English text."""
_WIDTH = 70
"""Letters of a comment's line: pybabel breaks longer ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an entry is to be; `comments` take the place of those that begin with one of `replaces`."""

    fuzzy: bool
    text: str | None = None  # None: it stays
    comments: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def change(content: str, prompt: str, wanted: Change) -> str:
    """The file's content with one entry changed. KeyError: there is none of that id."""
    lines = content.splitlines(keepends=True)
    start, end = _place(lines, prompt)
    newline = "\r\n" if lines[end - 1].endswith("\r\n") else "\n"
    (message,) = (each for each in read_po(io.StringIO("".join(lines[start:end]))) if each.id)
    message.flags = {*message.flags, FUZZY} if wanted.fuzzy else message.flags - {FUZZY}
    if wanted.text is not None:
        message.string = wanted.text
    kept = [each for each in message.user_comments if not each.startswith((*wanted.replaces, _PREVIOUS))]
    message.user_comments = [*kept, *wanted.comments]
    changed = _written(message).replace("\n", newline)
    if not lines[end - 1].endswith("\n"):  # the last line of a file
        changed = changed.removesuffix(newline)
    return "".join([*lines[:start], changed, *lines[end:]])


def comments(content: str, prompt: str, prefix: str) -> list[str]:
    """The lines of an entry's comments that begin with a prefix, without it. KeyError: there is no entry of that id."""
    lines = content.splitlines()
    start, end = _place(lines, prompt)
    told = (line.lstrip().removeprefix("#").strip() for line in lines[start:end] if line.lstrip().startswith("#"))
    return [each.removeprefix(prefix) for each in told if each.startswith(prefix)]


def comment(prefix: str, text: str) -> tuple[str, ...]:
    """Lines of a comment, each with the prefix, short enough to stay as they are."""
    width = _WIDTH - len(prefix)
    return tuple(prefix + line for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def read(file: Path) -> str:
    """The content as it is, line ends included. CatalogueError: it cannot be read."""
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise CatalogueError(f"{file}: {error.strerror}; make it readable") from None


def replace(file: Path, before: str, after: str) -> None:
    """Puts the new content in the place of the old, whole or not at all.

    CatalogueError: somebody has changed the file meanwhile, or it cannot be written; nothing is lost then.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.read_bytes() != before.encode():
            raise CatalogueError(f"{file}: somebody has changed it meanwhile; nothing is written, run this again")
        temporary.write_bytes(after.encode())
        temporary.chmod(file.stat().st_mode & 0o777)
        temporary.replace(file)
    except OSError as error:
        raise CatalogueError(f"{file}: {error.strerror}; nothing is written") from None
    finally:
        temporary.unlink(missing_ok=True)


def _place(lines: list[str], prompt: str) -> tuple[int, int]:
    """The first line of an entry, comments included, and the one after its last."""
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


def _written(message: Message) -> str:
    catalog = Catalog(fuzzy=False)
    catalog[message.id] = message
    out = io.BytesIO()
    write_po(out, catalog, omit_header=True)
    return out.getvalue().decode().strip("\n") + "\n"
