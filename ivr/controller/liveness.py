"""The signs of life of a controller: on disk for the guard, and to systemd."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from ivr.controller.connection_health import ConnectionHealth
from ivr.home import heartbeat
from ivr.home.service_manager import ServiceManager
from ivr.home.settings import HEARTBEAT_S

READY_S = 10.0
"""After this time the controller tells systemd that it is ready, even if Asterisk is away."""


class Liveness:
    """Tells that the controller's loop runs and whether calls are served.

    `lives`, `serves`: the files of the two; `is_serving`: whether a connection to Asterisk takes calls.
    """

    def __init__(self, lives: Path, serves: Path, is_serving: Callable[[], bool]) -> None:
        self._lives, self._serves, self._is_serving = lives, serves, is_serving
        self.health = ConnectionHealth()

    async def run(self) -> None:
        """Write signs of life until cancelled."""
        systemd, began = ServiceManager(), time.monotonic()
        while True:
            heartbeat.beat(self._lives)
            is_serving = self._is_serving()
            if is_serving:
                self.note_serving()
            # Asterisk may be away for long, which is no fault of this process.
            if is_serving or time.monotonic() - began > READY_S:
                systemd.alive("Serves calls" if is_serving else "Waits for Asterisk")
            await asyncio.sleep(HEARTBEAT_S)

    def note_serving(self) -> None:
        """Write that calls are served, unless connections keep failing: then the guard gives callers back."""
        if self.health.serves:
            heartbeat.beat(self._serves)
