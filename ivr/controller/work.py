"""Background work: what a connection to Asterisk runs, and work that is repeated after a pause when it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

import structlog

from background import retrying
from ivr.asterisk.ari.link import LinkLost

log = structlog.get_logger()

retry = partial(retrying.retry, but=(LinkLost,))
"""Repeat work after a pause whenever it fails. Raises LinkLost: the connection to Asterisk has ended."""


def start_with_retry(tasks: asyncio.TaskGroup, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Start `work` as a task of this name that is retried whenever it fails."""
    tasks.create_task(retry(name, work), name=name)


class Work:
    """The tasks of one connection. A task that fails ends neither the others nor the process.

    `give_up` ends the connection; the next one reads what is up and resumes.
    """

    def __init__(self, tasks: asyncio.TaskGroup, give_up: Callable[[], None]) -> None:
        self._tasks, self._give_up = tasks, give_up
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str, *, vital: bool = False) -> None:
        """Start a task. `vital`: the connection is of no use if it fails."""
        task = self._tasks.create_task(self._contained(work, name, vital), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def start_with_retry(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Start a task that is retried whenever it fails, until the connection ends."""
        self.start(retry(name, work), name)

    def cancel(self) -> None:
        """Cancel all tasks."""
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
            log.exception("A task failed", work=name, vital=vital)
        else:
            return
        if vital:
            self._give_up()
