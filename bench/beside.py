"""Tasks that run beside a whole measurement: repeated registrations of telephones, and audio."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(*endless: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run these tasks until the end. A task that ends earlier has failed: its error is raised there."""
    tasks = [asyncio.create_task(item) for item in endless]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
