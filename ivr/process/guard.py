"""The guard: gives callers back to the dialplan when there is no controller. `hatif guard`, run by `hatif up`.

A new call that finds no controller goes on in the dialplan by itself. Callers who were with the controller when it went
away are in silence, or soon will be, and Asterisk does not notice: the guard does. It waits longer than a restart
takes, so that a controller that comes back finds all callers where they were.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import structlog

from ivr.asterisk import leg_dialing, sip_watch
from ivr.asterisk.ami import Ami
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request
from ivr.call.bridge_moves import MUSIC
from ivr.callbacks.channels import parse
from ivr.controller import probe_call
from ivr.controller.work import start_with_retry
from ivr.home import credentials, pid_lock, process_counts, settings
from ivr.home.heartbeat import Lateness, last_beat
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.model.call_state import CallState, StateError, decode
from ivr.process import asterisk_watch, ban_watch
from ivr.process.asterisk_watch import AsteriskWatch
from ivr.process.own_time import OwnTime
from ivr.process.own_user import refuse_root
from ivr.process.process import ProcessInfo, process_of
from ivr.records import voicemail
from ivr.site import site
from ivr.site.addresses import reachable
from ivr.site.site import Site

log = structlog.get_logger()

PATIENCE_S = 5.0
"""How long the controller may be away or not answer; a restart takes about one second."""

MUSIC_AFTER_S = 2.0
"""The time that a person who answers during a restart may hear silence; most restarts are shorter."""

START_S = 30.0
"""How long a controller may take to start; it takes about one second."""

_EVERY_S = 0.5
_ANSWER_S = 2.0


def rescue(channels: Iterable[Channel], bridges: Mapping[str, Iterable[str]]) -> list[tuple[Channel, Request]]:
    """Return what to do with the controller's channels while there is no controller.

    Two parties who talk are left alone. A caller goes to the fallback, after the end of what they are hearing. An
    operator's leg without a caller is hung up unless it still rings, which Asterisk ends by itself; so is a telephone
    that was never dialled. An operator who has dialled a feature code hears that nobody answers.

    Args:
        bridges: Id to the channels inside.
    """
    together = {channel for inside in map(tuple, bridges.values()) if len(inside) > 1 for channel in inside}
    found = []
    for channel in channels:
        if channel.application != "Stasis" or channel.id in together:
            continue
        args = leg_dialing.arguments(channel)
        if leg_dialing.waits(channel, args):
            if channel.state == "Down":  # nobody may ever dial it
                found.append((channel, operations.HANG_UP(channel.id)))
            continue
        if args[:1] == ("call",):
            found.append((channel, to_fallback(channel)))
        elif args[:1] == (leg_dialing.CODE,):
            nobody = operations.CONTINUE(channel.id, context="hatif-code", extension="s", priority="without")
            found.append((channel, nobody))
        elif args[:1] in ((leg_dialing.LEG,), (probe_call.ENTRY,), (leg_dialing.SCRIPT,)):
            found.append((channel, operations.HANG_UP(channel.id)))
        elif args[:1] == (leg_dialing.CALLED,):
            # A call that we made: one who has talked is a caller like any other; before that the call is hung up.
            talked = parse(channel.variables.get("HATIF") or "") is None
            found.append((channel, to_fallback(channel) if talked else operations.HANG_UP(channel.id)))
    return found


def to_fallback(channel: Channel) -> Request:
    """Return the request that gives a caller to the dialplan, which can finish the call on its own."""
    return operations.CONTINUE(channel.id, context="hatif-fallback", extension="s", priority="1")


class Guard:
    """The guard of one site."""

    def __init__(self, chosen: settings.Settings, loaded: Site) -> None:
        self._settings, self._site = chosen, loaded
        self._sip = (reachable(loaded.sip_bind), 5060 + chosen.offset)
        self._secrets = credentials.load(chosen.home, ())
        self._ari = f"http://127.0.0.1:{8088 + chosen.offset}/ari/"
        self._serves = Lateness()  # of the controller
        self._asterisk = AsteriskWatch(
            self._new_ami(),
            self._sip,
            chosen.asterisk_patience_s,
        )
        self._own: tuple[OwnTime, OwnTime] | None = None  # of the controller: without a sign of life, without serving
        self._answers = True  # whether Asterisk does
        self._acted = False
        self._soothed: set[str] = set()  # channels that hear music from the guard
        self._given: set[str] = set()  # channels that are on their way to the dialplan
        self._systemd = ServiceManager()
        self.counts: Counter[str] = Counter()  # for monitoring, since the start

    def _new_ami(self) -> Ami:
        port, secrets = 5038 + self._settings.offset, self._secrets
        return Ami("127.0.0.1", port, secrets.ami_user, secrets.ami_password, answer_s=_ANSWER_S)

    def figures(self) -> dict[str, float]:
        """Return the counts since the start, and how Asterisk is, for monitoring."""
        return {**self.counts, **self._asterisk.figures()}

    async def run(self) -> None:
        """Run until cancelled."""
        limit = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as http,  # no proxy on loopback
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._watch_asterisk(http))
            start_with_retry(tasks, "copies of SIP", self._watch_sip)
            start_with_retry(tasks, "wrong passwords", self._watch_passwords)
            while True:
                await self._look(http)
                self._systemd.alive()
                await asyncio.sleep(_EVERY_S)

    async def _watch_asterisk(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self._ask(http, operations.PING())
                answers = True
            except (aiohttp.ClientError, TimeoutError, ValueError):
                answers = False
            told = self._asterisk.alarm
            self._answers = await self._asterisk.look(answers, process_of(self._settings.run, "asterisk"))
            if self._asterisk.alarm != told:
                with contextlib.suppress(OSError):  # a full disk; they are also written every few seconds
                    process_counts.write(self._settings.run, "guard", self.figures())
            await asyncio.sleep(asterisk_watch.EVERY_S)

    async def _watch_sip(self) -> None:
        """Watch copies of SIP. It must work without a controller too, and while a burst of calls keeps that busy."""
        port, controller = 5039 + self._settings.offset, self._settings.sip_copies
        await sip_watch.watch(self._sip, port, self._site.calls_by_source, controller, self._half_open_ended)

    async def _watch_passwords(self) -> None:
        await ban_watch.BanWatch(self._settings.home, self._new_ami(), self._site, self.counts).run()

    def _half_open_ended(self) -> None:
        self.counts["half_open_ended"] += 1

    async def _look(self, http: aiohttp.ClientSession) -> None:
        now, served = time.monotonic(), last_beat(self._settings.serves)
        away = self._serves.look((served, self._answers), now)
        controller = process_of(self._settings.run, "ivr")
        if controller is not None and controller.alive:
            self._own_time(controller, now)
        if away < PATIENCE_S:
            if self._acted:
                log.info("The controller is back")
            self._acted = False
            self._given.clear()
            if away < MUSIC_AFTER_S:
                self._soothed.clear()
            else:
                await self._soothe(http)
            return
        if await self._give_back(http, served) and self._answers:
            # Without Asterisk a controller cannot serve anybody, and is not at fault.
            self._kill_hung(process_of(self._settings.run, "ivr"))

    async def _give_back(self, http: aiohttp.ClientSession, served: float | None) -> bool:
        """Give the controller's callers to the dialplan. Return False if Asterisk's ARI does not answer, or once there
        is a controller again: it goes on with the callers that are left. `served`: the last heartbeat."""
        try:
            channels = events.channels(await self._ask(http, operations.CHANNELS()))
            bridges = {str(row["id"]): row["channels"] for row in await self._ask(http, operations.BRIDGES())}
            if not self._acted:
                self._acted = True
                log.error("There is no controller; its callers go to the dialplan", after_s=PATIENCE_S)
            for channel, request in rescue(channels, bridges):
                self._systemd.alive()  # hundreds of callers take longer than its patience if Asterisk is slow
                if channel.id not in self._given and not await self._is_recording(http, channel):
                    if last_beat(self._settings.serves) != served:
                        return False
                    self._given.add(channel.id)
                    await self._ask(http, request)
                    self.counts["channels_taken"] += 1
                    log.warning("A channel was taken from the controller", channel=channel.name, by=request.uri)
        except (aiohttp.ClientError, TimeoutError):
            return False
        except (ValueError, KeyError, TypeError) as error:
            log.error("Asterisk's answer cannot be read", error=repr(error))
        return True

    async def _is_recording(self, http: aiohttp.ClientSession, channel: Channel) -> bool:
        """Return whether the caller is leaving a message: they expect silence, and the recording has its own limits.

        A request for the channel waits for the end of the recording, and would then take the caller away from a
        controller that is back and has gone on with the call.
        """
        try:
            state = decode(channel.variables.get("HATIF") or "")
        except StateError:
            return False
        if not isinstance(state, CallState):
            return False
        for name in voicemail.recording_names(self._settings.asterisk_recordings, state.id):
            if await self._ask(http, operations.LIVE_RECORDING(name)):
                return True
        return False

    async def _soothe(self, http: aiohttp.ClientSession) -> None:
        """Play music to those who have answered since the controller went away: otherwise they would hear nothing."""
        beat = last_beat(self._settings.serves)
        try:
            channels = events.channels(await self._ask(http, operations.CHANNELS()))
            bridges = await self._ask(http, operations.BRIDGES())
            together = [channel for bridge in bridges for channel in bridge["channels"]]
            for channel in leg_dialing.answered_alone(channels, together):
                # Checked again: a controller that is back has stopped all music, and would not stop this.
                if channel not in self._soothed and last_beat(self._settings.serves) == beat:
                    self._soothed.add(channel)
                    await self._ask(http, operations.MUSIC(channel, mohClass=MUSIC))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("Asterisk does not answer; retrying", error=repr(error))

    async def _ask(self, http: aiohttp.ClientSession, request: Request) -> list[dict[str, Any]]:
        """Return Asterisk's answer to a request; empty if what it is about has ended."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self._secrets.ari_user, self._secrets.ari_password)}
        where = self._ari + request.uri
        async with http.request(request.method, where, params=dict(request.query), headers=headers) as answer:
            found: list[dict[str, Any]] = await answer.json() if answer.status == 200 else []
            return found

    def _own_time(self, info: ProcessInfo, now: float) -> tuple[float, float]:
        """Return the seconds for which a controller has shown no sign of life, and has not served although Asterisk
        answers. In its own time: one that gets no processor is late, and to end it would only take more time."""
        if self._own is None or self._own[0].pid != info.pid:
            self._own = OwnTime(info.pid), OwnTime(info.pid)
        lives, serves = self._own
        served = last_beat(self._settings.serves)
        return lives.look(last_beat(self._settings.lives), now), serves.look((served, self._answers), now)

    def _kill_hung(self, info: ProcessInfo | None) -> None:
        """Kill a controller that is alive and does not answer: it would take every new call into silence."""
        if info is None or not info.alive:
            return
        # Measured now: while Asterisk was asked, the next controller may have taken the place of the one that is gone.
        hung_s, unserved_s = self._own_time(info, time.monotonic())
        # A controller without a heartbeat so far is starting, on a slow machine; so is one that does not serve yet,
        # unless that takes too long. If it were killed, it would only start again.
        last = last_beat(self._settings.lives)
        beats = last is not None and last > info.booted
        if (beats and hung_s >= PATIENCE_S) or unserved_s > START_S:
            log.error("The controller does not answer; it is killed", pid=info.pid)
            self.counts["controller_kills"] += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)


def main() -> None:
    """Run the guard until SIGTERM or Ctrl-C."""
    chosen = settings.read()
    loaded = site.load(chosen.site)
    refuse_root(loaded)
    configure(loaded.node, chosen.log, chosen.log_level)
    pid_lock.hold(chosen.run, "guard")

    async def until_signal() -> None:
        guarding = Guard(chosen, loaded)
        process_counts.keep_writing(chosen.run, "guard", guarding.figures)
        work = asyncio.create_task(guarding.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    asyncio.run(until_signal())
