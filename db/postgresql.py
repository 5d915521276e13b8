"""Connections to PostgreSQL that never wait for ever, whatever the server or the network to it does."""

import asyncio
import contextlib
import socket
from typing import Any

import asyncpg

_SILENT_S = 25
"""Seconds after which a connection counts as lost on which packets are not acknowledged; both sides find it out."""

_CANCEL_S = 1.0
"""How long the server has to say that it has given up a statement, in seconds."""

_ON_CONNECT = (
    "SET statement_timeout = {answer_ms}; SET idle_in_transaction_session_timeout = {idle_ms};"
    " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    f" SET tcp_user_timeout = {1000 * _SILENT_S}"
)
"""A transaction that its client has left, without the server knowing, must not keep its locks."""


class PostgreSQLDriver(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is cut if a statement on it is given up and the server does not say that it has given it up.

    asyncpg asks the server, on a second connection, to cancel the statement, and would wait for the answer as long as
    for a statement. A server or a network that is silent gives none.
    """

    __slots__ = ("_cancelled", "gave_up")

    def limit(self, seconds: float) -> None:
        """Give up a statement that has no answer for so long."""
        self.gave_up = False
        self._cancelled: asyncio.Future[None] | None = None
        self._config = self._config._replace(command_timeout=seconds)  # type: ignore[misc, has-type]  # asyncpg's

    def _cancel_current_command(self, waiter: "asyncio.Future[None]", cancelled: "asyncio.Future[None]") -> None:
        # asyncpg calls this for a statement that took too long, or whose task was cancelled.
        self.gave_up, self._cancelled = True, cancelled
        super()._cancel_current_command(waiter, cancelled)
        self._loop.call_later(_CANCEL_S, self._cut_unless, cancelled)

    def _cut_unless(self, cancelled: "asyncio.Future[None]") -> None:
        if not cancelled.done():
            self.terminate()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as asyncpg's
        """Say good-bye without waiting for an answer, other than that a statement was given up."""
        if self._cancelled is not None and not self._cancelled.done():
            with contextlib.suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await super().close(timeout=_CANCEL_S)
        self.terminate()
        await asyncio.sleep(0)  # the transport's last callback must run before its loop may be closed


async def connect(*arguments: Any, answer_s: float, connect_s: float, **named: Any) -> PostgreSQLDriver:
    """Return a new connection, whose server gives up statements after `answer_s`."""
    limits = {"timeout": connect_s, "command_timeout": connect_s, "connection_class": PostgreSQLDriver}
    driver: PostgreSQLDriver = await asyncpg.connect(*arguments, **{**named, **limits})
    try:
        driver.limit(connect_s)
        _watch(driver._transport.get_extra_info("socket"))  # noqa: SLF001 - asyncpg has no other way to it
        await driver.execute(_ON_CONNECT.format(answer_ms=round(1000 * answer_s), idle_ms=round(2000 * answer_s)))
    except BaseException:
        driver.terminate()
        raise
    return driver


def _watch(connection: socket.socket) -> None:
    """Have the kernel find out when the other side has gone, also while nothing is sent for a long time."""
    if connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 1000 * _SILENT_S),
    ):
        if hasattr(socket, option):  # Linux has all of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
