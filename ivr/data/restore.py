"""Restoring a backup into a home in which nothing runs.

The archive is unpacked and checked beside its destination, then put in place by renaming. What was there before is not
deleted: it moves to a folder of its own.
"""

import asyncio
import contextlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from db.copying import Progress, copy_rows, count_rows, frozen
from db.delivery import deliver_all
from db.engine import DatabaseError, format_url, open_engine, parse_url, reading, writing
from db.migrations.versions.m0024_report_day import WITHOUT, statements
from db.tables import FORMER, Table
from db.upgrade import current, upgrade
from ivr.data import archive, proof
from ivr.data.archive import About, BackupError
from ivr.data.erasure import erase_again
from ivr.data.proof import ProofError, Proofs
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.home.settings import Settings
from prompts import toml_values

_STOCK = "case_references"
_COUNTED = re.compile(r"[0-9]{1,7}")
_DATABASE = ("hatif.db", "hatif.db-wal", "hatif.db-shm")
_ASTDB = "asterisk/db/astdb.sqlite3"
_ASTDB_JOURNAL = "asterisk/db/astdb.sqlite3-journal"
_RECORDING = "asterisk/spool/recording"
_PACKAGES = "asterisk/restored"
"""Where `hatif setup` finds the packages of Asterisk (`asterisk_conf.install`)."""
_REPLACED = (
    *archive.HOME_FILES,
    *archive.HOME_FOLDERS,
    *_DATABASE,
    "journal",
    "site",
    _ASTDB,
    _ASTDB_JOURNAL,
    _RECORDING,
    _PACKAGES,
)
"""Paths that move out of the way, the line's settings first: without them a home is not set up."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore.

    `database`: where to, without a password; `aside`: where what was there before is now; `erased_again`: how many
    numbers were in the backup and had been erased since.
    """

    about: About
    database: str
    aside: Path | None
    erased_again: int


def existing(home: Path) -> list[str]:
    """Return what a home has of a line that a backup would replace."""
    return [name for name in _REPLACED if name not in (_RECORDING, _PACKAGES) and (home / name).exists()]


def restore(
    file: Path,
    home: Path,
    *,
    url: str | None = None,
    environment: Mapping[str, str],
    progress: Progress = lambda done, total: None,
    keys: Sequence[pyrage.x25519.Identity] = (),
) -> Restored:
    """Restore a backup. The caller knows that nothing runs in `home`, and that what is there may be replaced.

    Args:
        url: An empty database to restore into; None: SQLite in `home`.
        environment: HATIF_PORT_OFFSET and HATIF_ASTERISK in it replace those of the backup.
        keys: Private ones, of an encrypted backup. None is stored.

    Raises:
        BackupError: The archive is not a whole backup, or does not fit; nothing was changed.
        DatabaseError: The database is away or not empty; nothing was changed.
    """
    target = url or f"sqlite:///{home / 'hatif.db'}"
    inside = parse_url(target).database == str(home / "hatif.db")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(home).free < 2 * file.stat().st_size:
            raise BackupError(f"Nothing was restored: {home} has too little space for {file}; free some.")
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=home) as scratch:
            found = Path(scratch)
            about = archive.unpack(file, found, keys)
            database = found / archive.DATABASE
            _check_schema(file, database, about)
            _upgrade(file, database, about)
            line = _line(file, found, environment, None if inside and not _names_database(found) else target)
            _empty_stock(found / "home" / _STOCK)
            if not inside:
                asyncio.run(_fill(database, target, progress))
            _keep_proofs(found / "home", home)
            aside = _put(found, home, inside)
            line_settings.write(home, replace(line, site=str(home / "site")))
    except OSError as error:
        raise BackupError(
            f"{error.filename or home} cannot be written or read ({error.strerror}); free some space, or correct the "
            "permissions."
        ) from None
    asyncio.run(deliver_all(home / "journal", target))
    settings = Settings(home, home / "site", line.offset)
    again = asyncio.run(erase_again(settings, target, about.node, "service", about.made, datetime.now(UTC)))
    return Restored(about, format_url(parse_url(target)), aside, again)


