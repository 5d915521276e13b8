"""`hatif journal`: the process that delivers the journal to the database, and deletes what is too old."""

import asyncio
import os
import signal
import time
from functools import partial
from pathlib import Path

import typer

from background.retrying import retry
from cli.composition import Composition
from db import delivery_state
from db.delivery import run
from db.engine import long_work, open_engine
from db.upgrade import upgrade
from ivr.data.expiry import keep_expiring
from ivr.home import heartbeat, pid_lock
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.process.own_user import refuse_root
from ivr.records.queue_log import QueueLog

DELIVERER_HANGS_S = 120.0
"""A deliverer that has not done anything for so long hangs: each of its waits ends sooner, and a slow group too."""


def register(app: typer.Typer) -> None:
    app.command()(journal)


def journal() -> None:
    """Deliver the journal to the database, in the foreground. `hatif up` runs it as well."""
    parts = Composition()
    refuse_root(parts.site)
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    # Calls take precedence over delivery.
    os.nice(19)
    pid_lock.hold(parts.settings.run, "journal")

    async def deliver() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        retention: asyncio.Task[None] | None = None
        manager = ServiceManager(lives=heartbeat.of_process(parts.settings.run, "journal"))
        alive = asyncio.create_task(keep_alive_while_delivering(parts.settings.journal, manager))
        async with open_engine(parts.database_url) as engine:

            async def prepare() -> None:
                nonlocal retention
                await upgrade(parts.database_url)
                if retention is None:
                    expiring = partial(keep_expiring, parts.settings, long_work(engine))
                    retention = asyncio.create_task(retry("retention", expiring))

            queue_log = None
            if parts.site.call_records.queue_log:
                queue_log = QueueLog(engine, parts.site.node, parts.settings.asterisk_log).write
            try:
                await run(parts.settings.journal, engine, stop, parts.site.node, prepare, queue_log)
            finally:
                alive.cancel()
                if retention is not None:
                    retention.cancel()
                    await asyncio.wait({retention})

    asyncio.run(deliver())


async def keep_alive_while_delivering(folder: Path, manager: ServiceManager, each_s: float = 1.0) -> None:
    """Tell whoever watches that the deliverer works; not that its event loop does, which may wait for ever."""
    lateness = heartbeat.Lateness()
    while True:
        if lateness.look(delivery_state.heartbeat(folder), time.monotonic()) < DELIVERER_HANGS_S:
            manager.alive()
        await asyncio.sleep(each_s)
