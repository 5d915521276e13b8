"""Asterisk's logs, put aside once they are over the limit."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import structlog

from ivr.asterisk.ami import Ami, AmiError
from ivr.home.log_files import LOG_LIMIT, LOGS_KEPT

log = structlog.get_logger()

EVERY_S = 5.0
_ROTATED = re.compile(r".+\.log\.(\d+)")


async def limit_asterisk(ami: Ami, folder: Path) -> None:
    """Have Asterisk put its logs in `folder` aside when one is over the limit; delete the oldest. Until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        if not _over_limit(folder):
            continue
        try:
            await ami.action("LoggerRotate")
        except AmiError as error:
            log.error("Asterisk's logs could not be rotated", error=str(error))
            continue
        _prune(folder)


def _over_limit(folder: Path) -> bool:
    with suppress(OSError):
        return any(path.stat().st_size > LOG_LIMIT for path in folder.glob("*.log"))
    return False


def _prune(folder: Path) -> None:
    """Asterisk counts from 0 for the newest and keeps all of them."""
    with suppress(OSError):
        for path in folder.iterdir():
            found = _ROTATED.fullmatch(path.name)
            if found is not None and int(found[1]) >= LOGS_KEPT:
                path.unlink(missing_ok=True)
