"""A line of which only the process runs that gives voice messages their texts."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import small_site
from db_helpers import until
from forked_programs import Process, start_hatif
from shell import Shell
from sqlalchemy import insert, select

from db.engine import open_engine, reading, writing
from db.ids import uuid7
from db.tables import Message
from ivr.model import clock
from prompts.say import say

SAID = "Good morning, I have lost my passport and my ticket."
WITHIN_S = 300


class MessageLine:
    """A line of which only the process that gives messages their texts runs."""

    def __init__(self, folder: Path) -> None:
        site = small_site.make(folder / "site")
        site.edit("site.toml", '[[number]]\nnumber = "+44', '[speech]\nmessages = true\n\n[[number]]\nnumber = "+44')
        self.shell = Shell(folder / "home", site.folder)
        self.shell.make_database()
        self.home, self.url = self.shell.home, f"sqlite:///{self.shell.home / 'hatif.db'}"
        (self.home / "messages").mkdir()

    def say(self, text: str = SAID) -> str:
        """Speak a message as Asterisk records one; return its file."""
        file = f"messages/{uuid7()}.wav"
        say(text, "en", self.home / file, narrow=True)
        return file

    async def leave(self, file: str, **columns: Any) -> UUID:
        identity = uuid7()
        row = {"id": identity, "node": "node1", "call_id": uuid7(), "file": file, "language": "en", "at": clock.now()}
        async with open_engine(self.url) as engine, writing(engine) as connection:
            await connection.execute(insert(Message).values(row | columns))
        return identity

    async def message(self, identity: UUID) -> Any:
        async with open_engine(self.url) as engine, reading(engine) as connection:
            return (await connection.execute(select(Message).where(Message.id == identity))).one()

    async def ended(self, identity: UUID) -> Any:
        """Return a message once nothing more is tried."""

        async def has_ended() -> bool:
            return (await self.message(identity)).text_ended is not None

        await until(has_ended, WITHIN_S)
        return await self.message(identity)

    @asynccontextmanager
    async def transcriber(self, **environment: str) -> AsyncIterator[Process]:
        own = {"HATIF_HOME": str(self.home), "HATIF_SITE": str(self.shell.site), "HATIF_PORT_OFFSET": "19000"}
        given = os.environ | {"HATIF_DATABASE": ""} | own | environment
        with (self.home / "transcriber.log").open("ab") as log:
            process = await asyncio.to_thread(start_hatif, ("speech", "messages"), given, log.fileno())
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 20) in (0, -signal.SIGTERM)  # the latter as it starts

    def status(self) -> tuple[bool, int, int, int]:
        """Return whether the process runs, and how many messages wait, have a text, and are left without."""
        shown = json.loads(self.shell.run("speech", "status", "--json").stdout)["messages"]
        return shown["running"], shown["waiting"], shown["written"], shown["without"]

    def workers(self, process: Process) -> list[psutil.Process]:
        """Return the recogniser's processes of a transcriber."""
        try:
            children = psutil.Process(process.pid).children()
            return [child for child in children if "speech.transcriber" in child.cmdline()]
        except psutil.Error:
            return []


async def condition(holds: Callable[[], Any]) -> None:
    async def ask() -> bool:
        return bool(holds())

    await until(ask, WITHIN_S)
