"""Events of our own that must come back, in a controller that has no processor to look for them."""

import asyncio
import socket
import threading
import time
from typing import Any, cast

import pytest

from ivr.asterisk.ari import events
from ivr.asterisk.ari.link import Link
from ivr.asterisk.ari.operations import Request
from ivr.controller import hearing
from ivr.controller.hearing import Hearing


class Asterisk:
    """Stands for Asterisk: sends an event back over a socket once `after_s` has passed, if it does at all."""

    def __init__(self, after_s: float | None) -> None:
        self.after_s = after_s
        self.hearing = Hearing(cast(Link, self), "hatif")

    async def send(self, *requests: Request, **_: Any) -> None:
        (request,) = requests
        assert request.query == (("application", "hatif"),)
        near, far = socket.socketpair()
        loop = asyncio.get_running_loop()

        def arrived() -> None:
            loop.remove_reader(near)
            near.close()
            far.close()
            name = request.uri.removeprefix("events/user/")
            self.hearing.deliver(events.ChannelUserevent(f"{name}-of-somebody-else"))
            self.hearing.deliver(events.ChannelUserevent(name))

        if self.after_s is not None:
            loop.add_reader(near, arrived)
            threading.Timer(self.after_s, lambda: far.send(b"!")).start()
        else:
            near.close()
            far.close()


async def test_events_that_do_not_come_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LOST_S", 0.5)
    with pytest.raises(TimeoutError, match="its events do not come"):
        await Asterisk(None).hearing.check()


async def test_a_controller_without_a_processor_does_not_take_its_link_for_deaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing, "LOST_S", 0.5)
    checked = asyncio.create_task(Asterisk(0.2).hearing.check())
    await asyncio.sleep(0.05)
    time.sleep(1)  # noqa: ASYNC251  # the event has come meanwhile, and nobody has looked
    await checked
