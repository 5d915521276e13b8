"""The rotation of Asterisk's logs once they exceed the size limit."""

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
    """Have Asterisk rotate its logs in `folder` when one exceeds the limit, and delete the oldest, until cancelled."""
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
    """Delete the oldest logs: Asterisk numbers them from 0 for the newest, and keeps all."""
    with suppress(OSError):
        for path in folder.iterdir():
            found = _ROTATED.fullmatch(path.name)
            if found is not None and int(found[1]) >= LOGS_KEPT:
                path.unlink(missing_ok=True)
