"""A clock that is set back freezes nothing at the desk until it has come round again."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from desk_server import TestDesk, serving, settings_for

from desk.app import create_app
from desk.flow_pictures import FlowPictures
from desk.guide.book import Book
from desk.overview import reading
from desk.overview.reading import Command
from desk.people import accounts
from desk.people.sessions import Sessions
from desk.server import TICKS_A_SECOND, DeskServer, config_of

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def desk(url: str) -> AsyncIterator[TestDesk]:
    async with serving(url) as served:
        yield served


class Control:
    """Answers as the control API does, and counts what was asked."""

    def __init__(self) -> None:
        self.asked = Counter[str]()

    async def ask(self, method: str, path: str, actor: str) -> dict[str, Any]:
        self.asked[path] += 1
        return {"svg": "<svg/>", "procedures": []}


async def test_after_that_the_flow_and_the_guide_are_asked_for_again() -> None:
    control = Control()
    pictures, book = FlowPictures(cast(Any, control)), Book(cast(Any, control))
    for now in (NOW, NOW, NOW - HOUR, NOW - HOUR):
        await pictures.in_language("fr", now)
        await book.in_language("fr", now)
    assert control.asked == {"/flow/picture?language=fr": 2, "/guide?language=fr": 2}


async def test_after_that_the_health_of_the_line_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Counter[str]()

    async def run_hatif(settings: object, *arguments: str) -> SimpleNamespace:
        asked.update(arguments[:1])
        return SimpleNamespace(output="{}", errors="")

    monkeypatch.setattr(reading, "run_hatif", run_hatif)
    command = Command("status", fresh=timedelta(seconds=10))
    for now in (NOW, NOW, NOW - HOUR, NOW - HOUR):
        await command.read(cast(Any, SimpleNamespace(settings=None, now=lambda at=now: at)))
    assert asked == {"status": 2}


async def test_after_that_a_session_that_another_process_has_ended_is_over(desk: TestDesk) -> None:
    known, now = Sessions(desk.engine), desk.desk.now()
    person = await desk.operator("1002")
    token = await known.begin(person, now)
    assert await known.find(token, now) is not None
    await accounts.set_disabled(desk.engine, "1002", True, now - HOUR)
    assert await known.find(token, now - HOUR) is None


async def test_after_that_the_desk_goes_on_saying_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = Counter[str]()
    settings = settings_for("sqlite:///x", 8080)
    app = create_app(settings)
    server = DeskServer(config_of(app, settings), app, lambda: beats.update(["lives"]))
    for hour in (2, 1, 0):
        monkeypatch.setattr("uvicorn.server.time.time", lambda at=3600.0 * hour: at)
        assert not await server.on_tick(TICKS_A_SECOND)
    assert beats["lives"] == 3
