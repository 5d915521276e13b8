"""The guard believes copies of SIP messages from Asterisk only, although all users of the machine reach their port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from other_user import NOBODY, as_root, made_as
from test_half_open_calls import copy

from ivr.asterisk import sip_watch

MOST = 10
"""Calls of an address at once."""

OURS = "Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKPj1\r\n"
"""As Asterisk writes it."""

THEIRS = "Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1\r\n"


@dataclass(frozen=True)
class Watch:
    """A running watch. `sip` gets what it sends to Asterisk, `controller` the copies that it passes on."""

    copies_port: int
    asterisk_port: int
    sip: socket.socket
    controller: socket.socket

    def forge(self, sender: socket.socket) -> None:
        """Send copies of half-open calls whose answers are repeated, more than an address may have."""
        ids = [f"forged{index}" for index in range(MOST)]
        for call_id in ids:
            self.send(sender, "INVITE sip:2@127.0.0.1 SIP/2.0", call_id, out=False)
        for call_id in ids * 2:
            self.send(sender, "SIP/2.0 200 OK", call_id, out=True)

    def send(self, sender: socket.socket, first: str, call_id: str, *, out: bool) -> None:
        to = f"<sip:2@127.0.0.1>{';tag=ours' if out else ''}"
        port = self.sip.getsockname()[1]
        headers = f"From: <sip:1@127.0.0.2>;tag=theirs\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE"
        text = f"{first}\r\n{headers}\r\nContact: <sip:127.0.0.1:{port}>\r\n\r\n"
        sender.sendto(copy(text, call_id, out=out, sip=port), ("127.0.0.1", self.copies_port))

    async def passed_on(self, sender: socket.socket, call_id: str) -> bytes:
        """Send a copy until the controller gets it; return all that it has got by then."""
        got = b""
        async with asyncio.timeout(5):
            while call_id.encode() not in got:
                self.send(sender, "INVITE sip:2@127.0.0.1 SIP/2.0", call_id, out=False)
                await asyncio.sleep(0.01)
                with suppress(BlockingIOError):
                    while True:
                        got += self.controller.recv(65535)
        return got

    async def sent_to_asterisk(self) -> bytes:
        async with asyncio.timeout(5):
            return await asyncio.get_running_loop().sock_recv(self.sip, 65535)


@pytest_asyncio.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    with ExitStack() as open_sockets:
        sip, copies = (open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        web = open_sockets.enter_context(socket.socket())
        controller = open_sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        for bound in (sip, copies, web):
            bound.bind(("127.0.0.1", 0))
        controller.bind(str(tmp_path / "ivr.sip"))
        sip.setblocking(False)
        controller.setblocking(False)
        found = Watch(copies.getsockname()[1], web.getsockname()[1], sip, controller)
        copies.close()
        web.close()
        running = asyncio.create_task(
            sip_watch.watch(
                ("127.0.0.1", sip.getsockname()[1]),
                found.copies_port,
                found.asterisk_port,
                lambda _: MOST,
                tmp_path / "ivr.sip",
            )
        )
        yield found
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@as_root
async def test_another_user_of_the_machine_ends_no_call_unless_asterisk_runs_as_they_do(watch: Watch) -> None:
    """They could also have calls of a carrier refused, and silent callers counted as present."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        made_as(NOBODY, kind=socket.SOCK_DGRAM) as forger,
        made_as(NOBODY) as asterisk,
    ):
        await watch.passed_on(own, "start")
        watch.forge(forger)
        assert b"forged" not in await watch.passed_on(own, "after")
        with pytest.raises(BlockingIOError):
            watch.sip.recv(65535)
        asterisk.bind(("127.0.0.1", watch.asterisk_port))
        asterisk.listen()
        await watch.passed_on(forger, "of Asterisk's user")
        watch.forge(forger)
        assert (await watch.sent_to_asterisk()).startswith(b"BYE sip:127.0.0.1")


@as_root
async def test_nobody_sends_copies_from_a_port_that_they_share_with_root(watch: Watch) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shared,
        made_as(NOBODY, socket.AF_INET6, socket.SOCK_DGRAM) as forger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
    ):
        for either in (shared, forger):
            either.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.bind(("0.0.0.0", 0))
        forger.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        forger.bind(("::", shared.getsockname()[1]))
        forger.connect(("::ffff:127.0.0.1", watch.copies_port))
        for _ in range(3):
            forger.send(copy("INVITE sip:2@127.0.0.1 SIP/2.0\r\n\r\n", "forged", out=False))
        assert b"forged" not in await watch.passed_on(own, "after")


async def test_the_controller_gets_what_it_may_learn_from_and_not_the_rest_of_a_call(watch: Watch) -> None:
    call = ("SIP/2.0 100 Trying", "SIP/2.0 200 OK", "ACK sip:2@127.0.0.1 SIP/2.0")
    wanted = (
        ("INVITE sip:2@127.0.0.1 SIP/2.0", THEIRS, "INVITE"),  # which shows that copies come
        ("INVITE sip:1@127.0.0.2 SIP/2.0", OURS, "INVITE"),  # a session refresh
        ("SIP/2.0 488 Not Acceptable Here", OURS, "INVITE"),
        ("BYE sip:2@127.0.0.1 SIP/2.0", THEIRS, "BYE"),
        ("SIP/2.0 200 OK", THEIRS, "REGISTER"),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        await watch.passed_on(own, "start")
        rows = [*((first, THEIRS, "INVITE", "rest") for first in call), *((*row, "wanted") for row in wanted)]
        for number, (first, via, method, call_id) in enumerate(rows):
            text = f"{first}\r\n{via}CSeq: 1 {method}\r\n\r\n"
            own.sendto(copy(text, f"{call_id}{number};", out=False), ("127.0.0.1", watch.copies_port))
        got = await watch.passed_on(own, "after")
    assert b"rest" not in got
    assert all(f"wanted{number};".encode() in got for number in range(len(call), len(rows)))
