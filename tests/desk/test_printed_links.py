"""What a start prints of the desk: links in a terminal, and in a file how to get them, since no log may have one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cli import sign_in_links
from db.engine import open_engine
from desk.people import accounts

pytest_plugins = ["db_fixtures"]


async def test_a_start_into_a_file_says_how_to_sign_in_and_how_to_call_the_line_from_a_browser(
    sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_links, "settings_of", lambda _: SimpleNamespace(url="http://localhost:8080"))
    desk = SimpleNamespace(enabled=True, has_try=True)
    parts: Any = SimpleNamespace(
        site=SimpleNamespace(desk=desk), operators=[SimpleNamespace(id="1001")], database_url=sqlite_url
    )
    ready = asyncio.Event()
    ready.set()
    await sign_in_links.announce(parts, ready)
    printed = capsys.readouterr().out
    assert "`hatif operators login 1001`" in printed
    assert "`hatif accounts login visitor`" in printed
    assert "/link/" not in printed
    async with open_engine(sqlite_url) as engine:
        visitor = await accounts.find(engine, "visitor")
    assert visitor is not None and visitor.may_sign_in  # the command finds them
