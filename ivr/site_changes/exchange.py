"""Exchanging files of the site: all of them or none, also if the process is killed in between.

It is imported at every start of the controller, so it imports little.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from ivr.site_changes import git

log = structlog.get_logger()

FOLDER = "site_changes"
"""In HATIF_HOME: a folder for each change."""
CHANGE, BEFORE, AFTER = "change.json", "before", "after"
_MARKER = "exchanging"


class ExchangeError(Exception):
    """Files of the site cannot be written; a sentence that says why. None of them was changed."""


def begin(changes: Path, change: str) -> None:
    """Note on the disk that the files of a change are being exchanged: until `end`, a start puts them back."""
    _write_durably(changes / _MARKER, change.encode(), 0o600)
    _sync(changes)


def end(changes: Path) -> None:
    """Note that all files are exchanged, or put back."""
    (changes / _MARKER).unlink(missing_ok=True)
    _sync(changes)


class Exchange:
    """New contents of files, beside the present ones until `put`. None removes a file."""

    def __init__(self, site: Path, contents: Mapping[str, bytes | None], change: str) -> None:
        self._site, self._contents = site, contents
        self._suffix = f".hatif-{change}"

    def prepare(self) -> None:
        """Write all drafts. Raises ExchangeError; then no draft is left."""
        for file, content in self._contents.items():
            path = self._site / file
            try:
                if path.is_symlink() or Path(os.path.realpath(path)) != Path(os.path.realpath(self._site)) / file:
                    raise ExchangeError(
                        f"{path} is a symbolic link, or in one; make it a file of its own to change it here."
                    )
                if not os.access(path.parent, os.W_OK):
                    raise PermissionError(13, os.strerror(13))
                if content is not None:
                    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
                    _write_durably(self._draft(path), content, mode)
            except OSError as error:
                self.discard()
                raise ExchangeError(
                    f"{path.parent} cannot be written ({error.strerror}); nothing was changed. Give the user of the "
                    "line the right to write there, or change the files with an editor."
                ) from None
            except ExchangeError:
                self.discard()
                raise

    def put(self) -> None:
        """Put the drafts in the place of the files. Raises OSError in the middle of it."""
        for file, content in self._contents.items():
            path = self._site / file
            if content is None:
                path.unlink(missing_ok=True)
            else:
                self._draft(path).replace(path)
        for folder in {(self._site / file).parent for file in self._contents}:
            with suppress(OSError):
                _sync(folder)

    def discard(self) -> None:
        """Remove drafts that were not put in place."""
        for file in self._contents:
            with suppress(OSError):
                self._draft(self._site / file).unlink(missing_ok=True)

    def _draft(self, path: Path) -> Path:
        return path.with_name(f".{path.name}{self._suffix}")  # no reader takes it for a file of the site


def recover(home: Path, site: Path) -> None:
    """Put the files back whose exchange was interrupted by a kill. Somebody else's later change is left as it is."""
    changes = home / FOLDER
    try:
        change = (changes / _MARKER).read_text(encoding="utf-8")
        kept = json.loads((changes / change / CHANGE).read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        log.error("An interrupted change of the site's files cannot be read; look at the files", error=str(error))
        return
    if kept.get("state") == "released":
        pass  # only the mark was left
    elif _is_committed(site, change):
        effect = {"state": "waiting", "audio": True, "reload": True}
        released = {**kept, "state": "released", "effect": effect}
        _write_durably(changes / change / CHANGE, json.dumps(released).encode(), 0o600)
    else:
        put_back(site, changes / change, kept["files"], change)
        log.warning("A change of the site's files was interrupted; they are as before it", change=change)
    end(changes)


def put_back(site: Path, folder: Path, files: list[dict[str, str | None]], change: str) -> None:
    """Give the files of a change the content from before it, except those that somebody has changed since."""
    contents: dict[str, bytes | None] = {}
    for item in files:
        file, path = str(item["file"]), site / str(item["file"])
        now = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
        if now == item["before"]:
            continue
        if now != item["after"]:
            log.error("A file of an interrupted change was changed since; it stays", file=str(path))
            continue
        contents[file] = (folder / BEFORE / file).read_bytes() if item["before"] is not None else None
    exchange = Exchange(site, contents, change)
    exchange.discard()
    exchange.prepare()
    exchange.put()
    # Drafts of files that had not been put in place.
    Exchange(site, {str(item["file"]): None for item in files}, change).discard()


def _is_committed(site: Path, change: str) -> bool:
    """Return whether the change is the last commit of the site's folder: then only noting it was interrupted."""
    return git.is_repository(site) and f"{git.TRAILER}: {change}" in git.last_message(site)


def _write_durably(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
