"""What goes on beside a whole run: telephones that are registered again and again, and sounds."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(*endless: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """These run until the end. One that has ended before, has failed: its error is raised there."""
    tasks = [asyncio.create_task(each) for each in endless]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
