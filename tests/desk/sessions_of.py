"""Browsers that have signed in, for tests that are not about the sign-in: by a session, without its two pages."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from line import Line
from playwright.async_api import BrowserContext
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.enums import AccountRole
from desk.people import accounts
from desk.people.accounts import Person
from desk.people.sessions import Sessions


async def cookie(engine: AsyncEngine, url: str, account: str, now: datetime) -> tuple[str, str]:
    """Return the name and the value of the cookie of a new session at the desk with this address."""
    person = await accounts.find(engine, account)
    assert person is not None, f"there is no account {account}"
    parts = urlsplit(url)
    name = f"{'__Host-' if parts.scheme == 'https' else ''}hatif-{parts.port}"
    return name, await Sessions(engine).begin(person, now)


async def enter(context: BrowserContext, engine: AsyncEngine, url: str, account: str, now: datetime) -> None:
    """Sign a browser in."""
    name, value = await cookie(engine, url, account, now)
    await context.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Strict"}])


async def enter_line(
    context: BrowserContext,
    line: Line,
    account: str,
    name: str,
    *,
    role: AccountRole | None = None,
    supervisor: bool = False,
) -> str:
    """Sign a browser in at a line's desk; return its address. The account is made if there is none.

    Args:
        role: Of an account that is no operator's.
        supervisor: Whether the operator supervises.
    """
    url: str = line.json("status")["addresses"]["desk"]
    now = datetime.now(UTC)
    async with open_engine(line.database) as engine:
        if role is None:
            await accounts.ensure_operator(engine, account, name, supervisor, now)
        elif await accounts.find(engine, account) is None:
            await accounts.add(engine, Person(account, name, role, None), now)
        await enter(context, engine, url, account, now)
    return url
