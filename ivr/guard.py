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

from ivr import credentials, half_calls, messages_left, probe, rung, settings, site
from ivr.ami import Ami
from ivr.ari import events, operations
from ivr.ari.events import Channel
from ivr.ari.operations import Request
from ivr.asterisk_watch import AsteriskWatch
from ivr.beats import Lateness, beaten
from ivr.callbacks.channels import parse
from ivr.logs import configure
from ivr.process import ProcessInfo, processes
from ivr.site import Site
from ivr.site_addresses import reachable
from ivr.state import CallState, StateError, decode
from ivr.talk.moves import MUSIC
from ivr.work import again

log = structlog.get_logger()

PATIENCE_S = 5.0
"""For how long the controller may be away or not answer; a restart takes about one second."""

MUSIC_AFTER_S = 2.0
"""For how long somebody who has answered meanwhile may be in silence; a restart is mostly over before."""

START_S = 30.0
"""How long a controller may take to start; it takes about one second."""

_EVERY_S = 0.5
_ASTERISK_EVERY_S = 2.0
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
    def __init__(self, chosen: settings.Settings, loaded: Site) -> None:
        self._settings, self._site = chosen, loaded
        self._sip = (reachable(loaded.sip_bind), 5060 + chosen.offset)
        self._secrets = credentials.load(chosen.home, ())
        self._ari = f"http://127.0.0.1:{8088 + chosen.offset}/ari/"
        self._serves, self._lives = Lateness(), Lateness()  # of the controller
        self._asterisk = AsteriskWatch(
            Ami(
                "127.0.0.1",
                5038 + chosen.offset,
                self._secrets.ami_user,
                self._secrets.ami_password,
                answer_s=_ANSWER_S,
            ),
            self._sip,
            chosen.asterisk_patience_s,
        )
        self._first_seen: tuple[int, float] | None = None  # a controller's pid, and when in the guard's running time
        self._answers = True  # whether Asterisk does
        self._acted = False
        self._heard: set[str] = set()  # channels that hear music by us
        self._given: set[str] = set()  # channels that are on their way to the dialplan

    async def run(self) -> None:
        """Until cancelled."""
        limit = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as http,  # no proxy on loopback
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._watch_asterisk(http))
            tasks.create_task(again("half calls", self._watch_half_calls))
            while True:
                await self._look(http)
                await asyncio.sleep(_EVERY_S)

    async def _watch_asterisk(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self._ask(http, operations.PING())
                answers = True
            except (aiohttp.ClientError, TimeoutError, ValueError):
                answers = False
            self._answers = await self._asterisk.look(answers, processes(self._settings.run))
            await asyncio.sleep(_ASTERISK_EVERY_S)

    async def _watch_half_calls(self) -> None:
        """Here and not in the controller: it holds without one, and in a burst that keeps the controller busy."""
        port, controller = 5039 + self._settings.offset, self._settings.sip_copies
        await half_calls.watch(self._sip, port, self._site.calls_by_source, controller)

    async def _look(self, http: aiohttp.ClientSession) -> None:
        now = time.monotonic()
        away = self._serves.look(beaten(self._settings.serves), now)
        hung = self._lives.look(beaten(self._settings.lives), now)
        if away < PATIENCE_S:
            if self._acted:
                log.info("The controller is back")
            self._acted = False
            self._first_seen = None
            self._given.clear()
            if away < MUSIC_AFTER_S:
                self._heard.clear()
            else:
                await self._soothe(http)
            return
        if await self._give_back(http) and self._answers:
            # Without Asterisk a controller cannot serve anybody, and is not at fault.
            self._end_what_hangs(processes(self._settings.run).get("ivr"), hung)

    async def _give_back(self, http: aiohttp.ClientSession) -> bool:
        """Gives the controller's callers to the dialplan; False if Asterisk's ARI does not answer."""
        try:
            channels = [events.channel(each) for each in await self._ask(http, operations.CHANNELS())]
            bridges = {str(each["id"]): each["channels"] for each in await self._ask(http, operations.BRIDGES())}
            if not self._acted:
                self._acted = True
                log.error("There is no controller; its callers are given to the dialplan", after_s=PATIENCE_S)
            for channel, request in deeds(channels, bridges):
                if channel.id not in self._given and not await self._is_recording(http, channel):
                    self._given.add(channel.id)
                    await self._ask(http, request)
                    log.warning("A channel was taken from the controller", channel=channel.name, by=request.uri)
        except (aiohttp.ClientError, TimeoutError):
            return False
        except (ValueError, KeyError, TypeError) as error:
            log.error("Asterisk's answer is not understood", error=repr(error))
        return True

    async def _is_recording(self, http: aiohttp.ClientSession, channel: Channel) -> bool:
        """Whether the caller is leaving a message: they hear silence anyway, and the recording has limits of its own.

        What is asked of the channel meanwhile waits for the end of the recording, and would then take the caller away
        from a controller that is back and has gone on with the call.
        """
        try:
            state = decode(channel.variables.get("HATIF") or "")
        except StateError:
            return False
        if not isinstance(state, CallState):
            return False
        for name in messages_left.names_of(self._settings.asterisk_recordings, state.id):
            if await self._ask(http, operations.LIVE_RECORDING(name)):
                return True
        return False

    async def _soothe(self, http: aiohttp.ClientSession) -> None:
        """Music for those who have answered since the controller went: nothing in Asterisk plays it to them."""
        beat = beaten(self._settings.serves)
        try:
            channels = [events.channel(each) for each in await self._ask(http, operations.CHANNELS())]
            bridges = await self._ask(http, operations.BRIDGES())
            together = [channel for each in bridges for channel in each["channels"]]
            for channel in rung.answered_alone(channels, together):
                # Once more: a controller that is back has ended what played, and would not end this.
                if channel not in self._heard and beaten(self._settings.serves) == beat:
                    self._heard.add(channel)
                    await self._ask(http, operations.MUSIC(channel, mohClass=MUSIC))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("Asterisk does not answer; it is tried again", error=repr(error))

    async def _ask(self, http: aiohttp.ClientSession, request: Request) -> list[dict[str, Any]]:
        """What Asterisk answers to a request; nothing for one that came too late."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self._secrets.ari_user, self._secrets.ari_password)}
        where = self._ari + request.uri
        async with http.request(request.method, where, params=dict(request.query), headers=headers) as answer:
            found: list[dict[str, Any]] = await answer.json() if answer.status == 200 else []
            return found

    def _end_what_hangs(self, info: ProcessInfo | None, hung: float) -> None:
        """A controller that lives and does not answer would take every new call into silence."""
        if info is None or not info.alive:
            return
        if self._first_seen is None or self._first_seen[0] != info.pid:
            self._first_seen = (info.pid, self._lives.running)
        # One that has never beaten is starting, on a slow machine; so is one that beats and does not serve yet, unless
        # that lasts too long. Ended, it would only begin anew.
        last = beaten(self._settings.lives)
        beats = last is not None and last > info.booted
        if (beats and hung >= PATIENCE_S) or self._lives.running - self._first_seen[1] > START_S:
            log.error("The controller does not answer; it is ended", pid=info.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)


def main() -> None:
    """Runs the guard until SIGTERM or Ctrl-C."""
    chosen = settings.read()
    loaded = site.load(chosen.site)
    configure(loaded.node, chosen.log)

    async def until_signal() -> None:
        work = asyncio.create_task(Guard(chosen, loaded).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    asyncio.run(until_signal())
