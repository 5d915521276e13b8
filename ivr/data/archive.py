"""The file of a backup: a tar archive that says first what it is, and last what the SHA-256 of each file is.

An archive may come from anywhere, so nothing in it is believed: names, sizes and hashes are checked while it is
unpacked into a scratch folder, and nothing leaves that folder before the whole archive was in order. The hashes find
damage; they do not tell who made an archive.
"""

import hashlib
import json
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import pyrage

from db import records
from ivr.data import encryption
from ivr.data.encryption import BackupError as BackupError
from ivr.home import line_settings
from prompts import plain_tar

ABOUT, MANIFEST = "backup.json", "manifest.json"
FORMAT = 1
DATABASE = "database/hatif.db"
ASTDB = "asterisk/astdb.sqlite3"
INSTALLED = "asterisk/hatif-install.json"
"""Which packages the private Asterisk was made of."""
ARCHIVES = "asterisk/hatif-archives"
"""These packages themselves."""
HOME_FILES = (line_settings.FILE, "secrets.json", "case_references", "erasures.json")
HOME_FOLDERS = ("messages", "recordings", "unreadable", "desk")
_FOLDERS = ("site", "asterisk/recording", ARCHIVES, *(f"home/{name}" for name in HOME_FOLDERS))
_FILES = {DATABASE, ASTDB, INSTALLED, *(f"home/{name}" for name in HOME_FILES)}
MOST_FILES = 1_000_000
_LONGEST_LINE = 600
"""In bytes, of a file in the list: a name of `_LONGEST_NAME`, all of it escaped, and its hash."""
_LONGEST_END = 1024**2
"""In bytes, of the zeros after the last file: tar fills its last record up."""
_LONGEST_ABOUT = 1024**2
_LONGEST_NAME = 240
_PART = re.compile(r"[^\x00-\x1f\x7f/\\]{1,100}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class About:
    """An archive's description of itself. `database`: sqlite or postgresql; `migration`: that of its tables."""

    hatif: str
    made: datetime
    node: str
    site: str
    database: str
    migration: str
    asterisk: str | None = None


def write(out: Path, about: About, files: Iterable[tuple[str, Path]], recipients: Sequence[str] = ()) -> int:
    """Write an archive that only its owner may read, and return the number of its files.

    A file that disappears meanwhile is left out; of a file that grows, what it had.

    Args:
        recipients: The public keys to which it is encrypted.

    Raises:
        BackupError: A file cannot be read, or has a name that an archive cannot have.
        OSError: The archive cannot be written.
    """
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.new")
    hashes: dict[str, str] = {}
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            with encryption.encrypting(file, recipients) as archive:
                said = {"format": FORMAT, **asdict(about), "made": about.made.isoformat()}
                hashes[ABOUT] = _add(archive, ABOUT, json.dumps(said, indent=1).encode())
                for name, path in files:
                    if (digest := _add_file(archive, name, path)) is not None:
                        hashes[name] = digest
                _add(archive, MANIFEST, json.dumps({"files": hashes}, indent=1, ensure_ascii=False).encode())
                archive.write(plain_tar.END)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return len(hashes) - 1


def _add(archive: IO[bytes], name: str, content: bytes) -> str:
    archive.write(plain_tar.header(name, len(content), 0o600) + content + plain_tar.padding(len(content)))
    return hashlib.sha256(content).hexdigest()


def _add_file(archive: IO[bytes], name: str, path: Path) -> str | None:
    try:
        opened = path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror}): correct its permissions.") from None
    with opened as file:
        digest = hashlib.sha256()
        left = os.fstat(file.fileno()).st_size
        if not _is_name(name):
            raise BackupError(f"{path}: a backup cannot hold this name; rename it, or move it elsewhere.")
        try:
            archive.write(plain_tar.header(name, left, 0o600))
        except ValueError:
            raise BackupError(f"{path}: its name is too long for a backup; rename it, or move it elsewhere.") from None
        padding = plain_tar.padding(left)
        while left:
            if not (part := file.read(min(left, 1024**2))):
                raise BackupError(f"{path} became shorter while it was read: repeat the command.")
            digest.update(part)
            archive.write(part)
            left -= len(part)
        archive.write(padding)
    return digest.hexdigest()


def read_about(archive: Path, keys: Sequence[pyrage.x25519.Identity] = ()) -> About:
    """Return what an archive says of itself. `keys`: private ones, if it is encrypted. Raises BackupError, OSError."""
    with encryption.opened(archive, keys) as opened:
        return _about(archive, opened)[0]


