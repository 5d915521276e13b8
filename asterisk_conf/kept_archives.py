"""The archives of the packages that a tree was made of, kept so that it can be made again without a mirror.

They are in the tree (`FOLDER`), beside the list of what was unpacked, so that both are replaced together. A backup has
them as well, and `hatif asterisk fetch` writes them for other machines; the hashes of the list find damage.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from asterisk_conf import package_lock
from asterisk_conf.package_lock import LockedPackage

FOLDER = "hatif-archives"
MARKER = "hatif-install.json"
"""The list of what was unpacked: in the root of a tree, and beside archives that came with a backup."""


def put(archives: Sequence[Path], folder: Path) -> None:
    """Keep these archives in a new folder, as links to the same files where that is possible.

    Raises OSError.
    """
    folder.mkdir(mode=0o755)
    for archive in archives:
        try:
            os.link(archive, folder / archive.name)
        except OSError:  # another disk, or another user's file
            shutil.copyfile(archive, folder / archive.name)


def read(folder: Path) -> dict[Path, str]:
    """Return the archives of a list with their SHA-256; none if one is missing or damaged.

    Args:
        folder: A tree, or a folder to which a backup was restored.
    """
    try:
        listed = json.loads((folder / MARKER).read_bytes())
        wanted = {(name, version): listed["sha256"][name] for name, version in listed["unpacked"].items()}
        files = {_key(path): path for path in (folder / FOLDER).iterdir()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    found = {files[key]: digest for key, digest in wanted.items() if key in files}
    if len(found) < len(wanted) or any(package_lock.digest(path) != digest for path, digest in found.items()):
        return {}
    return found


def locked(kept: Mapping[Path, str], lock: Sequence[LockedPackage]) -> list[Path]:
    """Return the kept archives of all locked packages; none if one of them is not there."""
    by_digest = {digest: path for path, digest in kept.items()}
    return [by_digest[package.sha256] for package in lock] if all(p.sha256 in by_digest for p in lock) else []


def _key(path: Path) -> tuple[str, str]:
    name, version, _ = (*path.name.split("_", 2), "", "")[:3]
    return name, version.replace("%3a", ":")
