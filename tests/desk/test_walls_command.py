"""`hatif walls`: links to the wallboard are made, listed without their secret, and withdrawn."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from shell import Shell

from db.engine import open_engine
from desk.board import walls
from desk.board.walls import Wall


def of(shell: Shell, url: str) -> Wall | None:
    """Return what a link shows."""

    async def find() -> Wall | None:
        async with open_engine(f"sqlite:///{shell.home / 'hatif.db'}") as engine:
            return await walls.find(engine, url.rpartition("/")[2], datetime.now(UTC))

    return asyncio.run(find())


def test_a_link_for_a_screen_is_made_listed_and_withdrawn(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.make_database()
    url = shell.run("walls", "add", "Hall", "--names", "--language", "ar").stdout.strip()
    assert url.startswith("http://localhost:27080/wall/")
    wall = of(shell, url)
    assert wall is not None and (wall.name, wall.names, wall.language) == ("Hall", True, "ar")
    listed = shell.run("walls", "--json").stdout
    (row,) = json.loads(listed)
    assert (row["id"], row["name"], row["names"]) == (str(wall.id), "Hall", True) and row["seen"] is not None
    assert url.rpartition("/")[2] not in listed
    refused = shell.run("walls", "add", "Hall", "--language", "xx")
    assert refused.returncode == 1 and "fr, ar, en" in refused.stderr
    for identity, status in (("4711", 1), (row["id"], 0), (row["id"], 1)):
        assert shell.run("walls", "withdraw", identity).returncode == status
    assert of(shell, url) is None and json.loads(shell.run("walls", "--json").stdout) == []
