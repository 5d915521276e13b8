"""Erasing a number from everything in a home: database, audio, journals, logs, Asterisk's own database."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from db import erasure
from db.engine import open_engine
from db.erasure import Erasure
from db.masking import Spellings, overwritten
from db.tables import Message, Recording
from ivr.data import backup
from ivr.data.expiry import erase_audio
from ivr.data.proof import FILE, Proofs
from ivr.home.settings import Settings
from ivr.model.e164 import spellings, written_forms

_NOT_SEARCHED = (
    "asterisk/apt",
    "asterisk/root",
    "asterisk/root.former",
    "asterisk/root.next",
    "asterisk/restored",
    "asterisk/data",
    "sounds",
    "voices",
    "speech",
    "versions",
    "cache",
    "backups",
    FILE,
)
"""Packages, prompts and models; backups, which are whole or nothing; the proof."""
_CHUNK = 32 * 1024
_OVERLAP = 256
"""In bytes; no spelling is longer."""


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure's result. `masked`: the files of which text was overwritten; `left`: the files that still name the
    number, which are the administrator's; `backups`: how many backups from before there are."""

    rows: Erasure
    masked: list[Path]
    left: list[Path]
    backups: int

    @property
    def is_empty(self) -> bool:
        return self.rows.is_empty and not self.masked


async def erase(
    settings: Settings, url: str, number: str, node: str, by: str, now: datetime, *, at_rest: bool = False
) -> Erased:
    """Erase a number (E.164) everywhere. Everything that was journalled about it is in the database already.

    Args:
        at_rest: Nothing of the line runs, so calls and requests that seem to go on do not: nothing is refused.

    Raises:
        BeingCalledError: The number is in a call, or is being called; nothing was changed.
        DatabaseError: The database is away, or in use for too long; repeat it.
        ProofError: The file of proofs cannot be read or written.
        OSError: A file cannot be read or written; repeat it.
    """
    found, others = Spellings(spellings(number)), written_forms(number)
    proofs = await asyncio.to_thread(Proofs, settings.home)
    async with open_engine(url, long=True) as engine:
        recordings, messages = await erasure.audio_of(engine, (number, *others), at_rest=at_rest)
        await erase_audio(engine, settings.home, Recording, recordings, now)
        await erase_audio(engine, settings.home, Message, messages, now)
        proof = proofs.hash_of(number)
        counts = {"recordings": len(recordings), "messages": len(messages)}
        rows = await erasure.erase(engine, number, node, by, others, found, proof, **counts, at_rest=at_rest)
        if not rows.is_empty:
            await asyncio.to_thread(proofs.add, number, by, now)
        masked = await asyncio.to_thread(_mask_files, settings, found)
        # The latter if this finishes an erasure that was interrupted.
        if not rows.is_empty or await asyncio.to_thread(_has_remnants, engine, found):
            await erasure.overwrite_deleted(engine)
    await asyncio.to_thread(_clean_astdb, settings, found)
    if rows.is_empty and masked and not proofs.of(number):
        await asyncio.to_thread(proofs.add, number, by, now)
    return Erased(rows, masked, await asyncio.to_thread(_left, settings, found), _backups(settings))


async def erase_again(settings: Settings, url: str, node: str, by: str, since: datetime, now: datetime) -> int:
    """Erase what was erased after `since` and is there again; return how many numbers.

    For a backup that was restored and does not run yet: what went on when it was made does not any more.
    """
    proofs = await asyncio.to_thread(Proofs, settings.home)
    if not any(proof.at > since for proof in proofs.erased):
        return 0
    async with open_engine(url, long=True) as engine:
        known = await erasure.numbers(engine)
    again = [number for number in sorted(known) if any(proof.at > since for proof in proofs.of(number))]
    for number in again:
        await erase(settings, url, number, node, by, now, at_rest=True)
    return len(again)


def _mask_files(settings: Settings, found: Spellings) -> list[Path]:
    """Overwrite the number in logs and in journals that were delivered; return the files."""
    folders = (settings.log, settings.asterisk_log, settings.journal)
    return [path for folder in folders for path in _files(folder) if _mask(path, found)]


def _mask(path: Path, found: Spellings) -> bool:
    """Overwrite the number in a file, digit by digit: others may be appending to it, and its size does not change."""
    places = list(_places(path, found))
    if places:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            for start, text in places:
                os.pwrite(descriptor, overwritten(text), start)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return bool(places)


def _places(path: Path, found: Spellings) -> Iterator[tuple[int, bytes]]:
    """Yield where in a file the number is, and how it is written there."""
    offset, rest = 0, b""
    try:
        with path.open("rb") as file:
            part = b" "
            while part:
                part = file.read(_CHUNK)
                room, start = rest + part, offset - len(rest)
                for match in found.in_bytes.finditer(room) if found.may_be_in(room) else ():
                    # At an edge there may be more digits: then it is found with what precedes or follows it.
                    if (match.start() or not start) and (match.end() < len(room) or not part):
                        yield start + match.start(), match.group()
                offset += len(part)
                rest = room[-_OVERLAP:]
    except FileNotFoundError:
        return


def _has_remnants(engine: AsyncEngine, found: Spellings) -> bool:
    """Return whether the files of an SQLite database have the number; those of a server are not ours to read: True."""
    if engine.dialect.name != "sqlite":
        return True
    file = Path(engine.url.database or "")
    return any(True for path in file.parent.glob(f"{file.name}*") for _ in _places(path, found))


def _clean_astdb(settings: Settings, found: Spellings) -> None:
    """Write Asterisk's database anew if remnants of deleted entries have the number."""
    if any(True for _ in _places(settings.astdb, found)):
        erasure.vacuum(settings.astdb)


def _left(settings: Settings, found: Spellings) -> list[Path]:
    """Return the files of the home and the site that name the number."""
    files = [path for path in _files(settings.home) if not _is_left_out(path.relative_to(settings.home))]
    if not settings.site.is_relative_to(settings.home):
        files += _files(settings.site)
    return [path for path in files if any(True for _ in _places(path, found))]


def _is_left_out(path: Path) -> bool:
    return any(path.is_relative_to(name) for name in _NOT_SEARCHED)


def _files(folder: Path) -> list[Path]:
    """Return the plain files below a folder; links are not followed, pipes are not opened."""
    return [
        Path(where) / name
        for where, _, names in os.walk(folder)
        for name in names
        if (Path(where) / name).is_file() and not (Path(where) / name).is_symlink()
    ]


def _backups(settings: Settings) -> int:
    return len(backup.files(settings.backups))
