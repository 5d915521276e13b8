"""The second factor of accounts: codes of an application, by TOTP (RFC 6238). Functions raise DatabaseError if the
database is away.

The database has a seed only. The secret is computed from it and a key of HATIF_HOME (`secrets.json`), so that a copy of
the database gives nobody a code. What is offered is not stored before its first right code.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pyotp
import structlog
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import entry
from db.engine import insert_of, reading, writing
from db.enums import AccountChange, PassedBy
from db.second_person import tie
from db.tables import AccountFactor, DeskSession
from desk.people.accounts import COMMAND
from desk.people.notices import tell

log = structlog.get_logger()

STEPS = 1
"""Steps of 30 s by which a telephone's clock may be wrong."""


class Verdict(StrEnum):
    """What a code is."""

    RIGHT = "right"
    WRONG = "wrong"
    AGAIN = "again"
    """It was right, but it, or a later one, was used before (RFC 6238, 5.2)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person enters into their application. `url`: the same, for a QR code; `nonce`: with which to set it up."""

    nonce: str
    secret: str
    url: str


def offer(key: str, account: str, session: str, issuer: str, nonce: str | None = None) -> Offer:
    """Return a factor that a session may set up; with the nonce of an earlier one, the same.

    Args:
        session: The hash of its token: in no other session is this factor offered.
        issuer: How the application names the desk.
    """
    nonce = nonce or secrets.token_urlsafe(16)
    codes = _codes(key, account, _seed(session, nonce))
    return Offer(nonce, codes.secret, codes.provisioning_uri(name=account, issuer_name=issuer.replace(":", " ")))


async def has(engine: AsyncEngine, account: str) -> bool:
    """Return whether an account has a factor."""
    async with reading(engine) as connection:
        return (
            await connection.scalar(select(AccountFactor.seed).where(AccountFactor.account_id == account)) is not None
        )


async def holders(engine: AsyncEngine) -> frozenset[str]:
    """Return the accounts that have a factor."""
    async with reading(engine) as connection:
        return frozenset(await connection.scalars(select(AccountFactor.account_id)))


async def set_up(
    engine: AsyncEngine, key: str, account: str, session: str, nonce: str, code: str, now: datetime, source: str | None
) -> Verdict:
    """Take an offered factor into use with its first code, and sign out all other browsers of the account.

    Args:
        session: The hash of the token of the session, which has passed the factor then.
        source: The browser's address, if the sign-in ends with it; for the audit.

    Returns AGAIN if the account has a factor already.
    """
    seed = _seed(session, nonce)
    step = _step(key, account, seed, code, now)
    if step is None:
        return Verdict.WRONG
    row = {"account_id": account, "seed": seed, "created": now, "last_step": step}
    async with writing(engine) as connection:
        made = insert_of(engine.dialect.name)(AccountFactor).values(row).on_conflict_do_nothing()
        if not (await connection.execute(made)).rowcount:
            return Verdict.AGAIN
        await tell(connection, account, AccountChange.FACTOR, now, account)
        ended = await _sign_out(connection, account, but=session)
        await connection.execute(entry(now, account, "account_factor", f"account:{account}", sessions_ended=ended))
        await _pass(connection, account, session, now, "new factor", source)
    return Verdict.RIGHT


async def sign_in(
    engine: AsyncEngine, key: str, account: str, session: str, code: str, now: datetime, source: str
) -> Verdict:
    """Use a code up, and let a session pass with it.

    Args:
        session: The hash of its token.
        source: The browser's address, for the audit.
    """
    async with writing(engine) as connection:
        verdict = await _use_up(connection, key, account, code, now, source)
        if verdict is Verdict.RIGHT:
            await _pass(connection, account, session, now, "code", source)
    return verdict


async def remove_own(
    engine: AsyncEngine, key: str, account: str, session: str, code: str | None, now: datetime, source: str
) -> Verdict:
    """Remove a person's own factor with a code, and sign out all browsers but this one.

    Args:
        session: The hash of the token of the session that stays.
        code: None if the session needs none, since the server let it in.
        source: The browser's address, for the audit.
    """
    async with writing(engine) as connection:
        verdict = await _use_up(connection, key, account, code, now, source) if code is not None else Verdict.RIGHT
        if verdict is Verdict.RIGHT:
            await _remove(connection, account, now, account, but=session)
    return verdict


