"""A desk for tests: a server of its own on loopback, with a database of its own, and browsers that keep cookies."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from argon2 import PasswordHasher, Type
from fastapi import FastAPI
from forked_programs import QuickStarts
from playwright.async_api import BrowserContext
from sessions_of import cookie, enter
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from background.address_limit import AddressLimit, listen
from db.enums import AccountRole
from desk import command
from desk.app import create_app
from desk.context import Desk
from desk.page import texts
from desk.page.door import OF_AN_ADDRESS
from desk.page.traffic import Traffic
from desk.people import accounts, links, passwords, tokens
from desk.people.accounts import Person
from desk.server import DeskServer, config_of
from desk.settings import DeskSettings

PASSWORD = "four quiet green lamps"

# As the real ones but for their cost, which would be most of the tests' time.
_QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
passwords._hasher = lambda: _QUICK  # type: ignore[assignment]


# No test's report and look at the roster loads its modules anew.
command.sys = QuickStarts()  # type: ignore[assignment,attr-defined]
texts.load = cache(texts.load)


@dataclass(frozen=True)
class Answer:
    """What a browser was answered; redirects are not followed."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def leads_to(self) -> str:
        return self.headers.get("Location", "")


@dataclass(frozen=True)
class Content:
    """What a browser was answered, as bytes."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Browser:
    """A browser: cookies, the origin of its pages, and the CSRF token of the last page."""

    def __init__(self, url: str, address: str | None = None) -> None:
        """Args:
        address: Of its machine, in 127.0.0.0/8; by default the desk's own.
        """
        self.url = url
        self.csrf = ""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(local_addr=(address, 0) if address is not None else None),
        )

    def has_session(self, cookie: str, token: str) -> None:
        """Sign in without the pages of the sign-in."""
        self._session.cookie_jar.update_cookies({cookie: token}, URL(self.url))
        self.csrf = tokens.csrf_of(token)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(
        self, path: str, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form of this desk's own page, with its token."""
        return await self.ask(
            "POST", path, {"csrf": self.csrf, **(data or {})}, {"Origin": self.url, **(headers or {})}
        )

    async def ask(
        self,
        method: str,
        path: str,
        data: Mapping[str, str] | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sending = self._session.request(method, self.url + path, data=data, headers=headers, allow_redirects=False)
        async with sending as answer:
            text = await answer.text()
        if found := re.search(r'name="csrf-token" content="([0-9a-f]*)"', text):
            self.csrf = found[1]
        return Answer(answer.status, text, answer.headers)

    async def send(self, path: str, document: object) -> Answer:
        """Send JSON as a script of the page does."""
        headers = {"Origin": self.url, "X-CSRF-Token": self.csrf}
        async with self._session.post(self.url + path, json=document, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def bytes(self, path: str, **headers: str) -> Content:
        async with self._session.get(self.url + path, headers=headers) as answer:
            return Content(answer.status, await answer.read(), answer.headers)

    async def stream(self, path: str) -> aiohttp.ClientResponse:
        """Open a stream; the answer's `content` has its lines."""
        return await self._session.get(self.url + path, timeout=aiohttp.ClientTimeout(total=None))

    async def close(self) -> None:
        await self._session.close()


class TestDesk:
    """A desk that serves. `moved`: how far its clock is ahead."""

    __test__ = False  # for pytest, which would collect it

    def __init__(self, app: FastAPI, url: str, journal: Path) -> None:
        self.app, self.url, self.journal = app, url, journal
        self.moved = timedelta()
        self.desk.now = lambda: datetime.now(UTC) + self.moved
        self._browsers: list[Browser] = []

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    @property
    def engine(self) -> AsyncEngine:
        return self.desk.engine

    def traces(self, act: str = "read_") -> list[dict[str, Any]]:
        """Return the audit's records of reading that are in the journal, oldest first."""
        lines = [line for file in sorted(self.journal.glob("*.jsonl")) for line in file.read_text().splitlines()[1:]]
        return [row for row in (json.loads(line)["row"] for line in lines) if row.get("act", "").startswith(act)]

    def says_why(self, account: str, *subjects: str, reason: str = "work") -> None:
        """Have a person said why they look at something; `search`, `case:…` and so on."""
        self.app.state.readings.give(account, subjects, reason, self.desk.now())

    def browser(self, address: str | None = None) -> Browser:
        self._browsers.append(Browser(self.url, address))
        return self._browsers[-1]

    async def account(self, account: str, role: AccountRole, operator: str | None = None) -> str:
        await accounts.add(self.engine, Person(account, f"Person {account}", role, operator), self.desk.now())
        return account

    async def operator(self, operator: str = "1002", *, supervisor: bool = False) -> Person:
        return await accounts.ensure_operator(self.engine, operator, "Safae Saffron", supervisor, self.desk.now())

    async def link(self, account: str) -> str:
        return f"/link/{await links.make_link(self.engine, account, self.desk.now())}"

    async def signed_in(self, account: str, language: str | None = None) -> Browser:
        """Return a browser that has signed in and knows the token of its pages; `language`: what the person chose."""
        if language is not None:
            await accounts.set_language(self.engine, account, language)
            self.app.state.sessions.forget()
        browser = self.browser()
        browser.has_session(*await cookie(self.engine, self.url, account, self.desk.now()))
        return browser

    async def enters(self, context: BrowserContext, account: str) -> None:
        """Sign a real browser in."""
        await enter(context, self.engine, self.url, account, self.desk.now())

    async def with_password(self, account: str) -> Browser:
        """Return a browser whose person has chosen PASSWORD."""
        browser = await self.signed_in(account)
        answer = await browser.post("/account/password", {"password": PASSWORD, "again": PASSWORD})
        assert answer.status == 303, answer.text
        return browser

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.close()


def settings_for(database_url: str, port: int, control_port: int = 1, control_token: str = "none") -> DeskSettings:
    return DeskSettings(
        timezone="Africa/Casablanca",
        languages=("ar", "fr", "es", "it", "nl", "de", "en"),
        database_url=database_url,
        control_port=control_port,
        control_token=control_token,
        port=port,
        factor_key="of the tests",
    )


@asynccontextmanager
async def serving(
    database_url: str,
    control_port: int = 1,
    control_token: str = "none",
    traffic: Traffic | None = None,
    address: str | None = None,
) -> AsyncIterator[TestDesk]:
    """Serve a desk while the block runs. By default there is no controller behind it, and no proxy before it."""
    listening = listen("127.0.0.1", 0, AddressLimit(OF_AN_ADDRESS))
    port = listening.getsockname()[1]
    folder = TemporaryDirectory(prefix="hatif-traces-")

    chosen = settings_for(database_url, port, control_port, control_token)
    references = Path(folder.name) / "case_references"
    chosen = replace(chosen, journal=Path(folder.name), node="n", address=address, case_references=references)
    app = create_app(chosen, traffic)
    server = DeskServer(config_of(app, chosen), app)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    desk = TestDesk(app, f"http://127.0.0.1:{port}", Path(folder.name))
    try:
        yield desk
    finally:
        await desk.close()
        server.should_exit = True
        await running
        folder.cleanup()
