"""The guard: gives callers back to the dialplan when there is no controller. `hatif guard`, run by `hatif up`.

A new call that finds no controller goes on in the dialplan by itself. Callers who were with the controller when it went
away are in silence, or soon will be, and Asterisk does not notice: the guard does. They hear music, and it waits longer
than a restart takes, so that a controller that comes back finds all callers where they were. Whoever has an operator
keeps them.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import structlog

from ivr.asterisk import leg_dialing, sip_watch
from ivr.asterisk.ami import Ami
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.channel_list import channel_rows
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import RefusedError, Response
from ivr.asterisk.ari.operations import Request
from ivr.call.bridge_moves import MUSIC
from ivr.callbacks.channels import parse
from ivr.controller import probe_call
from ivr.controller.work import start_with_retry
from ivr.home import credentials, heartbeat, pid_lock, process_counts, settings
from ivr.home.heartbeat import Lateness, last_beat
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.model.call_state import CallState, StateError, decode
from ivr.process import asterisk_watch, ban_watch
from ivr.process.asterisk_watch import AsteriskWatch
from ivr.process.conversations import Conversation, find_conversations, is_apart, is_meant, join_again
from ivr.process.own_time import OwnTime
from ivr.process.own_user import refuse_root
from ivr.process.process import ProcessInfo, process_of
from ivr.process.readiness import WORKS, is_at_work, work_of
from ivr.records import voicemail
from ivr.site import site
from ivr.site.addresses import reachable
from ivr.site.site import Site

log = structlog.get_logger()

PATIENCE_S = 5.0
"""How long the controller may be away or not answer; a restart takes about one second."""

MUSIC_AFTER_S = 1.5
"""After this time everybody who is alone hears music, once their prompt has ended; most restarts are shorter."""

STOPPED_S = 2.5
"""How long a controller may be stopped (SIGSTOP). Longer than until its next heartbeat after a suspended machine's."""

START_S = 40.0
"""How long callers wait for a controller that is at work on its start; it takes about one second, and on a busy machine
has taken 35."""

JOIN_S = 60.0
"""After this time without a controller, callers on hold are joined with their operators again."""

_LONGEST_START_S = 300.0
"""A controller that is at work on its start for longer is killed."""

_IDLE_S = 2.0
"""A start has ended, one way or the other, if it does nothing for so long."""

_EVERY_S = 0.5
_ANSWER_S = 2.0


def rescue(
    channels: Iterable[Channel], bridges: Mapping[str, Iterable[str]], kept: Collection[str] = ()
) -> list[tuple[Channel, Request]]:
    """Return what to do with the controller's channels while there is no controller.

    Two parties who talk are left alone, and so are `kept`. A caller goes to the fallback, after the end of what they
    are hearing. An operator's leg without a caller is hung up unless it still rings, which Asterisk ends by itself; so
    is a telephone that was never dialled. An operator who has dialled a feature code hears that nobody answers.

    Args:
        bridges: Id to the channels inside.
    """
    together = {channel for inside in map(tuple, bridges.values()) if len(inside) > 1 for channel in inside}
    found = []
    for channel in channels:
        if channel.application != "Stasis" or channel.id in together or channel.id in kept:
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