def _check_schema(file: Path, database: Path, about: About) -> None:
    """Refuse a database that is damaged, or that has more than tables and the triggers that ours had before 0030:
    another trigger would run within our statements."""
    triggers_then = {*statements("sqlite")} if about.migration < WITHOUT else set[str]()
    refused = BackupError(f"Nothing was restored: the database in {file} is damaged, or not one of Hatif's.")
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            opened.execute("PRAGMA trusted_schema = OFF")
            kinds = {str(kind) for (kind,) in opened.execute("SELECT DISTINCT type FROM sqlite_master")}
            triggers = {str(sql) for (sql,) in opened.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")}
            names = {str(name) for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            intact = opened.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.Error:
        raise refused from None
    if triggers - triggers_then or kinds - {"table", "index", "trigger"}:
        raise refused
    if not intact or names - {*Table.metadata.tables, *FORMER, "alembic_version"}:
        raise refused


def _upgrade(file: Path, database: Path, about: About) -> None:
    url = f"sqlite:///{database}"
    if asyncio.run(current(url)) != about.migration:
        raise BackupError(f"Nothing was restored: the database in {file} is not at the migration that the file names.")
    asyncio.run(upgrade(url))


def _names_database(found: Path) -> bool:
    """Return whether the backup's site names a database, which must not be the restored line's."""
    try:
        return (
            toml_values.loads((found / "site" / "site.toml").read_text(encoding="utf-8"))["database"]["url"] is not None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _line(file: Path, found: Path, environment: Mapping[str, str], database: str | None) -> KeptLine:
    """Return the line's settings: the backup's, and what the environment says otherwise."""
    kept = line_settings.read(found / "home") or KeptLine(0)
    if not (found / "site" / "site.toml").is_file():
        raise BackupError(f"Nothing was restored: {file} has no site.")
    offset = environment.get("HATIF_PORT_OFFSET") or str(kept.offset)
    if not re.fullmatch("[0-9]{1,5}", offset) or int(offset) % 1000 or int(offset) > 50_000:
        raise BackupError(f"HATIF_PORT_OFFSET is {offset!r}; it must be a multiple of 1000 from 0 to 50000.")
    asterisk = environment.get("HATIF_ASTERISK") or kept.asterisk
    return KeptLine(int(offset), None, database, asterisk)


def _empty_stock(file: Path) -> None:
    """Remove the stock of case references: since the backup, callers may have been given some of them.

    They stay reserved in the database, so that nobody else is given one either. The count of an early release stays.
    """
    with contextlib.suppress(FileNotFoundError):
        lines = file.read_text(encoding="ascii", errors="replace").split()
        file.write_text("".join(f"{line}\n" for line in lines if _COUNTED.fullmatch(line)), encoding="ascii")


def _keep_proofs(found: Path, home: Path) -> None:
    """Keep the home's own proofs of erasures, which are later than those of its own backup."""
    try:
        ours, theirs = Proofs(home), Proofs(found)
    except ProofError as error:
        raise BackupError(f"Nothing was restored: {error}") from None
    if ours.erased and (not theirs.erased or ours.key == theirs.key):
        shutil.copyfile(home / proof.FILE, found / proof.FILE)


async def _fill(database: Path, target: str, progress: Progress) -> None:
    """Copy the rows into an empty database."""
    await upgrade(target)
    async with (
        open_engine(f"sqlite:///{database}", long=True) as file,
        open_engine(target, long=True) as engine,
        frozen(file) as source,
    ):
        async with reading(engine) as connection:
            if await count_rows(connection):
                raise DatabaseError(
                    f"Nothing was restored: {format_url(engine.url)} is not empty; create an empty database for it"
                )
        async with writing(engine) as connection:
            await copy_rows(source, connection, progress)


def _put(found: Path, home: Path, with_database: bool) -> Path | None:
    """Move what was there out of the way, and what was unpacked in its place; return where the former is."""
    aside, moved = home / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}", False
    for name in _REPLACED:
        if (home / name).exists():
            _move(home / name, aside / name)
            moved = True
    new = {name: found / "home" / name for name in (*archive.HOME_FILES, *archive.HOME_FOLDERS)}
    del new[line_settings.FILE]  # written last
    new |= {"journal": found / "journal", "site": found / "site"}
    new |= {_ASTDB: found / archive.ASTDB, _RECORDING: found / "asterisk" / "recording"}
    if (found / archive.ARCHIVES).exists():
        new |= {f"{_PACKAGES}/{Path(name).name}": found / name for name in (archive.INSTALLED, archive.ARCHIVES)}
    if with_database:
        new["hatif.db"] = found / archive.DATABASE
    for name, path in new.items():
        if path.exists():
            _move(path, home / name)
    return aside if moved else None


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.rename(to)
