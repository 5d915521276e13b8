"""The controller's process: `python -m ivr`. It imports as little as it can, since a start is also a recovery."""

import gc
import sys

# A start takes a sixth less of the processor without these two: a collector that finds nothing while modules are loaded
# (the controller enables it), and rich, which structlog would load for tracebacks in colour.
gc.disable()
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

import asyncio
import contextlib
import importlib
import signal
from functools import partial

import uvloop

from ivr.controller.controller import Controller
from ivr.controller.work import start_with_retry
from ivr.home import disk, pid_lock, settings
from ivr.home.logs import configure
from ivr.process.own_user import refuse_root
from wire.errors import UserError


async def serve_api(controller: Controller) -> None:
    """Serve the control API, and FastAGI.

    They are imported here, in a thread: that takes half of the start, and nobody on the telephone waits for them.
    """
    api = await asyncio.to_thread(importlib.import_module, "ivr.api.app")
    agi = await asyncio.to_thread(importlib.import_module, "ivr.agi.server")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(api.serve(controller))
        start_with_retry(tasks, "FastAGI", partial(agi.serve, controller))


def main() -> None:
    """Run the controller until SIGTERM or Ctrl-C; calls that are up stay up."""
    try:
        controller = Controller(settings.read(), serve_api)
        refuse_root(controller.site)
    except UserError as error:
        sys.exit(f"hatif: {error}")
    try:
        pid_lock.hold(controller.settings.run, "ivr")
        configure(controller.site.node, controller.settings.log, controller.settings.log_level)
    except OSError as error:
        if (said := disk.explain(error)) is None:
            raise
        sys.exit(f"hatif: {said}")

    async def until_signal() -> None:
        work = asyncio.create_task(controller.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


if __name__ == "__main__":
    main()
