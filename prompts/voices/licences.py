"""Licences that an administrator accepts before a voice is fetched, and the record that he did.

The texts are those of Debian's packages. "By obtaining" such a voice one agrees, so that they are shown before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

VOICES = ("mbrola-ar2", "mbrola-nl2")
"""Debian's packages, which are also what the site calls the voices."""
FILE = "accepted.json"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted what, and when; without it a voice is not used."""

    when: datetime
    by: str
    licences: Mapping[str, str]  # package to SHA-256 of the text
    versions: Mapping[str, str]  # all packages that were asked for


def text(package: str) -> str:
    """The licence as it was when this was written."""
    return (Path(__file__).parent / "licences" / f"{package}.txt").read_text(encoding="utf-8")


def text_in(root: Path, package: str) -> str:
    """The licence that came with the package, unpacked into `root`."""
    return (root / "usr/share/doc" / package / "copyright").read_text(encoding="utf-8")


def digest(licence: str) -> str:
    return hashlib.sha256(licence.encode()).hexdigest()


def read(folder: Path) -> Acceptance | None:
    """The record in the folder of a voice's packages; None where there is none that can be read."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        return Acceptance(
            datetime.fromisoformat(content["when"]), content["by"], dict(content["licences"]), dict(content["versions"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, acceptance: Acceptance) -> None:
    (folder / FILE).write_text(json.dumps(asdict(acceptance), default=datetime.isoformat, indent=1) + "\n")
