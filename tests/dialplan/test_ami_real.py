"""The AMI connection against a real Asterisk, directly and through a proxy that can cut it."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asterisk_relay import Relay, paragraphs

from ivr.asterisk.ami import Ami, AmiDownError, AmiError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """A proxy between Ami and Asterisk; `cut` closes every connection, `sent` is what was sent to Asterisk.

    What Asterisk sends passes in pieces of `most` bytes.
    """

    def __init__(self, port: int, most: int = 65536) -> None:
        self._to, self._most = port, most
        self._writers: list[asyncio.StreamWriter] = []
        self.sent = b""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer, keep=True), self._pump(far_reader, writer, keep=False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536 if keep else self._most):
                if keep:
                    self.sent += data
                writer.write(data)
                await asyncio.sleep(0)
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers = []


@contextlib.asynccontextmanager
async def listening(handle: Handler) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def ami(asterisk: Any) -> AsyncIterator[Ami]:
    async with Ami("127.0.0.1", asterisk.ami_port, asterisk.ami_user, asterisk.ami_password) as connection:
        yield connection


async def test_a_wrong_password_is_reported(asterisk: Any) -> None:
    with pytest.raises(AmiError, match=f"refuses user '{asterisk.ami_user}'"):
        await Ami("127.0.0.1", asterisk.ami_port, asterisk.ami_user, "wrong").connect()


async def test_a_refused_connection_is_reported() -> None:
    with pytest.raises(AmiError, match="cannot be reached"):
        await Ami("127.0.0.1", 1, "a", "b").connect()


async def test_a_peer_that_disconnects_or_does_not_answer_is_reported() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(hang_up) as port:
        with pytest.raises(AmiError, match="hung up at once"):
            await Ami("127.0.0.1", port, "a", "b").connect()
    async with listening(say_nothing) as port:
        with pytest.raises(AmiError, match="did not answer in time"):
            await Ami("127.0.0.1", port, "a", "b", answer_s=0.2).connect()


async def test_astdb_keeps_values_in_any_language(ami: Ami) -> None:
    assert await ami.db_tree("hatif-test") == {}
    await ami.db_put("hatif-test", "a/b", "سلام: c")
    await ami.db_put("hatif-test", "empty", "")
    assert await ami.db_tree("hatif-test") == {"a/b": "سلام: c", "empty": ""}
    await ami.db_delete("hatif-test", "empty")
    await ami.db_delete("hatif-test", "empty")
    await ami.db_delete_tree("hatif-test")
    await ami.db_delete_tree("hatif-test")
    assert await ami.db_tree("hatif-test") == {}


async def test_a_value_cannot_inject_a_header(ami: Ami) -> None:
    with pytest.raises(AmiError, match="line break"):
        await ami.db_put("hatif-test", "a", "x\r\nAction: Originate")
    with pytest.raises(AmiError, match="2000 bytes"):
        await ami.db_put("hatif-test", "a", "x" * 2000)
    assert await ami.db_tree("hatif-test") == {}


async def test_asterisk_s_refusal_is_reported_in_its_own_words(ami: Ami) -> None:
    with pytest.raises(AmiError, match="refused Reload: No such module"):
        await ami.reload("no_such_module")


async def test_an_event_reaches_its_callback_and_a_failing_callback_does_not_break_the_connection(ami: Ami) -> None:
    got: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    ami.on("UserEvent", lambda _: 1 / 0)  # type: ignore[arg-type]
    ami.on("UserEvent", got.put_nowait)
    await ami.action("UserEvent", UserEvent="Test", Module="pbx_config")
    async with asyncio.timeout(2):
        while (event := await got.get())["UserEvent"] != "Test":
            pass  # one with which the connection finds out whether events come
    assert event["Module"] == "pbx_config"
    assert ami.connected


async def test_an_event_that_comes_in_pieces_is_read_whole(asterisk: Any) -> None:
    who = "Élise, مرحبا: x"
    proxy = Proxy(asterisk.ami_port, most=7)
    async with (
        listening(proxy.handle) as port,
        Ami("127.0.0.1", port, asterisk.ami_user, asterisk.ami_password) as ami,
    ):
        got = asyncio.get_running_loop().create_future()
        ami.on("userevent", lambda event: got.set_result(event) if event["UserEvent"] == "Test" else None)
        await ami.action("UserEvent", UserEvent="Test", Who=who)
        event = await asyncio.wait_for(got, 2)
        assert (event["Event"], event["Who"]) == ("UserEvent", who)
        await ami.db_put("hatif-test", "who", who)
        assert await ami.db_tree("hatif-test") == {"who": who}
        await ami.db_delete_tree("hatif-test")


async def test_an_event_that_nobody_reads_is_not_sent(ami: Ami) -> None:
    got: list[str] = []
    later = asyncio.Event()
    ami.on("Reload", lambda event: got.append(event["Module"]))
    ami.on("UserEvent", lambda event: later.set() if event["UserEvent"] == "Test" else None)
    await ami.reload("pbx_config")
    await ami.action("UserEvent", UserEvent="Test")
    async with asyncio.timeout(2):
        await later.wait()
    assert got == []


async def test_a_user_who_may_not_send_user_events_keeps_the_connection(asterisk: Any) -> None:
    def refused(message: bytes) -> bytes | None:
        if b"Event: UserEvent" in message:
            return None
        return re.sub(rb"Success(.*)Event Sent", rb"Error\1Permission denied", message, flags=re.DOTALL)

    with Relay(asterisk.ami_port, paragraphs) as relay, relay.changing(refused, later=True):
        async with asyncio.timeout(1.5), Ami("127.0.0.1", relay.port, asterisk.ami_user, asterisk.ami_password) as ami:
            assert ami.connected
            await ami.action("Ping")


async def test_a_cut_connection_is_back_within_a_second_and_nothing_is_sent_twice(asterisk: Any) -> None:
    proxy = Proxy(asterisk.ami_port)
    async with listening(proxy.handle) as port:
        ami = Ami("127.0.0.1", port, asterisk.ami_user, asterisk.ami_password)
        links: list[bool] = []
        ami.on_link(links.append)
        back = asyncio.Event()
        await ami.connect()
        ami.on_link(lambda up: back.set() if up else None)
        asked = asyncio.create_task(ami.db_put("hatif-test", "once", "1"))
        await asyncio.sleep(0)
        proxy.cut()
        with pytest.raises(AmiDownError, match="may be done or not"):
            await asked
        with pytest.raises(AmiDownError, match="was not sent"):
            await ami.action("Ping")
        proxy.sent = b""
        await asyncio.wait_for(back.wait(), 1)
        await ami.action("Ping")
        assert b"once" not in proxy.sent
        assert links == [True, False, True]
        proxy.cut()
        await asyncio.sleep(0.02)
        before = proxy.sent
        await ami.close()
        await asyncio.sleep(0.5)
        assert proxy.sent == before  # no login after close
        assert not ami.connected
        assert not any(task.get_name() == "ami" for task in asyncio.all_tasks())
