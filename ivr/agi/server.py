"""The FastAGI server. It listens on the loopback interface only, and cannot be held up: neither by a port scan that
connects and says nothing, nor by a call that ends, nor by many connections at once.

FastAGI has no password, and every user of the machine reaches the port: only the users whom Asterisk and the controller
run as, and root, are answered.
"""

import asyncio
import os
from collections.abc import Iterable

import structlog

from background import loopback_users
from ivr.agi.case_service import CaseService
from ivr.agi.log_service import LogService
from ivr.agi.request import MOST_BYTES, RequestError, commands, parse, value_of
from ivr.agi.services import Services
from ivr.controller.controller import Controller
from ivr.site.site import Site
from routing.states import Operator

log = structlog.get_logger()

_HEADER_S = 2.0
_ANSWER_S = 4.0  # `case` may wait for the database and for a check of a PIN
_REPLIES_S = 2.0
_MOST_CONNECTIONS = 500


async def serve(controller: Controller) -> None:
    """Serve until cancelled. Raises OSError if the port is taken."""

    def operators() -> Iterable[Operator]:
        connection = controller.connection
        floor = connection.floor if connection is not None else None
        return [known.for_others for known in floor.operators.values()] if floor is not None else ()

    def site() -> Site:
        return controller.site

    cases = CaseService(site, controller.case_lookup)
    calls = LogService(site, controller.operator_ids, controller.recorder)
    services = Services(site, controller.opening, operators, cases, calls)
    await run(services, controller.settings.agi_port, 8088 + controller.settings.offset)


async def run(services: Services, port: int, asterisk_port: int) -> None:
    """Serve these services at a port of the loopback interface, until cancelled.

    Args:
        asterisk_port: Of Asterisk's web server; the user who listens there is Asterisk's.

    Raises:
        OSError: The port is taken.
    """
    open_connections: set[asyncio.StreamWriter] = set()
    refused: set[int | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(open_connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        open_connections.add(writer)
        try:
            user, accepted = await asyncio.to_thread(_users, writer, asterisk_port)
            if user not in accepted:
                if user not in refused:
                    refused.add(user)
                    log.warning(
                        "A user of this machine who is not Asterisk's asked a FastAGI service, and got no answer",
                        user=user,
                        accepted=sorted(accepted),
                    )
                return
            await _converse(services, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, RequestError) as error:
            log.debug("A FastAGI connection was ended", error=f"{type(error).__name__}: {error}")
        finally:
            open_connections.discard(writer)
            if writer.transport.get_write_buffer_size():  # a peer that does not read
                writer.transport.abort()
            else:
                writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=MOST_BYTES, backlog=256)
    try:
        await asyncio.Event().wait()  # serve_forever would end only after connections that say nothing
    finally:
        server.close()
        for writer in list(open_connections):
            writer.transport.abort()


def _users(writer: asyncio.StreamWriter, asterisk_port: int) -> tuple[int | None, set[int]]:
    """Return the user at the other end of a connection, and those who are answered."""
    other, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return loopback_users.user_of(other, own), {0, os.geteuid(), *loopback_users.listeners(asterisk_port)}


async def _converse(services: Services, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request, then set one variable after the other: Asterisk reads no command before it has answered."""
    async with asyncio.timeout(_HEADER_S):
        header = await reader.readuntil(b"\n\n")

    async def variable(name: str) -> str:
        writer.write(f"GET VARIABLE {name}\n".encode("ascii"))
        return value_of(await reader.readuntil(b"\n"))

    async with asyncio.timeout(_ANSWER_S):
        variables = await services.answer(parse(header), variable)
    async with asyncio.timeout(_REPLIES_S):
        for line in commands(variables):
            writer.write(line)
            reply = await reader.readuntil(b"\n")
            if not reply.startswith(b"200"):  # HANGUP: the call has ended
                return
