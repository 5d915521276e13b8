"""Work that is repeated after a pause whenever it fails: its failure is logged, and is never its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()

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
