"""Requests of a test to a running line: by command, over the control API, to Asterisk itself, and to the database."""

import asyncio
import contextlib
import io
import json
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asterisk_console
import shared_audio
import warm_up
from shell import Answer, command

from asterisk_conf.install import find
from db import read, read_cases
from db.engine import async_engine, open_engine
from ivr.asterisk.ami import Ami
from ivr.controller import last_line
from ivr.home import credentials

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Bypasses the proxy of the shell in which the tests run."""

PATIENCE_S = 20.0
"""How long something is waited for at least. Beside other lines everything can be late; how soon it comes on a quiet
machine is not what these waits are about, and only a test that fails takes longer."""

HATIF = str(Path(sys.executable).with_name("hatif"))


def opened(request: urllib.request.Request) -> Any:
    """Return the answer to a request; of an error, it is read and its connection closed, whoever keeps the error.

    Raises ConnectionError and TimeoutError as they are, not as the reason of an URLError.
    """
    try:
        return DIRECT.open(request, timeout=5)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        raise urllib.error.HTTPError(error.url, error.code, error.msg, error.headers, io.BytesIO(body)) from None
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error from None


class Asked:
    """A running line. `home`: its HATIF_HOME; `database`: a URL; `environment`: of its processes."""

    home: Path
    offset: int
    database: str
    environment: dict[str, str]

    def run(self, *arguments: str) -> Answer:
        """Return a command's answer; runs in this process, which saves its start-up time."""
        if arguments[:2] in (("prompts", "build"), ("prompts", "import")):
            shared_audio.own(self.home / "sounds")
        return command(arguments, self.environment)

    def process(self, *arguments: str, cold: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own; `cold`: as an administrator's shell does, with all that it loads."""
        program = HATIF if cold else str(warm_up.sockets() / "bin" / "hatif")
        return subprocess.run([program, *arguments], env=self.environment, capture_output=True, text=True, timeout=60)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def status(self) -> dict[str, Any]:
        """Return the same as `hatif status`; over the control API itself, because tests call it often."""
        token = credentials.load(self.home, ()).control_token if (self.home / "secrets.json").exists() else ""
        request = urllib.request.Request(
            f"http://127.0.0.1:{8070 + self.offset}/v1/status", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with DIRECT.open(request, timeout=2) as answer:
                data: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return {**data, "serves": data["ari"] and data["ami"]}

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Return the control API's answer to a request for `path`, which is below /v1."""
        return self.control_as("tests", method, path, body)

    def control_as(self, actor: str, method: str, path: str, body: object = None) -> Any:
        """Return the control API's answer to a request of somebody."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{8070 + self.offset}/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {credentials.load(self.home, ()).control_token}",
                "Content-Type": "application/json",
                "Hatif-Actor": actor,
            },
        )
        with opened(request) as answer:
            return json.load(answer)

    def ari(self, method: str, path: str, **query: str) -> Any:
        """Return Asterisk's own answer, without the controller."""
        secrets = credentials.load(self.home, ())
        encoded = urllib.parse.urlencode({**query, "api_key": f"{secrets.ari_user}:{secrets.ari_password}"})
        request = urllib.request.Request(f"http://127.0.0.1:{8088 + self.offset}/ari{path}?{encoded}", method=method)
        with opened(request) as answer:
            found = json.loads(answer.read() or b"null")
        if (method, path) == ("GET", "/channels"):
            return [item for item in found if not item["name"].startswith(last_line.NAME)]
        return found

    def console(self, command: str) -> str:
        """Return what a command of Asterisk's own console prints."""
        installation = find(Path(self.environment["HATIF_INSTALL"]))
        assert installation is not None
        return asterisk_console.ask(installation.program, self.home / "asterisk" / "etc", command)

    async def until_astdb(self, family: str, key: str, begins: str = "") -> None:
        """Wait until Asterisk's own database has a value that begins with `begins`."""
        secrets = credentials.load(self.home, ())
        async with Ami("127.0.0.1", 5038 + self.offset, secrets.ami_user, secrets.ami_password) as ami:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                value = (await ami.db_tree(family)).get(key)
                if value is not None and value.startswith(begins):
                    return
                if time.monotonic() > deadline:
                    raise AssertionError(f"AstDB has {value!r} as {family}/{key}; expected: {begins}...")
                await asyncio.sleep(0.02)

    async def astdb(self, family: str) -> dict[str, str]:
        """Return a family of Asterisk's own database."""
        secrets = credentials.load(self.home, ())
        async with Ami("127.0.0.1", 5038 + self.offset, secrets.ami_user, secrets.ami_password) as ami:
            return await ami.db_tree(family)

    async def contacts(self, operator: str) -> list[str]:
        """Return the registrations of an operator's telephone in Asterisk's own database."""
        return [name for name in await self.astdb("registrar") if f"/{operator};" in f"/{name}"]

    @property
    def log(self) -> Path:
        """The path of the controller's log."""
        return self.home / "log" / "ivr.log"

    def logged(self, seen: int = 0) -> str:
        """Return the controller's log from the byte `seen` on."""
        return self.log.read_bytes()[seen:].decode()

    def operator_state(self, operator: str) -> str:
        state: str = self.control("GET", f"/operators/{operator}")["state"]
        return state

    def operator_reason(self, operator: str) -> str | None:
        """Return the reason for an operator's state: of a pause, or of being away."""
        reason: str | None = self.control("GET", f"/operators/{operator}")["reason"]
        return reason

    async def until(self, true: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait until something is true. AssertionError if it is not in `limit_s`, or `PATIENCE_S` if that is more."""
        limit_s = max(limit_s, PATIENCE_S)
        began = time.monotonic()
        while not await asyncio.to_thread(true):
            waited_s = time.monotonic() - began
            if waited_s > limit_s:
                raise AssertionError(f"not within {limit_s} s: {what}")
            # Each look is some milliseconds of the processor that a starting controller needs.
            await asyncio.sleep(0.05 if waited_s < 1 else 0.1)

    async def until_state(self, operator: str, state: str, limit_s: float = 8) -> None:
        await self.until(lambda: self.operator_state(operator) == state, limit_s, f"operator {operator} is {state}")

    async def story(
        self,
        caller: str,
        *,
        ended: bool = True,
        limit_s: float = 8,
        told: Callable[[dict[str, Any]], bool] = lambda story: True,
    ) -> dict[str, Any]:
        """Return the story of the last call of `caller`, as soon as the database has it (and its end) and it is
        `told`. AssertionError if it has not within `limit_s`, or `PATIENCE_S` if that is more."""
        engine = async_engine(self.database)
        deadline = time.monotonic() + max(limit_s, PATIENCE_S)
        story: dict[str, Any] | None = None
        try:
            async with contextlib.aclosing(self._changes()) as changes:
                async for _ in changes:
                    # Not an earlier one while the last has not ended.
                    last = next((call for call in await read.calls(engine, 50) if call.caller == caller), None)
                    if last is not None and (last.ended is not None or not ended):
                        story = asdict(await read.call(engine, last.id))
                        if told(story):
                            return story
                    if time.monotonic() > deadline:
                        break
        finally:
            await engine.dispose()
        kinds = [event["kind"] for event in story["events"]] if story is not None else None
        raise AssertionError(f"the database has no {'ended ' if ended else ''}call of {caller} as wanted: {kinds}")

    async def _changes(self) -> AsyncGenerator[None, None]:
        """Yield at once, then when the database may have changed, and once a second."""
        file = Path(self.database.removeprefix("sqlite:///"))
        if not await asyncio.to_thread(file.is_file):  # PostgreSQL, or not made yet
            while True:
                yield
                await asyncio.sleep(0.05)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            while True:
                # Of what other connections write. Far cheaper than reading the calls again.
                (seen,) = connection.execute("PRAGMA data_version").fetchone()
                yield
                waits_until = time.monotonic() + 1
                while connection.execute("PRAGMA data_version").fetchone() == (seen,):
                    if time.monotonic() > waits_until:
                        break
                    await asyncio.sleep(0.05)

    async def cases(self) -> list[dict[str, Any]]:
        async with open_engine(self.database) as engine:
            return [asdict(item) for item in await read_cases.cases(engine, 100)]
