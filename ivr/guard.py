"""The guard: gives callers back to the dialplan when there is no controller. `hatif guard`, run by `hatif up`.

A new call that finds no controller goes on in the dialplan by itself. Whoever was with the controller when it went is
in silence, or soon will be, and nobody tells him or Asterisk: that is what the guard is for. It waits longer than a
restart takes, so that a controller that comes back finds everybody where he was.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import structlog

from ivr import credentials, probe, rung, settings, site
from ivr.ari import events, operations
from ivr.ari.events import Channel
from ivr.ari.operations import Request
from ivr.callbacks.channels import parse
from ivr.logs import configure
from ivr.process import processes
from ivr.talk.moves import MUSIC

log = structlog.get_logger()

PATIENCE_S = 5.0
"""For how long the controller may be away or not answer; a restart takes about one second."""

MUSIC_AFTER_S = 2.0
"""For how long somebody who has answered meanwhile may be in silence; a restart is mostly over before."""

START_S = 30.0
"""How long a controller may take to start; it takes about one second."""

_EVERY_S = 0.5
_ANSWER_S = 2.0


def deeds(channels: Iterable[Channel], bridges: Mapping[str, Iterable[str]]) -> list[tuple[Channel, Request]]:
    """What is to be done with the controller's channels while there is none. `bridges`: id to the channels inside.

    Two who talk with each other are left alone. A caller goes to the fallback; an operator's leg without a caller is
    hung up unless it still rings, which Asterisk ends by itself; so is a telephone that was never dialled. What a
    caller hears comes to its end first. Who has dialled a code hears that nobody answers.
    """
    together = {channel for inside in map(tuple, bridges.values()) if len(inside) > 1 for channel in inside}
    found = []
    for channel in channels:
        if channel.application != "Stasis" or channel.id in together:
            continue
        args = rung.arguments(channel)
        if rung.waits(channel, args):
            if channel.state == "Down":  # nobody may ever dial it
                found.append((channel, operations.HANG_UP(channel.id)))
            continue
        if args[:1] == ("call",):
            found.append((channel, back(channel)))
        elif args[:1] == (rung.CODE,):
            told = operations.CONTINUE(channel.id, context="hatif-code", extension="s", priority="without")
            found.append((channel, told))
        elif args[:1] in ((rung.LEG,), (probe.ENTRY,)):
            found.append((channel, operations.HANG_UP(channel.id)))
        elif args[:1] == (rung.CALLED,):
            # Whom we called: once he talked he is a caller like any other, before that he is let go.
            talked = parse(channel.variables.get("HATIF") or "") is None
            found.append((channel, back(channel) if talked else operations.HANG_UP(channel.id)))
    return found


def back(channel: Channel) -> Request:
    """To the dialplan, which can finish the call on its own."""
    return operations.CONTINUE(channel.id, context="hatif-fallback", extension="s", priority="1")


class Guard:
    def __init__(self, chosen: settings.Settings) -> None:
        self._settings = chosen
        self._secrets = credentials.load(chosen.home, ())
        self._ari = f"http://127.0.0.1:{8088 + chosen.offset}/ari/"
        self._began = time.time()
        self._acted = False
        self._heard: set[str] = set()  # channels that hear music by us
        self._given: set[str] = set()  # channels that are on their way to the dialplan

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_S)) as http:
            while True:
                await self._look(http)
                await asyncio.sleep(_EVERY_S)

    async def _look(self, http: aiohttp.ClientSession) -> None:
        away = time.time() - max(self._began, self._last_beat())
        if away < PATIENCE_S:
            if self._acted:
                log.info("The controller is back")
            self._acted = False
            self._given.clear()
            if away < MUSIC_AFTER_S:
                self._heard.clear()
            else:
                await self._soothe(http)
            return
        if not self._acted:
            log.error("There is no controller; its callers are given to the dialplan", away_s=round(away, 1))
        self._acted = True
        self._end_what_hangs()
        try:
            channels = [events.channel(each) for each in await self._ask(http, operations.CHANNELS())]
            bridges = {str(each["id"]): each["channels"] for each in await self._ask(http, operations.BRIDGES())}
            for channel, request in deeds(channels, bridges):
                if channel.id not in self._given:
                    self._given.add(channel.id)
                    await self._ask(http, request)
                    log.warning("A channel was taken from the controller", channel=channel.name, by=request.uri)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("Asterisk does not answer; it is tried again", error=repr(error))

    async def _soothe(self, http: aiohttp.ClientSession) -> None:
        """Music for those who have answered since the controller went: nothing in Asterisk plays it to them."""
        beat = self._last_beat()
        try:
            channels = [events.channel(each) for each in await self._ask(http, operations.CHANNELS())]
            bridges = await self._ask(http, operations.BRIDGES())
            together = [channel for each in bridges for channel in each["channels"]]
            for channel in rung.answered_alone(channels, together):
                # Once more: a controller that is back has ended what played, and would not end this.
                if channel not in self._heard and self._last_beat() == beat:
                    self._heard.add(channel)
                    await self._ask(http, operations.MUSIC(channel, mohClass=MUSIC))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("Asterisk does not answer; it is tried again", error=repr(error))

    def _last_beat(self) -> float:
        """When a controller last said that it serves calls, POSIX seconds."""
        try:
            return self._settings.heartbeat.stat().st_mtime
        except OSError:
            return 0.0

    async def _ask(self, http: aiohttp.ClientSession, request: Request) -> list[dict[str, Any]]:
        """What Asterisk answers to a request; nothing for one that came too late."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self._secrets.ari_user, self._secrets.ari_password)}
        where = self._ari + request.uri
        async with http.request(request.method, where, params=dict(request.query), headers=headers) as answer:
            found: list[dict[str, Any]] = await answer.json() if answer.status == 200 else []
            return found

    def _end_what_hangs(self) -> None:
        """A controller that lives and does not answer would take every new call into silence."""
        info = processes(self._settings.run).get("ivr")
        if info is None or not info.alive:
            return
        began = info.started.timestamp()
        # One that has never served anybody is starting, on a slow machine: ended, it would only begin anew.
        patience = PATIENCE_S if self._last_beat() > began else START_S
        if time.time() - began > patience:
            log.error("The controller does not answer; it is ended", pid=info.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)


def main() -> None:
    """Runs the guard until SIGTERM or Ctrl-C."""
    chosen = settings.read()
    configure(site.load(chosen.site).node)

    async def until_signal() -> None:
        work = asyncio.create_task(Guard(chosen).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    asyncio.run(until_signal())
