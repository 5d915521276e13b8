"""Making a backup while the line runs.

Everything of the line that cannot be made again belongs together in one archive. The order makes it consistent: the
journal before the database, so that each record is in one of them at least and none has a gap before it; the database
before the audio, so that each row has its file.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db import records, upgrade
from db.copying import Progress, copy_sqlite, snapshot
from db.engine import DatabaseError, parse_url
from ivr.data import archive, encryption
from ivr.data.archive import About, BackupError
from ivr.home import line_settings
from ivr.home.settings import Settings

_NOT_OF_A_SITE = {"__pycache__", ".git"}
ENDING = ".hatif.tar"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    file: Path
    files: int
    bytes: int


def default_file(settings: Settings, node: str, now: datetime) -> Path:
    """Return where a backup goes whose file is not named."""
    return settings.backups / f"hatif-{node}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{ENDING}"


def files(folder: Path) -> list[Path]:
    """Return the backups in a folder, encrypted or not, whose names end as usual."""
    return [*folder.glob(f"*{ENDING}"), *folder.glob(f"*{ENDING}{encryption.ENDING}")]


def make(
    settings: Settings,
    node: str,
    site: str,
    url: str,
    out: Path,
    progress: Progress = lambda done, total: None,
    *,
    asterisk: bool = True,
    recipients: Sequence[str] = (),
) -> Made:
    """Write a backup of a line to a new file; the line may run.

    An encrypted one gets the ending .age if `out` has not; none of it is written unencrypted outside of the home.

    Args:
        node, site: The names of both, for whoever finds the file.
        url: Of the line's database.
        progress: Called while a database that is not SQLite is read.
        asterisk: Whether the packages of the private Asterisk are in it, some 95 MB.
        recipients: The public keys of age to which it is encrypted; without one it is not.

    Raises:
        BackupError: Something of the line cannot be read, or the file exists.
        DatabaseError: The database is away, has no tables yet, or is of a later version.
    """
    if recipients and out.suffix != encryption.ENDING:
        out = out.with_name(f"{out.name}{encryption.ENDING}")
    elif not recipients and out.suffix == encryption.ENDING:
        raise BackupError(
            f"{out} ends as encrypted backups do, and this one would not be encrypted: give --to, write recipients "
            "in [backups] of site.toml, or name a file with another ending."
        )
    if out.exists():
        raise BackupError(f"{out} exists; name another file, or delete it.")
    now = datetime.now(UTC)
    try:
        out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = settings.home if recipients else out.parent
        with tempfile.TemporaryDirectory(prefix=".hatif-backup-", dir=beside) as folder:
            return _make(settings, node, site, url, out, Path(folder), now, progress, asterisk, recipients)
    except OSError as error:
        raise BackupError(
            f"{error.filename or out} cannot be written or read ({error.strerror}); free some space, or correct the "
            "permissions."
        ) from None


def _make(
    settings: Settings,
    node: str,
    site: str,
    url: str,
    out: Path,
    scratch: Path,
    now: datetime,
    progress: Progress,
    asterisk: bool,
    recipients: Sequence[str],
) -> Made:
    journal = _copy_journal(settings, scratch / "journal")
    database, astdb = scratch / "hatif.db", scratch / "astdb"
    asyncio.run(snapshot(url, database, progress))
    try:
        copy_sqlite(settings.astdb, astdb)
    except DatabaseError:
        if settings.astdb.exists():
            raise
    about = About(
        hatif=line_settings.VERSION,
        made=now,
        node=node,
        site=site,
        database=parse_url(url).get_backend_name(),
        migration=asyncio.run(upgrade.current(f"sqlite:///{database}")) or "",
        asterisk=_installed(settings),
    )
    content = [
        *((f"journal/{path.name}", path) for path in journal),
        (archive.DATABASE, database),
        (archive.ASTDB, astdb),
        (archive.INSTALLED, settings.asterisk_packages),
        *_below("asterisk/recording", settings.asterisk_recordings),
        *(_below(archive.ARCHIVES, settings.asterisk_archives) if asterisk else ()),
        *((f"home/{name}", settings.home / name) for name in archive.HOME_FILES),
        *(file for name in archive.HOME_FOLDERS for file in _below(f"home/{name}", settings.home / name)),
        *_below("site", settings.site),
    ]
    count = archive.write(out, about, content, recipients)
    return Made(out, count, out.stat().st_size)


def _installed(settings: Settings) -> str | None:
    """Return the version of the private Asterisk; None if there is none."""
    try:
        return str(json.loads(settings.asterisk_packages.read_text(encoding="utf-8"))["asked"]["asterisk"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copy_journal(settings: Settings, folder: Path) -> list[Path]:
    """Copy the journal's files; a file that is delivered meanwhile is in the database then."""
    folder.mkdir(mode=0o700)
    copied = []
    for file in records.files(settings.journal):
        try:
            copied.append(Path(shutil.copyfile(file.path, folder / file.path.name)))
        except FileNotFoundError:
            continue
    return copied


def _below(name: str, folder: Path) -> Iterable[tuple[str, Path]]:
    """Return all plain files below a folder; links are not followed."""

    def walk(where: Path) -> Iterator[Path]:
        for entry in sorted(where.iterdir()):
            if entry.is_symlink() or entry.name in _NOT_OF_A_SITE:
                continue
            if entry.is_dir():
                yield from walk(entry)
            elif entry.is_file():
                yield entry

    if not folder.is_dir():
        return []
    return [(f"{name}/{path.relative_to(folder).as_posix()}", path) for path in walk(folder)]
