"""The parts that every room of the desk needs: settings, database, control API, pages and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from desk.control import ControlClient
from desk.page.pages import Pages
from desk.settings import DeskSettings
from office.context import Office


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Desk:
    """The parts of one desk."""

    settings: DeskSettings
    engine: AsyncEngine
    control: ControlClient
    pages: Pages
    office: Office
    now: Callable[[], datetime] = _utc_now
    """An argument so that tests can let sessions end."""


def part(name: str) -> Any:
    """Return a dependency of routes: the part of the application with this name. `desk.app` makes the parts."""

    async def of(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(of)


DeskDep = Annotated[Desk, part("desk")]
