"""A task of a connection that fails ends neither the others nor the process."""

import asyncio

import pytest

from background import retrying
from ivr.asterisk.ari.link import LinkLost
from ivr.controller import work
from ivr.controller.work import Work


async def _fails(error: Exception) -> None:
    raise error


async def test_a_task_that_fails_ends_no_other_task() -> None:
    given_up: list[bool] = []
    went_on = asyncio.Event()

    async def other() -> None:
        await asyncio.sleep(0.01)
        went_on.set()

    async with asyncio.TaskGroup() as tasks:
        work_of_connection = Work(tasks, lambda: given_up.append(True))
        work_of_connection.start(other(), "another call")
        for error in (ValueError("a node"), TimeoutError(), LinkLost()):
            work_of_connection.start(_fails(error), "a call")
    assert went_on.is_set() and not given_up


async def test_a_connection_ends_when_its_vital_task_fails_and_the_process_goes_on() -> None:
    for error in (TimeoutError(), LinkLost(), ValueError("what is up cannot be read")):
        given_up: list[bool] = []
        async with asyncio.TaskGroup() as tasks:
            Work(tasks, lambda: given_up.append(True)).start(_fails(error), "reconciliation", vital=True)  # noqa: B023
        assert given_up == [True]


async def test_background_work_is_retried_after_a_failure_and_ends_with_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "RETRY_S", 0.0)
    left: list[Exception] = [ValueError("a roster"), TimeoutError(), LinkLost()]

    async def fails() -> None:
        raise left.pop(0)

    with pytest.raises(LinkLost):
        await work.retry("shifts", fails)
    assert left == []
