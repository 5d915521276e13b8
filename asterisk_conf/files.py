"""Files, folders and links, each created atomically; a full or read-only disk raises AsteriskError."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from asterisk_conf.errors import AsteriskError


def explain(doing: str, path: Path, error: OSError) -> AsteriskError:
    """Return the AsteriskError for an OSError."""
    return AsteriskError(f"Cannot {doing} {path}: {error.strerror or error}; free some space or fix its permissions.")


def make_folder(path: Path) -> None:
    """Create a folder that only the owner may enter, because it contains recordings and passwords.

    One that root makes, or has made, belongs to the owner of the folder that it is in, whose processes could not use it
    otherwise.
    """
    try:
        _make(path, 0o700)
    except OSError as error:
        raise explain("create the folder", path, error) from error


def _make(path: Path, mode: int) -> None:
    if not path.parent.exists():
        _make(path.parent, 0o777)
    if not path.is_dir():
        with suppress(FileExistsError):  # another process was faster
            path.mkdir(mode)
    if os.geteuid() == 0 and (folder := path.parent.stat()).st_uid != 0 == path.stat().st_uid:
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def write_text(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> bool:
    """Write `text` with this mode unless the file already has both; return whether something changed.

    `owner`: the user and group whom the file is to belong to; None: those of this process, or of the folder if this is
    root, whose file the line's own user could not read.
    """
    try:
        if owner is None and os.geteuid() == 0 and (folder := path.parent.stat()).st_uid != 0:
            owner = folder.st_uid, folder.st_gid
        if path.is_file() and path.read_bytes() == text.encode():
            status = path.stat()
            if status.st_mode & 0o777 == mode and owner in (None, (status.st_uid, status.st_gid)):
                return False
        _replace(path, text.encode(), mode, owner)
    except OSError as error:
        raise explain("write", path, error) from error
    return True


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file of somebody else's; it keeps its owner and its mode."""
    try:
        status = path.stat()
        _replace(path, content, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
    except OSError as error:
        raise explain("write", path, error) from error


def _replace(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    # In the same folder, so that the rename is atomic; with no more than its mode from the first byte.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o700), "wb") as file:
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, replacing an existing link."""
    try:
        if path.is_symlink() and path.readlink() == target:
            return
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.symlink_to(target)
        try:
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise explain("link", path, error) from error
