"""A supervision from its beginning to its end, on the channel of the supervisor's telephone.

It is a code like the others, also if the control API rang the supervisor's telephone for it. When it is run again after
a restart of the controller, it goes on with the channels that Asterisk still has of it.
"""

import asyncio
from collections.abc import Callable

import structlog

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.channel_list import channel_rows
from ivr.asterisk.ari.link import LinkLost
from ivr.call.call import Call
from ivr.call.items import Deadline, RequestFailed
from ivr.codes import spy_channel as spies
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone
from ivr.codes.spy_channel import TELLING, Mode, Spy, bridge_of
from ivr.codes.supervision_rules import leg_of, why_not
from ivr.records import floor_records

log = structlog.get_logger()

_KEYS = {"1": Mode.LISTEN, "2": Mode.WHISPER, "3": Mode.JOIN}
_WIDTH = {Mode.LISTEN: 0, Mode.WHISPER: 1, Mode.JOIN: 2}  # how many hear the supervisor
_ID_DIGITS = 8
_ASTERISK_S = 1.0
"""The time that Asterisk gets for an operation; it needs a few milliseconds."""


async def listen(call: CodeCall) -> None:
    await _Supervision(call, Mode.LISTEN).run()


async def whisper(call: CodeCall) -> None:
    await _Supervision(call, Mode.WHISPER).run()


async def join(call: CodeCall) -> None:
    await _Supervision(call, Mode.JOIN).run()


