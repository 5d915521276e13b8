"""A site with its opening hours, for tests: AstDB and journal are the test's own, and the time is an argument."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.journal import Journal
from db.references import ReferenceAllocator
from ivr.asterisk.ami import AmiError
from ivr.home.settings import CHECKOUT
from ivr.hours.opening import Opening
from ivr.model import clock
from ivr.records.recorder import Recorder
from ivr.site import site

clock.prepare()


@dataclass
class Db:
    """A test's AstDB, which can be unavailable."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    away: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def _asked(self) -> None:
        self.asked.set()
        if self.away:
            raise AmiError("away")

    async def db_put(self, family: str, key: str, value: str) -> None:
        self._asked()
        assert len(value.encode()) < 1_000
        self.kept[family, key] = value

    async def db_tree(self, family: str) -> dict[str, str]:
        self._asked()
        return {key: value for (of, key), value in self.kept.items() if of == family}

    async def db_delete(self, family: str, key: str) -> None:
        self._asked()
        self.kept.pop((family, key), None)

    def instant(self, key: str) -> datetime:
        return datetime.fromtimestamp(int(self.kept["hatif-hours", key]), UTC)


class House:
    """The example site with an `Opening`, its AstDB and its journal; `now` is fixed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.db, self._patch = folder, Db(), monkeypatch
        self.text = (CHECKOUT / "sites" / "consulate" / "site.toml").read_text(encoding="utf-8")
        self.journal = Journal(folder / "journal", "node1")
        self.at("2026-11-25T12:00")

    def at(self, now: str) -> None:
        instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self._patch.setattr(clock, "now", lambda: instant)

    def opening(self) -> Opening:
        """Return an `Opening` as after a restart."""
        (self.folder / "site.toml").write_text(self.text, encoding="utf-8")
        recorder = Recorder(self.journal, ReferenceAllocator(self.folder / "references", 1, 0))
        return Opening(site.load(self.folder), recorder, self.db)

    async def kept(self, opening: Opening) -> Opening:
        """Wait until AstDB is up to date: it answers at once, so everything is written after one round."""
        self.db.asked.clear()
        keeping = asyncio.create_task(opening.keep())
        async with asyncio.timeout(10):
            await self.db.asked.wait()
        keeping.cancel()
        return opening

    async def restarted(self) -> Opening:
        opening = self.opening()
        await opening.restore()
        return opening

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the written rows, with later values replacing earlier ones."""
        self.journal.flush()
        rows: dict[Any, dict[str, Any]] = {}
        for number, file in enumerate(sorted((self.folder / "journal").glob("*.jsonl"))):
            for line in file.read_text().splitlines()[1:]:
                record = json.loads(line)
                if record["table"] == table:
                    key = record["row"].get("id", (number, record["seq"]))
                    rows[key] = {**rows.get(key, {}), **record["row"]}
        return list(rows.values())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
