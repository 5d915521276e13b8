"""Licences that an administrator accepts before a voice is downloaded, and the record of the acceptance.

The texts are those of Debian's packages. They bind everyone who obtains such a voice: they are shown first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

VOICES = ("mbrola-ar2", "mbrola-nl2")
"""Debian's packages; the site uses the same names for the voices."""
FILE = "accepted.json"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The record of an acceptance, without which a voice is not used."""

    when: datetime
    by: str
    licences: Mapping[str, str]  # package to SHA-256 of the text
    versions: Mapping[str, str]  # of all requested packages


def text(package: str) -> str:
    """Return our copy of the package's licence."""
    return (Path(__file__).parent / "licences" / f"{package}.txt").read_text(encoding="utf-8")


def text_in(root: Path, package: str) -> str:
    """Return the licence inside the package that was unpacked into `root`."""
    return (root / "usr/share/doc" / package / "copyright").read_text(encoding="utf-8")


def digest(licence: str) -> str:
    """Return the SHA-256 of a licence."""
    return hashlib.sha256(licence.encode()).hexdigest()


def read(folder: Path) -> Acceptance | None:
    """Read the record in a voice's folder; return None if there is none or it cannot be read."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        return Acceptance(
            datetime.fromisoformat(content["when"]), content["by"], dict(content["licences"]), dict(content["versions"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, acceptance: Acceptance) -> None:
    """Write the record into a voice's folder."""
    (folder / FILE).write_text(json.dumps(asdict(acceptance), default=datetime.isoformat, indent=1) + "\n")
