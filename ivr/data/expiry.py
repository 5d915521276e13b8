"""Deleting what is older than `[retention]` of the site allows, each day."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db import retention
from db.deliverer import REJECTED
from db.engine import DatabaseError, open_engine
from db.queue_log_file import rotate
from db.retention import Audio
from db.tables import Message, Recording
from ivr.data import backup
from ivr.home.settings import Settings
from ivr.site import site
from ivr.site.findings import SiteError
from ivr.site.sections import Retention

log = structlog.get_logger()

TESTS_EVERY_S = 3600.0
EVERY = timedelta(days=1)
_RECORDS = ("queue_log", "cdr-csv/Master.csv")
"""Of `[call_records]`, below the folder of Asterisk's logs."""
_ROTATED = re.compile(r".+[.-][0-9]+(\.gz|\.xz)?")


@dataclass(frozen=True, slots=True)
class Expired:
    """How many of a kind were deleted, or would be; `before`: the instant before which they are too old."""

    kind: str
    before: datetime
    number: int


async def expire(settings: Settings, url: str, chosen: Retention, now: datetime, *, dry: bool = False) -> list[Expired]:
    """Delete what is too old, kind by kind; return each kind that the site limits. With `dry`, only count.

    Raises:
        DatabaseError: The database is away.
        OSError: A file cannot be deleted.
    """
    async with open_engine(url, long=True) as engine:
        return await _expire_all(settings, engine, chosen, now, dry)


async def _expire_all(
    settings: Settings, engine: AsyncEngine, chosen: Retention, now: datetime, dry: bool
) -> list[Expired]:
    found = []
    for kind, days in chosen.model_dump().items():
        if days is not None:
            before = now - timedelta(days=days)
            found.append(Expired(kind, before, await _expire(engine, settings, kind, before, now, dry)))
    return found


async def _expire(
    engine: AsyncEngine, settings: Settings, kind: str, before: datetime, now: datetime, dry: bool
) -> int:
    match kind:
        case "calls":
            return await (retention.count_calls if dry else retention.delete_calls)(engine, before)
        case "cases":
            return await (retention.count_cases if dry else retention.delete_cases)(engine, before)
        case "audit":
            return await (retention.count_audit if dry else retention.delete_audit)(engine, before)
        case "recordings":
            audio = await retention.recordings(engine, before)
            return len(audio) if dry else await erase_audio(engine, settings.home, Recording, audio, now)
        case "messages":
            audio = await retention.messages(engine, before)
            return len(audio) if dry else await erase_audio(engine, settings.home, Message, audio, now)
    if kind == "logs" and not dry:
        await asyncio.to_thread(_rotate_records, settings, now)
    files = list(_too_old(settings, kind, before))
    if not dry:
        await asyncio.to_thread(_delete, files)
    return len(files)


async def erase_audio(
    engine: AsyncEngine, home: Path, table: type[Recording] | type[Message], audio: Sequence[Audio], now: datetime
) -> int:
    """Delete files of audio, then note it in their rows; return their number."""
    await asyncio.to_thread(_delete, [home / one.file for one in audio if is_below(home, one.file)])
    await retention.mark_erased(engine, table, [one.id for one in audio], now)
    return len(audio)


def is_below(home: Path, file: str) -> bool:
    """Return whether a file that a row names is one of the line's recordings."""
    return re.fullmatch(r"(messages|recordings)/[A-Za-z0-9._-]+", file) is not None and (home / file).is_file()


def _delete(files: Sequence[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def _too_old(settings: Settings, kind: str, before: datetime) -> Iterator[Path]:
    """Yield files that nobody has written to since. A log that is written to is not one of them."""
    match kind:
        case "backups":
            paths = backup.files(settings.backups)
        case "journals":
            paths = list((settings.journal / REJECTED).glob("*"))
        case _:
            folders = (settings.log, settings.asterisk_log)
            paths = [path for folder in folders for path in folder.rglob("*") if _ROTATED.fullmatch(path.name)]
    for path in sorted(paths):
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < before.timestamp():
                yield path


def _rotate_records(settings: Settings, now: datetime) -> None:
    """Rename records of calls that nobody has renamed for a day, so that their time will be over as well."""
    for path in (settings.asterisk_log / name for name in _RECORDS):
        renamed = [other.stat().st_mtime for other in path.parent.glob(f"{path.name}[.-][0-9]*")]
        if now.timestamp() - max(renamed, default=0.0) > EVERY.total_seconds() - TESTS_EVERY_S:
            rotate(path, limit=0)


async def keep_expiring(settings: Settings, engine: AsyncEngine) -> None:
    """Delete old test calls each hour, and each day what the site says, until cancelled.

    `engine` is for `db.engine.long_work`.
    What cannot be deleted now is tried again an hour later. The site's file is read each time, so a change counts.
    """
    last: datetime | None = None
    while True:
        now = datetime.now(UTC)
        try:
            old = now - retention.TESTS_KEPT
            await erase_audio(engine, settings.home, Message, await retention.messages_of_tests(engine, old), now)
            await retention.delete_test_calls(engine, old)
            if last is None or now - last >= EVERY:
                for expired in await _expire_all(settings, engine, site.load(settings.site).retention, now, dry=False):
                    if expired.number:
                        log.info("deleted after its time", kind=expired.kind, number=expired.number)
                last = now
        except (DatabaseError, SQLAlchemyError, SiteError, OSError) as error:
            log.warning("the hourly work on the data failed and is tried again in an hour", error=str(error))
        await asyncio.sleep(TESTS_EVERY_S)