async def remove(
    engine: AsyncEngine, account: str, now: datetime, by: str | None = None, *, actor: str = COMMAND
) -> bool:
    """Remove the factor of somebody else, and sign them out; return whether they had one.

    Args:
        by: The administrator's account, to whom this ties theirs; None: the server's own command line.
        actor: The user of that command line, for the audit.
    """
    async with writing(engine) as connection:
        if not await _remove(connection, account, now, by, actor=actor):
            return False
        if by is not None:
            await tie(connection, account, by, now)
        return True


async def forget(connection: AsyncConnection, account: str, since: datetime, now: datetime, by: str | None) -> bool:
    """Remove a factor that was set up since a time, which another may hold; return whether there was one.

    Args:
        by: The account of whoever lets the person in anew; None: the server's own command line.
    """
    newer = (AccountFactor.account_id == account) & (AccountFactor.created >= since)
    forgotten = (await connection.execute(delete(AccountFactor).where(newer))).rowcount > 0
    if forgotten:
        await tell(connection, account, AccountChange.FACTOR_REMOVED, now, by)
    return forgotten


async def _remove(
    connection: AsyncConnection, account: str, now: datetime, by: str | None, *, actor: str = COMMAND, but: str = ""
) -> bool:
    gone = delete(AccountFactor).where(AccountFactor.account_id == account)
    if not (await connection.execute(gone)).rowcount:
        return False
    ended = await _sign_out(connection, account, but)
    await tell(connection, account, AccountChange.FACTOR_REMOVED, now, by)
    act = entry(now, by or actor, "account_factor_removed", f"account:{account}", sessions_ended=ended)
    await connection.execute(act)
    return True


async def _sign_out(connection: AsyncConnection, account: str, but: str) -> int:
    others = (DeskSession.account_id == account) & (DeskSession.token_hash != but)
    return (await connection.execute(delete(DeskSession).where(others))).rowcount


async def _pass(
    connection: AsyncConnection, account: str, session: str, now: datetime, way: str, source: str | None
) -> None:
    mine = (DeskSession.token_hash == session) & (DeskSession.account_id == account)
    await connection.execute(update(DeskSession).where(mine).values(factor=PassedBy.CODE.value))
    if source is not None:
        noted = {"way": way, "source": source}
        await connection.execute(entry(now, account, "account_signed_in", f"account:{account}", **noted))


async def _use_up(
    connection: AsyncConnection, key: str, account: str, code: str, now: datetime, source: str
) -> Verdict:
    """Check a code, of which each is good once, whoever else gives it at the same moment."""
    mine = AccountFactor.account_id == account
    seed = await connection.scalar(select(AccountFactor.seed).where(mine))
    step = _step(key, account, seed, code, now) if seed is not None else None
    if step is None:
        return Verdict.WRONG
    unused = update(AccountFactor).where(mine, AccountFactor.seed == seed, AccountFactor.last_step < step)
    if (await connection.execute(unused.values(last_step=step))).rowcount:
        return Verdict.RIGHT
    log.warning("a code of a second factor was given again", account=account, source=source)
    await tell(connection, account, AccountChange.CODE_AGAIN, now)
    again = entry(now, account, "account_code_again", f"account:{account}", source=source)
    await connection.execute(again)
    return Verdict.AGAIN


def _step(key: str, account: str, seed: str, code: str, now: datetime) -> int | None:
    """Return the step of time of a right code, in whichever digits it is written; None for a wrong one."""
    given = "".join(str(unicodedata.decimal(sign, sign)) for sign in code if not sign.isspace())
    try:
        return _codes(key, account, seed).verify_and_get_timecode(given, for_time=now, valid_window=STEPS)
    except OTPVerificationError:
        return None


def _codes(key: str, account: str, seed: str) -> pyotp.TOTP:
    assert key, "the installation has no factor_key"
    digest = hmac.new(key.encode(), "\0".join(("totp", account, seed)).encode(), hashlib.sha256).digest()
    return pyotp.TOTP(base64.b32encode(digest[:20]).decode())  # 160 bits, as RFC 4226 recommends


def _seed(session: str, nonce: str) -> str:
    return hashlib.sha256(f"{session} {nonce}".encode(errors="replace")).hexdigest()