def unpack(archive: Path, into: Path, keys: Sequence[pyrage.x25519.Identity] = ()) -> About:
    """Unpack an archive into an empty folder, completely checked.

    Args:
        keys: Private ones; one of them must open an archive that is encrypted.

    Raises:
        BackupError: It is not a whole backup that this version understands. What was unpacked is to be deleted.
        OSError: The files cannot be written.
    """
    try:
        with encryption.opened(archive, keys) as opened:
            about, digest = _about(archive, opened)
            hashes, said = _unpack(archive, opened, into)
    except (tarfile.TarError, plain_tar.PlainTarError) as error:
        raise _refused(archive, str(error) or "it ends too early") from None
    hashes[ABOUT] = digest
    if missing := said.keys() - hashes.keys():
        raise _refused(archive, f"{len(missing)} files of its list are missing")
    for name, digest in hashes.items():
        if said.get(name) != digest:
            raise _refused(archive, f"{plain_tar.shown(name)} is {'damaged' if name in said else 'not in its list'}")
    if DATABASE not in hashes:
        raise _refused(archive, "it has no database")
    return about


def _about(archive: Path, opened: IO[bytes]) -> tuple[About, str]:
    """Read the first file; return it and its hash."""
    try:
        name, content = _small(opened, _LONGEST_ABOUT) or ("", b"")
        if name != ABOUT:
            raise _refused(archive, f"its first file is not {ABOUT}")
        said = json.loads(content)
        if said.pop("format") != FORMAT:
            raise _refused(archive, f"its format is not {FORMAT}, which this Hatif reads")
        made = datetime.fromisoformat(said.pop("made"))
        about = About(made=made, **said)
        texts = (about.hatif, about.node, about.site, about.database, about.migration, about.asterisk or "")
        if made.tzinfo is None or not all(isinstance(text, str) and len(text) < 100 for text in texts):
            raise TypeError
    except (tarfile.TarError, plain_tar.PlainTarError) as error:
        raise _refused(archive, str(error) or "it ends too early") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(archive, f"{ABOUT} is not a description of a backup") from None
    if line_settings.is_newer(about.hatif):
        raise BackupError(
            f"Nothing was restored: {archive} was made by Hatif {plain_tar.shown(about.hatif)}, and this is "
            f"{line_settings.VERSION}, which may not understand it: install that version or a newer one."
        )
    return about, hashlib.sha256(content).hexdigest()


def _unpack(archive: Path, opened: IO[bytes], into: Path) -> tuple[dict[str, str], Mapping[str, str]]:
    """Unpack what follows the description; return the hashes found, and those of the list.

    A file may say any size: what is written is never more than the archive has.
    """
    hashes: dict[str, str] = {}
    while (found := plain_tar.next_file(opened, sys.maxsize)) is not None:
        name, size = found
        if name == MANIFEST:
            if size > (len(hashes) + 2) * _LONGEST_LINE:
                raise _refused(archive, f"{MANIFEST} has {size:,} bytes, and is to list {len(hashes):,} files")
            said = _hashes(archive, plain_tar.content(opened, size))
            after = opened.read(_LONGEST_END + 1)
            if len(after) > _LONGEST_END or after.strip(b"\0"):
                raise _refused(archive, f"something follows {MANIFEST}")
            return hashes, said
        if name in hashes or len(hashes) >= MOST_FILES or not _is_ours(name):
            raise _refused(archive, f"{plain_tar.shown(name)} does not belong there, or is there twice")
        hashes[name] = _write(archive, name, into, plain_tar.content(opened, size))
    raise _refused(archive, f"{MANIFEST} is missing: it ends too early")


def _write(archive: Path, name: str, into: Path, content: Iterator[bytes]) -> str:
    target, digest = into / name, hashlib.sha256()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise _refused(archive, f"{plain_tar.shown(name)} is a file and a folder") from None
    with os.fdopen(descriptor, "wb") as file:
        for part in content:
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def _hashes(archive: Path, content: Iterator[bytes]) -> Mapping[str, str]:
    try:
        said = json.loads(b"".join(content))["files"]
        if not all(isinstance(digest, str) and _HASH.fullmatch(digest) for digest in said.values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(archive, f"{MANIFEST} is not a list of files with their hashes") from None
    return {str(name): digest for name, digest in said.items()}


def _small(opened: IO[bytes], most: int) -> tuple[str, bytes] | None:
    found = plain_tar.next_file(opened, most)
    return (found[0], b"".join(plain_tar.content(opened, found[1]))) if found is not None else None


def _is_name(name: str) -> bool:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    parts = name.split("/")
    return size <= _LONGEST_NAME and all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)


def _is_ours(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    if folder == "journal":
        return records.NAME.fullmatch(last) is not None
    return name in _FILES or (name.startswith(tuple(f"{folder}/" for folder in _FOLDERS)) and _is_name(name))


def _refused(archive: Path, reason: str) -> BackupError:
    return BackupError(f"Nothing was restored: {archive} is not a whole backup ({reason}); take another one.")
