"""The passwords of browser telephones: each belongs to one sign-in, and comes and goes while Asterisk runs.

Asterisk keeps them in AstDB (`sorcery.conf`), so that they survive its restart and ours. The user name says until when
a password is valid and whose it is, so nothing else needs to be stored. A telephone whose password has expired stays
registered until it registers again, at most two minutes later; a call that is up goes on.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.protocol import Link
from ivr.model.endpoints import web_endpoint

log = structlog.get_logger()

_USER = re.compile(r"[a-z0-9-]+\.([0-9]{1,12})\.([A-Za-z0-9_-]{1,40})")
_LOCKED = "locked"
"""The user name of an endpoint that nobody may use; its password is random and nobody knows it. Without any password
Asterisk would answer 500 to each request, and log it."""

_LOOK_S = 60.0
"""A password ends at most this much late if the clock is put forward."""


@dataclass(frozen=True, slots=True)
class WebCredential:
    """A password of a browser telephone.

    Attributes:
        user: The user name that belongs to the password.
        holder: Whose it is: a mark of the sign-in that it was made for.
        expires: POSIX seconds.
    """

    user: str
    password: str
    holder: str
    expires: int


class WebCredentials:
    """The passwords of these telephones, through one connection to Asterisk. Operators' have their ids as names.

    Raises (all methods):
        LinkLost: The connection has ended.
        TimeoutError: Asterisk did not answer in time.
    """

    def __init__(
        self, link: Link, operators: Collection[str], endpoint_of: Callable[[str], str] = web_endpoint
    ) -> None:
        self._link, self._operators, self._endpoint_of = link, tuple(operators), endpoint_of
        self._expires: dict[str, int] = {}  # by operator
        self._changed = asyncio.Event()
        self.choosing = asyncio.Lock()
        """Held from a look at whose they are until one of them is given or revoked: another might choose the same."""

    async def read(self, operator: str) -> WebCredential | None:
        """Return an operator's password; None if they have none, or it has expired."""
        found = _credential(await self._fields(operator))
        return found if found is not None and found.expires > time.time() else None

    async def give(self, operator: str, holder: str, lasts_s: int) -> WebCredential:
        """Return a password for `holder`, who may have one already; then it is the same while most of it lasts.

        Args:
            holder: 1 to 40 letters, digits, `_` and `-`.
            lasts_s: Seconds for which a new password is valid.
        """
        now, before = time.time(), await self.read(operator)
        if before is not None and before.holder == holder and before.expires > now + lasts_s / 2:
            return before
        expires = int(now) + lasts_s
        user = f"{self._endpoint_of(operator)}.{expires}.{holder}"
        made = WebCredential(user, secrets.token_urlsafe(24), holder, expires)
        self._expires[operator] = expires  # before Asterisk knows: `run` must not take this password for a former one
        await self._set(operator, made.user, made.password)
        self._changed.set()
        return made

    async def revoke(self, operator: str) -> None:
        """Make an operator's password invalid. Idempotent."""
        self._expires.pop(operator, None)
        await self._set(operator, _LOCKED, secrets.token_urlsafe(24))

    async def lock(self, operators: Collection[str]) -> None:
        """Make passwords of new operators invalid: nobody uses their telephones before they are given one."""
        for operator in operators:
            if operator not in self._expires:
                await self.revoke(operator)

    async def run(self) -> None:
        """Make passwords invalid when they expire, until cancelled; at the start also those of new operators."""
        for operator in self._operators:  # one after the other: Asterisk answers in order, and calls come first
            fields = await self._fields(operator)
            found = _credential(fields)
            if found is not None:
                self._expires.setdefault(operator, found.expires)
            elif operator not in self._expires and fields.get("username") != _LOCKED:
                await self.revoke(operator)
        while True:
            self._changed.clear()
            left = min(self._expires.values(), default=None)
            left_s = min(_LOOK_S, max(0.0, left - time.time())) if left is not None else None
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                for operator in [name for name, until in self._expires.items() if until <= time.time()]:
                    log.info("The password of a browser telephone has expired", operator=operator)
                    await self.revoke(operator)

    async def _fields(self, operator: str) -> dict[str, str]:
        """Return the object with an operator's password; empty if there is none."""
        (answer,) = await self._link.ask(operations.OBJECT("res_pjsip", "auth", self._endpoint_of(operator)))
        rows = answer.body if answer.ok and isinstance(answer.body, list) else []
        return {str(row.get("attribute")): str(row.get("value")) for row in rows if isinstance(row, Mapping)}

    async def _set(self, operator: str, user: str, password: str) -> None:
        request = operations.set_object(
            "auth", self._endpoint_of(operator), auth_type="userpass", username=user, password=password
        )
        (answer,) = await self._link.ask(request)
        if not answer.ok:
            raise WebCredentialError(
                f"Asterisk refused the password of {self._endpoint_of(operator)} ({answer.status})"
            )


class WebCredentialError(Exception):
    """Asterisk did not accept a password."""


def _credential(fields: Mapping[str, str]) -> WebCredential | None:
    """Return the password in an object of Asterisk's configuration."""
    user, password = fields.get("username", ""), fields.get("password", "")
    parts = _USER.fullmatch(user)
    return WebCredential(user, password, parts[2], int(parts[1])) if parts is not None else None
