"""Open pages: they follow their streams, and ask for the file of a caller as the page's own script does."""

import asyncio
import dataclasses
import json
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import psutil

from db.engine import open_engine
from desk.people import accounts
from desk.people.sessions import Sessions
from desk.people.signed_in import cookie_name
from desk.settings import DeskSettings

PAGE_LANGUAGES = ("fr", "ar", "en")
BEGIN_S = 3.0
"""All pages have their first fragments by then."""

SERVE = """
import json, sys
from desk.server import serve
from desk.settings import DeskSettings
serve(DeskSettings(**json.load(sys.stdin)))
"""
_CALL = re.compile(rb'<section id="call"[^>]* data-call="([^"]+)" data-case="(\d*)" data-phase="(\w+)"')
_FILE = b'id="c-title"'


class Pages:
    """Pages of operators.

    By call, for each page that shows it, the ns of CLOCK_REALTIME at which the page had the offer, knew of the answer,
    and had the form of the call's case.
    """

    def __init__(self, settings: DeskSettings) -> None:
        self.offers: dict[str, list[int]] = {}
        self.answers: dict[str, list[int]] = {}
        self.files: dict[str, list[int]] = {}
        self.bytes = 0
        self.faults: list[str] = []
        self._url = settings.url.replace("localhost", "127.0.0.1")
        self._cookie = cookie_name(settings)
        self._asking: set[asyncio.Task[None]] = set()
        timeout, connector = aiohttp.ClientTimeout(total=None), aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._session.close()

    async def until_up(self) -> None:
        """Wait until the desk answers. Raises TimeoutError."""
        async with asyncio.timeout(30):
            while True:
                try:
                    async with self._session.get(f"{self._url}/sign-in") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)

    async def follow(self, token: str) -> None:
        """Be the page of one browser, until cancelled."""
        headers = {"Cookie": f"{self._cookie}={token}", "HX-Request": "true"}
        rung, answered = "", ""
        async with self._session.get(f"{self._url}/live/operator", headers=headers) as stream:
            stream.raise_for_status()
            async for line in stream.content:
                self.bytes += len(line)
                found = _CALL.search(line)
                if found is None:
                    continue
                call, case, phase = (part.decode() for part in found.groups())
                if phase == "offered" and call != rung:
                    rung = call
                    self.offers.setdefault(call, []).append(time.time_ns())
                    self._start(self._get(f"/case/call/{call}/coming", headers))
                elif phase == "talking" and call != answered:
                    answered = call
                    self.answers.setdefault(call, []).append(time.time_ns())
                    path = f"/case/file/{case}?call={call}" if rung == call and case else f"/case/call/{call}"
                    self._start(self._get(path, headers, call))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _get(self, path: str, headers: Mapping[str, str], call: str | None = None) -> None:
        async with self._session.get(self._url + path, headers=headers) as answer:
            body = await answer.read()
        if answer.status != 200 or (call is not None and _FILE not in body):
            self.faults.append(f"{path}: {answer.status}")
        elif call is not None:
            self.files.setdefault(call, []).append(time.time_ns())


async def sign_in(url: str, ids: Sequence[str], pages: int) -> list[str]:
    """Return the tokens of as many sessions as there are pages."""
    now = datetime.now(UTC)
    async with open_engine(url) as engine:
        sessions, tokens = Sessions(engine), []
        for number in range(pages):
            identity = ids[number % len(ids)]
            person = await accounts.ensure_operator(engine, identity, f"Operator {identity}", False, now)
            await accounts.set_language(engine, identity, PAGE_LANGUAGES[number % 3])
            tokens.append(await sessions.begin(person, now))
    return tokens


@asynccontextmanager
async def desk_with_pages(settings: DeskSettings, tokens: Sequence[str]) -> AsyncIterator[tuple[Pages, psutil.Process]]:
    """Serve a desk in a process of its own and open its pages. A page whose stream ends is an error at the end."""
    given = json.dumps(dataclasses.asdict(settings), default=str).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    pages = Pages(settings)
    following: list[asyncio.Task[None]] = []
    try:
        await pages.until_up()
        following = [asyncio.create_task(pages.follow(token)) for token in tokens]
        await asyncio.sleep(BEGIN_S)
        yield pages, psutil.Process(process.pid)
        for task in following:
            if task.done():
                task.result()
                raise RuntimeError("the stream of a page has ended")
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await pages.close()
        process.terminate()
        await process.wait()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def late_ms(shown: Mapping[str, Sequence[int]], began: Mapping[str, int]) -> list[float]:
    """Return how long after its beginning each page showed each call. `began`: by call, in ns."""
    return [(at - began[call]) / 1e6 for call, found in shown.items() if call in began for at in found]
