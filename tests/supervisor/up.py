"""A supervisor in its own process: `up.py HOME [--full] [--uvloop] NAME ARGV_JSON …`; prints `ready` once all are."""

import asyncio
import json
import resource
import sys
from pathlib import Path

import structlog

from ivr.process.supervisor import ProcessSpec, Supervisor, SupervisorError


async def up(home: Path, specs: list[ProcessSpec]) -> None:
    supervisor = Supervisor(specs, home / "run", home / "log")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run(asyncio.Event()))
        waiting = group.create_task(supervisor.ready.wait())
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not running.done():
            sys.stdout.write("ready\n")
            sys.stdout.flush()


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    home, *rest = sys.argv[1:]
    if rest[0] == "--full":
        rest.pop(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if rest[0] == "--uvloop":
        import uvloop

        rest.pop(0)
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    else:
        runner = asyncio.Runner()
    specs = [
        ProcessSpec(name, tuple(json.loads(argv)), stop_timeout_s=2.0)
        for name, argv in zip(rest[::2], rest[1::2], strict=True)
    ]
    with runner:
        try:
            runner.run(up(Path(home), specs))
        except* SupervisorError as errors:
            sys.exit(str(errors.exceptions[0]))


if __name__ == "__main__":
    main()
