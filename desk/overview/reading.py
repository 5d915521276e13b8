"""Documents of `hatif`, as pages that refresh themselves read them."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import structlog

from desk.command import run_hatif
from desk.context import Desk

log = structlog.get_logger()


class Command:
    """A command's JSON document, kept for a time. The command runs once at a time."""

    def __init__(self, *arguments: str, fresh: timedelta) -> None:
        self._arguments, self._fresh = arguments, fresh
        self._kept: tuple[datetime, Any] | None = None
        self._asking = asyncio.Lock()

    async def read(self, desk: Desk) -> Any:
        """Return its document; None if it has none, as without a site."""
        async with self._asking:
            if self._kept is None or not self._kept[0] <= desk.now() < self._kept[0] + self._fresh:
                found = None
                try:
                    answer = await run_hatif(desk.settings, *self._arguments, "--json")
                    found = json.loads(answer.output)
                except TimeoutError:
                    log.warning("hatif did not answer in time", arguments=self._arguments)
                except ValueError:
                    log.warning("hatif gave no document", arguments=self._arguments, said=answer.errors[-1000:])
                self._kept = (desk.now(), found)
            return self._kept[1]
