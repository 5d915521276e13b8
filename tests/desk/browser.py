"""Fixtures: a line with its desk, and a real browser on its pages. Used by `pytest_plugins`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser_telephone import started
from conftest import LONE_OFFSET, short_folder
from desk_pages import DeskPages
from line import Line
from playwright.async_api import Browser, expect

from desk import bundle

PATIENCE_S = 30.0
"""How long a page may take to show something: beside other lines, a browser gets little of a processor."""

expect.set_options(timeout=1000 * PATIENCE_S)


@pytest.fixture(scope="session")
async def scripts() -> None:
    """Make the pages' scripts, unless they are those of the sources."""
    if not bundle.is_current():
        await asyncio.to_thread(bundle.bundle)


@pytest.fixture(scope="module")
async def desk_line(scripts: None) -> AsyncIterator[Line]:
    """A line whose site has the desk."""
    with short_folder("hatif-desk-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        site = line.site / "site.toml"
        site.write_text(site.read_text().replace("[desk]\nenabled = false", "[desk]\nenabled = true"))
        try:
            await line.up()
            await line.desk_answers()
            yield line
        finally:
            await line.down()


@pytest.fixture(scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory, scripts: None) -> AsyncIterator[Browser]:
    """A browser whose microphone hears a tone of MICROPHONE_HZ: one for all files, since starting one takes long."""
    async with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
async def desk_pages(desk_line: Line, browser: Browser) -> AsyncIterator[DeskPages]:
    pages = DeskPages(desk_line, browser)
    yield pages
    for context in pages.contexts:
        await context.close()
    desk_line.start_processes()  # a test that failed may have left one stopped
    await desk_line.desk_answers()
