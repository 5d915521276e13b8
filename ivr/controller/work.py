"""Work that belongs to one connection to Asterisk: a piece of it that fails ends neither the others nor the process."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from ivr.asterisk.ari.link import LinkLost

log = structlog.get_logger()


_AGAIN_S = 5.0


async def again(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do what calls can do without for a while, and again after a pause when it fails. Raises LinkLost."""
    while True:
        try:
            return await work()
        except LinkLost:
            raise
        except TimeoutError as error:
            log.error("A piece of work had no answer in time", work=name, error=str(error) or None, after_s=_AGAIN_S)
        except Exception:
            log.exception("A piece of work failed; it is done again", work=name, after_s=_AGAIN_S)
        await asyncio.sleep(_AGAIN_S)


class Work:
    """The tasks of a connection. `give_up` ends the connection: the next one reads what is up and begins anew."""

    def __init__(self, tasks: asyncio.TaskGroup, give_up: Callable[[], None]) -> None:
        self._tasks, self._give_up = tasks, give_up
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str, *, vital: bool = False) -> None:
        """Start a piece of work. `vital`: the connection is of no use without it."""
        task = self._tasks.create_task(self._contained(work, name, vital), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """Cancel all of it."""
        for task in self._running:
            task.cancel()

    async def _contained(self, work: Coroutine[None, None, None], name: str, vital: bool) -> None:
        try:
            await work
        except LinkLost:
            pass  # the connection ends anyway
        except TimeoutError as error:
            log.error("Asterisk did not answer in time", work=name, error=str(error) or None)
        except Exception:
            log.exception("A piece of work failed", work=name, vital=vital)
        else:
            return
        if vital:
            self._give_up()
