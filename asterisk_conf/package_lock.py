"""The lock of Debian packages: each with its version, its place on a mirror and its SHA-256.

`locks/` has one file per thing and architecture, with one package per line.
`python -m asterisk_conf.lock_packages` writes them.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, write_text

FOLDER = Path(__file__).parent / "locks"
_LINE = re.compile(r"([a-z0-9][a-z0-9.+-]+) (\S+) (pool/[!-~]+\.deb) ([0-9]+) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One file of the archive; `place` is its path below the mirror's address, `size` is in bytes."""

    name: str
    version: str
    place: str
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """Its name in apt's cache."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.place.rpartition('_')[2]}"


def lock_file(thing: str, architecture: str) -> Path:
    """Return the path of a lock."""
    return FOLDER / f"{thing.lower()}-{architecture}.txt"


def read(path: Path) -> tuple[LockedPackage, ...]:
    """Return the packages of a lock; none if the file does not exist.

    Raises:
        AsteriskError: The file cannot be read or parsed; the message names file and line.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise AsteriskError(f"{path} cannot be read ({error}); restore it with `git checkout`.") from error
    packages = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise AsteriskError(
                f"{path}:{number}: {line!r} is not 'name version pool/… size sha256';"
                " restore the file with `git checkout`, or renew it with scripts/lock."
            )
        packages.append(LockedPackage(match[1], match[2], match[3], int(match[4]), match[5]))
    return tuple(packages)


def write(path: Path, thing: str, packages: Sequence[LockedPackage]) -> bool:
    """Write a lock; return whether it has changed."""
    lines = [f"# {thing}: package, version, place on a Debian mirror, bytes, SHA-256. Written by scripts/lock."]
    lines += [
        f"{package.name} {package.version} {package.place} {package.size} {package.sha256}"
        for package in sorted(packages, key=lambda package: package.name)
    ]
    return write_text(path, "\n".join(lines) + "\n", 0o644)


def digest(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it does not exist."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain("read", path, error) from error


def differences(packages: Sequence[LockedPackage], found: Mapping[str, str]) -> list[str]:
    """Return how the found versions differ from the lock, a few words per package."""
    locked = {package.name: package.version for package in packages}
    words = [
        f"{name} {found[name]} instead of {version}" if name in found else f"no {name}"
        for name, version in locked.items()
        if found.get(name) != version
    ]
    return words + [f"also {name} {version}" for name, version in found.items() if name not in locked]
