"""Work that fails is done again, and says so no more often than it helps."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from background.retrying import repeat, until_done


class Work:
    """Work with prepared results: an error is raised; None ends the test."""

    def __init__(self, *results: Exception | str) -> None:
        self._results: Iterator[Exception | str] = iter(results)
        self.over = asyncio.Event()

    async def __call__(self) -> str:
        result = next(self._results, None)
        if isinstance(result, Exception):
            raise result
        if result is None:
            self.over.set()
        return result or ""


async def test_what_others_wait_for_is_done_again_until_it_is_done() -> None:
    with capture_logs() as logs:
        work = Work(OSError("no link"), OSError("no link"), "found")
        assert await until_done(work, OSError, 0, "Not known yet") == "found"
    assert [(row["event"], row["error"]) for row in logs] == 2 * [("Not known yet", "no link")]
    with pytest.raises(ValueError, match="a mistake"):
        await until_done(Work(OSError("no link"), ValueError("a mistake"), "found"), OSError, 0, "Not known yet")


async def test_work_that_is_repeated_says_once_that_it_fails_and_again_when_it_fails_anew() -> None:
    work = Work(OSError("one"), OSError("two"), "done", OSError("three"), "done")

    async def look() -> None:
        await work()

    with capture_logs() as logs:
        task = asyncio.create_task(repeat(look, 0, (OSError,), "It waits"))
        await asyncio.wait_for(work.over.wait(), 10)
        task.cancel()
    assert [(row["event"], row["reason"]) for row in logs] == [("It waits", "one"), ("It waits", "three")]
    with pytest.raises(ValueError, match="a mistake"):
        await repeat(Work(ValueError("a mistake")), 0, (OSError,), "It waits")  # type: ignore[arg-type]