def _is_new(channel: Channel) -> bool:
    """Return whether no controller has taken this caller yet."""
    return channel.state == "Ring" and not channel.variables.get("HATIF")


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
        self._absent: _Absent | None = None  # the controller that is there and does not serve
        self._answers = True  # whether Asterisk does
        self._acted = False
        self._soothed: set[str] = set()  # channels that hear music from the guard
        self._given: set[str] = set()  # channels that are on their way to the dialplan
        self._joined: set[str] = set()  # calls that were joined with their operators again
        self._own_beat = heartbeat.of_process(chosen.run, "guard")
        self._systemd = ServiceManager(lives=self._own_beat)
        self._can_see = True  # heartbeats can be written
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
        copies, web = 5039 + self._settings.offset, 8088 + self._settings.offset
        controller = self._settings.sip_copies
        await sip_watch.watch(self._sip, copies, web, self._site.calls_by_source, controller, self._half_open_ended)

    async def _watch_passwords(self) -> None:
        await ban_watch.BanWatch(self._settings.home, self._new_ami(), self._site, self.counts).run()

    def _half_open_ended(self) -> None:
        self.counts["half_open_ended"] += 1

    def _sees_heartbeats(self) -> bool:
        """Return whether heartbeats mean anything: nobody can write any into a folder that is read-only."""
        before = last_beat(self._own_beat)
        heartbeat.beat(self._own_beat)
        sees = last_beat(self._own_beat) != before
        if sees != self._can_see:
            self._can_see = sees
            found = (
                "can be written again" if sees else "cannot be written; Asterisk's last line stands in for the guard"
            )
            log.error(f"HATIF_HOME {found}", folder=str(self._own_beat.parent))
        return sees

    async def _look(self, http: aiohttp.ClientSession) -> None:
        if not self._sees_heartbeats():
            return
        served = last_beat(self._settings.serves)
        # An Asterisk that was silent for long answers again: the controller has not been away, and needs its time.
        away = self._serves.look((served, self._answers), time.monotonic())
        if away < MUSIC_AFTER_S:
            if self._acted:
                log.info("The controller is back")
            self._acted, self._absent = False, None
            for noted in (self._given, self._soothed, self._joined):
                noted.clear()
            return
        absent = self._look_at_controller(served)
        if absent is not None and absent.info.stopped and away >= STOPPED_S:
            self._kill(absent, "The controller is stopped (SIGSTOP); it is killed, and another one starts")
        starts = absent is not None and absent.starts(START_S)
        try:
            channels, bridges = await self._list(http)
            inside = {str(row["id"]): list(row["channels"]) for row in bridges}
            await self._soothe(http, leg_dialing.answered_alone(channels, chain(*inside.values())), served)
            if away >= PATIENCE_S and starts:
                # It will go on with the others; of these it knows nothing, and they hear nothing.
                await self._give_back(http, [channel for channel in channels if _is_new(channel)], {}, (), served)
            elif away >= PATIENCE_S:
                if not self._acted:
                    self._acted = True
                    log.error("There is no controller; its callers go to the dialplan", after_s=PATIENCE_S)
                talks = find_conversations(channels, inside)
                apart = [talk for talk in talks if is_apart(talk, inside) and (away >= JOIN_S or not is_meant(talk))]
                await self._join(http, apart, bridges, served)
                kept = {member for talk in talks for member in talk.channels}
                await self._give_back(http, channels, inside, kept, served)
            # Asterisk's last line would give away also those who wait for a controller that starts, or are on hold.
            await self._ask(http, operations.SET_GLOBAL(variable="HATIF_BEAT", value=str(time.monotonic_ns())))
        except (aiohttp.ClientError, TimeoutError):
            return  # without Asterisk a controller cannot serve anybody, and is not at fault
        except (ValueError, KeyError, TypeError, RefusedError) as error:
            log.error("Asterisk's answer cannot be read", error=repr(error))
        # Looked at again: while Asterisk was asked, the next controller may have taken the place of one that is gone.
        absent = self._look_at_controller(served)
        if away >= PATIENCE_S and self._answers and absent is not None and absent.hangs():
            self._kill(absent, "The controller does not answer; it is killed")

    def _look_at_controller(self, served: float | None) -> "_Absent | None":
        """Return what is known of the controller that does not serve; None if it does again, or there is no process."""
        info = process_of(self._settings.run, "ivr")
        if info is None or not info.alive or last_beat(self._settings.serves) != served:
            self._absent = None
            return None
        if self._absent is None or self._absent.info.pid != info.pid:
            has_served = served is not None and served > info.booted
            self._absent = _Absent(info, self._settings.lives, has_served, self._serves.running)
        self._absent.look(info, self._serves.running)
        return self._absent

    async def _soothe(self, http: aiohttp.ClientSession, channels: Iterable[str], served: float | None) -> None:
        """Play music to those who are alone: otherwise they would hear nothing, now or after their prompt.

        Asterisk begins once a prompt, or a recording, has ended.
        """
        for channel in channels:
            # Checked again: a controller that is back has stopped all music, and would not stop this.
            if channel not in self._soothed and last_beat(self._settings.serves) == served:
                self._systemd.alive()
                self._soothed.add(channel)
                await self._ask(http, operations.MUSIC(channel, mohClass=MUSIC))

    async def _join(
        self,
        http: aiohttp.ClientSession,
        talks: Iterable[Conversation],
        bridges: Sequence[Mapping[str, Any]],
        served: float | None,
    ) -> None:
        """Join callers with their operators again."""
        for talk in talks:
            if last_beat(self._settings.serves) != served:
                return
            if talk.state.id not in self._joined:
                self._joined.add(talk.state.id)
                self.counts["conversations_joined"] += 1
                log.warning("A caller is joined with their operator", channel=talk.caller.name, call=talk.state.id)
            for request in join_again(talk, bridges):
                self._systemd.alive()
                await self._ask(http, request)

    async def _give_back(
        self,
        http: aiohttp.ClientSession,
        channels: Iterable[Channel],
        bridges: Mapping[str, Iterable[str]],
        kept: Collection[str],
        served: float | None,
    ) -> None:
        """Give the controller's callers to the dialplan, until there is a controller: it goes on with those who are
        left. `served`: the last heartbeat."""
        for channel, request in rescue(channels, bridges, kept):
            self._systemd.alive()  # hundreds of callers take longer than its patience if Asterisk is slow
            if channel.id not in self._given and not await self._is_recording(http, channel):
                if last_beat(self._settings.serves) != served:
                    return
                self._given.add(channel.id)
                await self._ask(http, request)
                self.counts["channels_taken"] += 1
                log.warning("A channel was taken from the controller", channel=channel.name, by=request.uri)

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
            (live,) = await self._ask(http, operations.LIVE_RECORDING(name))
            if live.ok:
                return True
        return False

    async def _list(self, http: aiohttp.ClientSession) -> tuple[list[Channel], list[dict[str, Any]]]:
        """Return Asterisk's channels, and the rows of its bridges."""
        listed, bridges = await self._ask(http, operations.CHANNELS(), operations.BRIDGES())
        return events.channels(await channel_rows(listed, partial(self._ask, http))), bridges.body

    async def _ask(self, http: aiohttp.ClientSession, *requests: Request) -> list[Response]:
        """Send requests one after the other, and return Asterisk's answers."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self._secrets.ari_user, self._secrets.ari_password)}
        answers = []
        for request in requests:
            where = self._ari + request.uri
            async with http.request(request.method, where, params=dict(request.query), headers=headers) as answer:
                text = await answer.read() if answer.ok else b""
                answers.append(Response(answer.status, orjson.loads(text) if text else None))
        return answers

    def _kill(self, controller: "_Absent", why: str) -> None:
        log.error(why, pid=controller.info.pid)
        self.counts["controller_kills"] += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(controller.info.pid, signal.SIGKILL)


class _Absent:
    """A controller that does not serve: it starts, hangs, or cannot. Instants are of the guard's running time.

    Args:
        has_served: Whether it has served before.
    """

    def __init__(self, info: ProcessInfo, lives: Path, has_served: bool, now: float) -> None:
        self.info = info
        self._lives, self._has_served = lives, has_served
        self._own, self._silent_s, self._beats = OwnTime(info.pid), 0.0, False
        self._since = self._worked_at = self._now = now
        self._work = work_of(info.pid)

    def look(self, info: ProcessInfo, now: float) -> None:
        """Look at what it does."""
        work, beat = work_of(info.pid), last_beat(self._lives)
        if work - self._work >= WORKS * max(_EVERY_S, now - self._now) or is_at_work(info.pid):
            self._worked_at = now
        self.info, self._work, self._now = info, work, now
        self._beats = beat is not None and beat > info.booted
        self._silent_s = self._own.look(beat, time.monotonic())

    def starts(self, most_s: float) -> bool:
        """Return whether it is at work on its start, for no longer than `most_s`."""
        is_at_work = not self.info.stopped and self._now - self._worked_at < _IDLE_S
        return is_at_work and not self._has_served and self._now - self._since < most_s

    def hangs(self) -> bool:
        """Return whether it would take every new call into silence.

        One without a heartbeat so far is starting, on a slow machine; so is one that does not serve yet, unless that
        takes too long. If it were killed, it would only start again. One that gets no processor does not hang.
        """
        if self._beats and self._silent_s >= PATIENCE_S - MUSIC_AFTER_S:
            return True
        return self._now - self._since > START_S and not self.starts(_LONGEST_START_S)


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
