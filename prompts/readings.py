"""Which text a recording says, since its text may change later and a recording cannot.

`recordings/<language>/texts.json` has, by id, the text of the day on which a recording was imported, with the hash of
that recording: another file in its place is another reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from prompts import files

FILE = "texts.json"


def fingerprint(recording: bytes) -> str:
    """What tells one recording from another."""
    return hashlib.sha256(recording).hexdigest()


def load(folder: Path) -> dict[str, tuple[str, str]]:
    """Hash and text of each recording of a language; empty where that is not written down, or cannot be read."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        return {str(name): (str(each["sha256"]), str(each["text"])) for name, each in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def keep(folder: Path, read: Mapping[str, tuple[str, str]]) -> None:
    """Writes down hash and text of new recordings, by id. OSError: it cannot be written."""
    known = {**load(folder), **read}
    content = {name: {"sha256": known[name][0], "text": known[name][1]} for name in sorted(known)}
    files.write(folder / FILE, json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n", settled=True)
