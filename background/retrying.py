"""Work that is repeated after a pause whenever it fails: its failure is logged, and is never its end.

`retry` is for work that lasts, `until_done` for what others wait for, `repeat` for a look at what is new.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")

RETRY_S = 5.0


async def retry(name: str, work: Callable[[], Awaitable[None]], *, but: tuple[type[Exception], ...] = ()) -> None:
    """Do work that others can do without for a while, and repeat it after a pause whenever it fails.

    Raises what `but` names: errors that are for the caller.
    """
    while True:
        try:
            return await work()
        except but:
            raise
        except TimeoutError as error:
            log.error("Background work had no answer in time", work=name, error=str(error) or None, retry_s=RETRY_S)
        except Exception:
            log.exception("Background work failed; it will be retried", work=name, retry_s=RETRY_S)
        await asyncio.sleep(RETRY_S)


async def until_done(work: Callable[[], Awaitable[T]], despite: type[Exception], pause_s: float, failing: str) -> T:
    """Return what `work` returns; while it raises `despite`, log it as `failing`, and do it again after a pause."""
    while True:
        try:
            return await work()
        except despite as error:
            log.debug(failing, error=str(error))
        await asyncio.sleep(pause_s)


async def repeat(
    work: Callable[[], Awaitable[None]], every_s: float, despite: tuple[type[Exception], ...], failing: str
) -> None:
    """Do work again and again, with a pause after each time, until cancelled.

    Whenever it begins to raise `despite`, `failing` is logged with the reason, once.
    """
    is_failing = False
    while True:
        try:
            await work()
            is_failing = False
        except despite as error:
            if not is_failing:
                log.warning(failing, reason=str(error))
            is_failing = True
        await asyncio.sleep(every_s)


@asynccontextmanager
async def kept_up(works: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Do each work by its name, with `retry`, until the block ends; then cancel what is left."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(retry(name, work), name=name) for name, work in works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
