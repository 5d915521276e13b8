"""Passwords: what is accepted as one, and their hashes."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from desk.page.texts import N_

P = ParamSpec("P")
T = TypeVar("T")

SHORTEST, LONGEST = 12, 200

_JUDGED = 24
"""How much of a password is judged: no word of the list is longer, and the time grows fast (24: 25 ms, 48: 0.4 s)."""

_HARD_ENOUGH = 3
"""Of zxcvbn's scores: over 10^8 guesses."""

_AT_ONCE = 8
"""Checks that may wait; each takes some 70 ms of a core, and calls need the cores more."""


class BusyError(Exception):
    """Too many passwords are being checked at this moment."""


class Passwords:
    """Checks passwords one at a time, in a thread."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password. Raises BusyError."""
        return await self._in_turn(_hasher().hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Return whether `password_hash` is the hash of `password`; as slow without a hash. Raises BusyError."""
        return await self._in_turn(_matches, password, password_hash)

    async def refusal(self, password: str, account: str, name: str) -> str | None:
        """Return why a password is not accepted, as a text to be translated; None if it is. Raises BusyError."""
        return await self._in_turn(_refusal, password, account, name)

    async def _in_turn(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= _AT_ONCE:
            raise BusyError
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(function, *arguments, **named)
        finally:
            self._waiting -= 1


def _refusal(password: str, account: str, name: str) -> str | None:
    if len(password) < SHORTEST:
        return N_("Use at least 12 characters; a few words are easy to remember.")
    if len(password) > LONGEST:
        return N_("Use at most 200 characters.")
    plain = password.casefold()
    if len(set(plain)) < 4:
        return N_("Use more than three different characters.")
    if account.casefold() in plain or any(len(part) > 3 and part in plain for part in name.casefold().split()):
        return N_("Leave your own name and number out of it.")
    if _is_easy_to_guess(password, account, name):
        return N_("This password is easy to guess. Use a few words that do not belong together.")
    return None


def _is_easy_to_guess(password: str, account: str, name: str) -> bool:
    """Return whether a password is a common one, or made of such. Not for two at a time: zxcvbn keeps `user_inputs`."""
    from zxcvbn import zxcvbn  # its lists take 65 ms and 13 MB, which only a new password needs

    score: int = zxcvbn(password[:_JUDGED], user_inputs=[account, name, *name.split()])["score"]
    return score < _HARD_ENOUGH


@cache
def _hasher() -> PasswordHasher:
    """Return Argon2id (RFC 9106) with 32 MiB and three passes; OWASP asks for at least 19 MiB and two."""
    return PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


@cache
def _nobodys_hash() -> str:
    """Return a hash to compare with where there is none, so that the time does not tell which accounts exist."""
    return _hasher().hash("nobody's password")


def _matches(password: str, password_hash: str | None) -> bool:
    nobodys = _nobodys_hash()  # also where it is not needed: the first check makes it, whosever it is
    try:
        return _hasher().verify(password_hash or nobodys, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False
