"""The connection to ARI when Asterisk misbehaves."""

import asyncio

import pytest
from aiohttp import web

from ivr.asterisk.ari import link, operations


async def test_a_connection_that_does_not_answer_is_ended_so_that_the_next_one_finds_the_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "REST_LIMIT_S", 0.05)

    async def silent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/ari/events", silent)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with link.Link(f"http://127.0.0.1:{runner.addresses[0][1]}", "u", "p", "hatif") as connection:
            reading = asyncio.create_task(connection.read(lambda _: None))
            with pytest.raises(TimeoutError):
                await connection.ask(operations.CHANNELS())
            async with asyncio.timeout(2):
                await reading
            with pytest.raises(link.LinkLost):
                await connection.ask(operations.CHANNELS())
    finally:
        await runner.cleanup()