class _Supervision:
    """One use of a supervision code.

    It also gets the events of the spying channels: `deliver` sees them all, whatever the code waits for.
    """

    def __init__(self, call: CodeCall, mode: Mode) -> None:
        self._call, self._mode, self._operator = call, mode, call.argument
        self._leg = ""
        self._conversation: Call | None = None
        self._asked: set[str] = set()  # spies that we have asked for
        self._live: set[str] = set()  # those of them that Asterisk has; none: the conversation is over
        self._started = False  # the supervisor may hear
        self._notice_over = False  # the operator has heard that they are supervised
        self._notice_until = 0.0  # when they must have heard it, by the loop's clock

    def deliver(self, item: events.Event | RequestFailed) -> None:
        match item:
            case events.StasisStart(channel) if channel.id in self._asked:
                self._live.add(channel.id)
            case events.StasisEnd(channel) | events.ChannelDestroyed(channel):
                self._asked.discard(channel.id)
                self._live.discard(channel.id)
                self._call.services.unroute(channel.id)  # once it has left Stasis, its second event may never come
            case events.PlaybackFinished():
                self._notice_over = True
        self._call.deliver(item)

    async def run(self) -> None:
        """Supervise until the conversation is over or the supervisor hangs up (OperatorGone).

        If the connection to Asterisk or the controller ends, all channels stay as they are.
        """
        try:
            if not (self._call.resumed and await self._go_on()):
                await self._begin()
            while self._live:
                await self._next_key()
            await self._over("conversation")
        except OperatorGone:
            await self._end_spies("supervisor")
            raise
        except (CodeRefused, LinkLost, TimeoutError):
            raise
        except Exception:
            await self._end_spies("fault")
            raise
        await self._call.say("supervision_ended")

    # The beginning

    async def _begin(self) -> None:
        call = self._call
        if call.operator.supervisor and not self._operator:
            entered = await call.digits("supervision_who", most=_ID_DIGITS)
            self._operator = entered if entered is not None and entered.isdigit() else ""
        floor = call.floor.operators
        why = why_not(call.services.operators, floor, call.operator, self._operator)
        if why is not None:
            self._record(floor_records.supervision_refused, why.value)
            raise CodeRefused(why.value)
        self._leg = leg_of(floor, self._operator) or ""
        self._conversation = call.connection.call_on(self._leg)
        has_notice = call.services.site.operators.told_of_supervision
        notice = await self._notify_operator() if has_notice else None
        await call.say(f"supervision_{self._mode}")
        if notice is not None:
            await self._finish_notice(notice)
        await call.hush()
        self._started = True
        self._record(floor_records.supervision_started)
        await call.answer()
        await call.services.link.send(*self._join_bridge())
        await self._spy(self._mode)

    def _join_bridge(self) -> tuple[operations.Request, ...]:
        """Return the requests that put the supervisor into their bridge; their keys are not heard there."""
        bridge = bridge_of(self._call.channel)
        return (
            operations.CREATE_BRIDGE(bridge, type="mixing", name="hatif"),
            operations.ADD_CHANNEL(bridge, channel=self._call.channel, absorbDTMF="true"),
        )

    async def _notify_operator(self) -> Spy | None:
        """Start the notice to the operator, which the caller does not hear; None if there is none to wait for."""
        call = self._call
        entry = call.colleague(self._operator)
        language = next(iter(entry.languages)) if entry is not None else call.language
        found = call.services.audible.find(call.version.sounds, (language, "supervision_told"))
        notice = spies.new_spy(TELLING, self._leg, call.channel)
        if found is None or not await self._start_spy(notice):
            return None
        self._notice_until = asyncio.get_running_loop().time() + found.seconds + _ASTERISK_S
        await call.services.link.send(operations.PLAY(notice.id, f"told-{notice.id}", media=f"sound:{found.file}"))
        return notice

    async def _finish_notice(self, notice: Spy) -> None:
        await self._until(lambda: self._notice_over or notice.id not in self._live, self._notice_until)
        await self._end(notice.id)

    async def _spy(self, mode: Mode) -> None:
        """Hear the operator's leg in this mode from now on, in place of the former one."""
        before = set(self._live)
        spy = spies.new_spy(mode, self._leg, self._call.channel)
        if await self._start_spy(spy):
            bridge = bridge_of(self._call.channel)
            await self._call.services.link.send(operations.ADD_CHANNEL(bridge, channel=spy.id))
        for spy_id in before:
            await self._end(spy_id)

    async def _start_spy(self, spy: Spy) -> bool:
        """Create the channel and wait until it is up; False if the leg has gone."""
        services = self._call.services
        self._asked.add(spy.id)
        services.route(spy.id, self)
        (answer,) = await services.link.ask(spy.begin())
        until = asyncio.get_running_loop().time() + _ASTERISK_S
        if answer.ok and await self._until(lambda: spy.id in self._live or spy.id not in self._asked, until):
            return spy.id in self._live
        self._asked.discard(spy.id)
        services.unroute(spy.id)
        return False

    # The end

    async def _next_key(self) -> None:
        call = self._call
        if not call.keys:
            await call.next()
            return
        mode = _KEYS.get(call.keys.popleft())
        if mode is None or mode is self._mode:
            return
        wider, self._mode = _WIDTH[mode] > _WIDTH[self._mode], mode
        await call.hush()
        # Announced before more people hear the supervisor, and after fewer do.
        if wider:
            await call.say(f"supervision_{mode}")
        if self._live:
            self._record(floor_records.supervision_started)
            await self._spy(mode)
        if self._live and not wider:
            await call.say(f"supervision_{mode}")

    async def _over(self, why: str) -> None:
        """Take the supervisor out of their bridge: a prompt to a channel that is still leaving one is never heard."""
        call = self._call
        call.keys.clear()
        await call.hush()
        self._record(floor_records.supervision_ended, why)
        await call.services.link.send(operations.DELETE_BRIDGE(bridge_of(call.channel)))
        left = asyncio.get_running_loop().time() + _ASTERISK_S
        while True:
            item = await call.next(left)
            if isinstance(item, Deadline):
                return
            if isinstance(item, events.ChannelLeftBridge) and item.channel_id == call.channel:
                return

    async def _end_spies(self, why: str) -> None:
        """End all channels and the bridge, once the supervisor is gone."""
        if self._started:
            self._record(floor_records.supervision_ended, why)
        for spy_id in tuple(self._asked):
            await self._end(spy_id)
        await self._call.services.link.send(operations.DELETE_BRIDGE(bridge_of(self._call.channel)))

    async def _end(self, spy: str) -> None:
        self._live.discard(spy)
        await self._call.services.link.send(operations.HANG_UP(spy))

    async def _until(self, condition: Callable[[], bool], until: float) -> bool:
        """Wait for the condition; return whether it became true before `until` on the loop's clock."""
        while not condition():
            if isinstance(await self._call.next(until), Deadline):
                return condition()
        return True

    # After a restart

    async def _go_on(self) -> bool:
        """Go on with the channels that Asterisk has; False if the supervision had not started.

        Nobody notices the restart if the conversation still goes on.
        """
        call, link = self._call, self._call.services.link
        listed, bridges = await link.ask(operations.CHANNELS(), operations.BRIDGES())
        channels = await channel_rows(listed, link.ask)
        found = [spy for channel in channels if (spy := spies.spy_of(channel["id"])) is not None]
        mine = [spy for spy in found if spy.supervisor == call.channel]
        inside = next((bridge["channels"] for bridge in bridges.body if bridge["id"] == bridge_of(call.channel)), ())
        hearing = sorted((spy for spy in mine if spy.mode != TELLING), key=lambda spy: spy.id not in inside)
        for spy in (*hearing[1:], *(spy for spy in mine if spy.mode == TELLING)):
            await link.send(operations.HANG_UP(spy.id))
        self._started = bool(hearing) or call.channel in inside
        if not hearing:
            # The supervised operator has hung up; or it had just started, and can start again.
            return self._started and leg_of(call.floor.operators, self._operator) is None
        spy = hearing[0]
        self._mode, self._leg = Mode(spy.mode), spy.leg
        self._conversation = call.connection.call_on(spy.leg)
        supervised = (person.id for person in call.floor.operators.values() if person.offer == spy.leg)
        self._operator = next(supervised, self._operator)
        self._asked.add(spy.id)
        call.services.route(spy.id, self)
        # Asked once its events are routed here: it may have ended meanwhile.
        (answer,) = await link.ask(operations.CHANNEL(spy.id))
        if answer.ok:
            self._live.add(spy.id)
        if call.channel not in inside:
            await link.send(*self._join_bridge())
        if spy.id not in inside:
            await link.send(operations.ADD_CHANNEL(bridge_of(call.channel), channel=spy.id))
        return True

    # Records

    def _record(self, record: Callable[..., None], *details: str) -> None:
        call = self._call
        log.info("supervision", by=call.operator.id, operator=self._operator, mode=self._mode.value, details=details)
        conversation = self._conversation.state.id if self._conversation is not None else None
        use = floor_records.Supervision(call.channel, call.operator.id, self._operator, self._mode.value, conversation)
        record(call.services.recorder.journal, use, *details)
