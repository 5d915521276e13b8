"""A HATIF_HOME of an earlier day: packing and unpacking it, and what it must have after every upgrade."""

import hashlib
import json
import lzma
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from ivr.home import line_settings

HERE = Path(__file__).parent
HOMES = sorted(HERE.glob("*.tar.xz"))

_MADE_AGAIN = {
    "sounds", "training", "versions", "log", "run", "backups", "up.log", "voices", "speech",
    "asterisk/root", "asterisk/etc", "asterisk/data", "asterisk/lib", "asterisk/log", "asterisk/run",
}  # fmt: skip
"""What a home has besides, and any start makes again."""

BY_TIME = ("created", "seen", "expires")
"""Instants of a session, which ends by time: an unpacked home's sessions began when it was unpacked."""


def pack(home: Path, out: Path) -> None:
    """Write a home's files into an archive that is the same for the same files."""
    with lzma.open(out, "wb", preset=9 | lzma.PRESET_EXTREME) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(_files(home)):
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(home).as_posix())
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, BytesIO(content))


def _files(home: Path, top: Path | None = None) -> Iterator[Path]:
    for path in (top or home).iterdir():
        if path.relative_to(home).as_posix() in _MADE_AGAIN or path.is_symlink() or path.suffix == ".lock":
            continue
        if path.is_dir():
            yield from _files(home, path)
        elif path.is_file() and not path.name.startswith("."):
            yield path


def unpack(file: Path, home: Path, offset: int) -> dict[str, Any]:
    """Put a kept home into a folder, as if the line were moved to these ports just now; return its manifest."""
    with tarfile.open(file) as tar:
        tar.extractall(home, filter="data")
    manifest: dict[str, Any] = json.loads(manifest_of(file).read_text(encoding="utf-8"))
    kept = json.loads((home / line_settings.FILE).read_text())
    (home / line_settings.FILE).write_text(json.dumps({**kept, "offset": offset, "site": str(home / "site")}))
    later = datetime.now(UTC) - datetime.fromisoformat(manifest["made"])
    with closing(sqlite3.connect(home / "hatif.db")) as database, database:
        for column in BY_TIME:
            for key, at in database.execute(f"SELECT rowid, {column} FROM desk_session").fetchall():
                moved = (datetime.fromisoformat(at) + later).isoformat(" ", "microseconds")
                database.execute(f"UPDATE desk_session SET {column} = ? WHERE rowid = ?", (moved, key))
    for change in (home / "site_changes").glob("*/change.json"):
        content = json.loads(change.read_text())
        content["made"] = (datetime.fromisoformat(content["made"]) + later).isoformat()
        change.write_text(json.dumps(content))
    return manifest


def manifest_of(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".tar.xz") + ".json")


def rows(database: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows by table, as SQLite has them; bytes as their hash."""
    with closing(sqlite3.connect(database)) as opened:
        opened.row_factory = sqlite3.Row
        names = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {name: [_plain(row) for row in opened.execute(f'SELECT * FROM "{name}"')] for name in names}


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    return {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
        for name, value in zip(row.keys(), row, strict=True)
    }


def lost(
    kept: Mapping[str, list[dict[str, Any]]],
    found: Mapping[str, list[dict[str, Any]]],
    changes: Mapping[str, set[str]],
) -> list[str]:
    """Return what is not in the tables any more, a line for each row or column; columns may have been added.

    Args:
        changes: Columns whose values may change by themselves, by table.
    """
    missing = []
    for table, expected in kept.items():
        columns = [name for name in expected[0] if name not in changes.get(table, ())]
        if not found.get(table):
            missing.append(f"{table}: all rows")
            continue
        missing += [f"{table}.{name}" for name in columns if name not in found[table][0]]
        there = {json.dumps([row.get(name) for name in columns]) for row in found[table]}
        missing += [f"{table}: {row}" for row in expected if json.dumps([row[name] for name in columns]) not in there]
    return missing


def digests(home: Path, *folders: str) -> dict[str, str]:
    """Return the SHA-256 of all files in these folders of a home."""
    paths = (path for folder in folders for path in sorted((home / folder).rglob("*")) if path.is_file())
    return {path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
