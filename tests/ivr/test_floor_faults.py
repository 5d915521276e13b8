"""A fault about one caller stays with that caller, and a floor that hangs or fails is renewed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from watched_floor import Watched, a_floor, ready, wait

from ivr.controller import floor_runner
from ivr.controller.floor_runner import FloorRunner
from ivr.model.floor_protocol import AskPosition, Begin, CallerSilence, Leave, Wait
from routing.match import Step


async def test_a_silent_caller_whose_steps_nobody_else_has_is_in_the_queue_and_in_the_outlook() -> None:
    async with a_floor(ready("1001", languages={"de": 5})) as line:
        steps = Step("fr", topic="documents", patience=60), Step("fr")
        await line.send(wait("silent", 20, *steps), wait("other", 10, Step("nl")), CallerSilence("silent", True))
        queue = await line.client.queue()
        assert [(row.call, row.topic, row.silent) for row in queue] == [
            ("other", None, False),
            ("silent", "documents", True),
        ]
        assert dict(await line.client.outlook(("fr", "de")))["de"] == 0
        await line.send(CallerSilence("silent", False))
        assert set(line.waiting) == {"silent", "other"}


BROKEN = Step("fr", level="high")  # type: ignore[arg-type]


@pytest.mark.parametrize("broken", [Wait("broken", (), 0.0), wait("broken", 30, BROKEN)], ids=["message", "decision"])
async def test_a_caller_whom_the_floor_cannot_handle_is_told_so_and_all_others_are_served(broken: Wait) -> None:
    async with a_floor(ready("1001"), ready("1002")) as line:
        await line.send(broken, wait("call", 10))
        assert line.dropped == ["broken"]
        assert (line.offered, line.waiting) == ([("call", "1001")], [])
        await line.send(wait("next", 5), AskPosition("broken"), Leave("broken"))
        assert line.offered == [("call", "1001"), ("next", "1002")]
        assert await line.client.queue() == ()


# The floor's task


@contextlib.asynccontextmanager
async def a_runner(watched: Watched, ended: list[bool]) -> AsyncIterator[FloorRunner]:
    runner = FloorRunner(watched.floor, lambda: ended.append(True), every_s=0.01)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_floor_that_hangs_is_seen_and_renewed_and_serves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_runner, "ANSWERS_S", 0.05)
    monkeypatch.setattr(floor_runner, "HANGS_S", 0.2)
    watched, ended, seen = Watched([ready()], 60), list[bool](), list[bool]()

    async def hangs(_: float) -> None:
        await asyncio.Event().wait()

    async with a_runner(watched, ended) as runner:
        await watched.until(lambda: watched.floor.turns > 2)
        assert runner.answers and runner.serves and not ended
        monkeypatch.setattr(watched.floor, "_explain", hangs)

        def renewed() -> bool:
            seen.append(runner.answers)
            return bool(ended)

        await watched.until(renewed)
        assert False in seen  # `hatif status` could see it
        monkeypatch.undo()
        watched.floor.tell(Begin(2, (ready(),), ()))
        watched.floor.tell(wait("call", 10))
        await watched.until(lambda: watched.offered == [("call", "1001")])
        assert runner.serves


async def test_a_floor_that_fails_again_and_again_does_not_claim_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, ended = Watched([ready()], 60), list[bool]()

    def fails() -> float:
        raise RuntimeError("poison")

    async with a_runner(watched, ended) as runner:
        monkeypatch.setattr(watched.floor, "_decide", fails)
        await watched.until(lambda: len(ended) == 2)
        assert runner.serves
        await watched.until(lambda: len(ended) == 3)
        assert not runner.serves
