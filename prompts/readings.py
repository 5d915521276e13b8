"""The text that each recording speaks: a catalogue's text may change later, and a recording cannot.

`recordings/<language>/texts.json` maps each id to the text as it was when the recording was imported, and to the hash
of that recording: the entry does not apply to a different file of the same name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from prompts import files

FILE = "texts.json"


def fingerprint(recording: bytes) -> str:
    """Return the hash that identifies a recording."""
    return hashlib.sha256(recording).hexdigest()


def load(folder: Path) -> dict[str, tuple[str, str]]:
    """Return hash and text of each recording of a language; empty if there is no file or it cannot be read."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        return {str(name): (str(entry["sha256"]), str(entry["text"])) for name, entry in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def add(folder: Path, read: Mapping[str, tuple[str, str]]) -> None:
    """Add hash and text of new recordings, by id.

    Raises:
        OSError: The file cannot be written.
    """
    known = {**load(folder), **read}
    content = {name: {"sha256": known[name][0], "text": known[name][1]} for name in sorted(known)}
    files.write(folder / FILE, json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n", settled=True)
