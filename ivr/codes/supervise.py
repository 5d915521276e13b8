"""A supervision from its beginning to its end, on the channel of the supervisor's telephone.

It is a code like others (`ivr.codes`), also where the control API had his telephone rung. Begun anew after a restart of
the controller, it goes on with what Asterisk still has of it.
"""

import asyncio
from collections.abc import Callable

import structlog

from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import LinkLost
from ivr.call.call import Call, Deadline, RequestFailed
from ivr.codes import spy_channel as spies
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone
from ivr.codes.spy_channel import TELLING, Mode, Spy, bridge_of
from ivr.codes.supervision_rules import leg_of, why_not
from ivr.records import floor_records

log = structlog.get_logger()

_KEYS = {"1": Mode.LISTEN, "2": Mode.WHISPER, "3": Mode.JOIN}
_WIDTH = {Mode.LISTEN: 0, Mode.WHISPER: 1, Mode.JOIN: 2}  # how many hear him
_ID_DIGITS = 8
_ASTERISK_S = 1.0
"""How long Asterisk may take for what takes it a few milliseconds."""


async def listen(call: CodeCall) -> None:
    await _Supervision(call, Mode.LISTEN).run()


async def whisper(call: CodeCall) -> None:
    await _Supervision(call, Mode.WHISPER).run()


async def join(call: CodeCall) -> None:
    await _Supervision(call, Mode.JOIN).run()


class _Supervision:
    """Also who is told what happens to the spying channels: `deliver` sees all of it, whatever the code waits for."""

    def __init__(self, call: CodeCall, mode: Mode) -> None:
        self._call, self._mode, self._operator = call, mode, call.argument
        self._leg = ""
        self._conversation: Call | None = None
        self._asked: set[str] = set()  # spies that we have begun
        self._live: set[str] = set()  # of these, the ones that Asterisk has; none: the conversation is over
        self._begun = False  # he may hear
        self._told = False  # what was to be said to the operator was said
        self._told_by = 0.0  # when it must have been, by the loop's clock

    def deliver(self, item: events.Event | RequestFailed) -> None:
        match item:
            case events.StasisStart(channel) if channel.id in self._asked:
                self._live.add(channel.id)
            case events.StasisEnd(channel) | events.ChannelDestroyed(channel):
                self._asked.discard(channel)
                self._live.discard(channel)
                self._call.services.unroute(channel)  # of what has left Stasis the second event may never come
            case events.PlaybackFinished():
                self._told = True
        self._call.deliver(item)

    async def run(self) -> None:
        """Until the conversation is over, or the supervisor hangs up (OperatorGone). Where the connection to Asterisk
        ends, or the controller, all stays as it is."""
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

    # Beginning

    async def _begin(self) -> None:
        call = self._call
        if call.operator.supervisor and not self._operator:
            self._operator = await call.digits("supervision_who", most=_ID_DIGITS)
        floor = call.floor.operators
        why = why_not(call.session.people, floor, call.operator, self._operator)
        if why is not None:
            self._record(floor_records.supervision_refused, why.value)
            raise CodeRefused(why.value)
        self._leg = leg_of(floor, self._operator) or ""
        self._conversation = call.session.call_on(self._leg)
        is_told = call.services.site.operators.told_of_supervision
        telling = await self._tell_operator() if is_told else None
        await call.say(f"supervision_{self._mode}")
        if telling is not None:
            await self._told_to_its_end(telling)
        await call.hush()
        self._begun = True
        self._record(floor_records.supervision_begun)
        await call.answer()
        await call.services.link.send(*self._together())
        await self._spy(self._mode)

    def _together(self) -> tuple[operations.Request, ...]:
        """The bridge with the supervisor in it; his keys are for us only."""
        bridge = bridge_of(self._call.channel)
        return (
            operations.CREATE_BRIDGE(bridge, type="mixing", name="hatif"),
            operations.ADD_CHANNEL(bridge, channel=self._call.channel, absorbDTMF="true"),
        )

    async def _tell_operator(self) -> Spy | None:
        """Begins to say it: he hears it, his caller does not. None if there is nothing to be waited for."""
        call = self._call
        entry = call.colleague(self._operator)
        language = next(iter(entry.languages)) if entry is not None else call.language
        found = call.services.audible.find(call.session.version.sounds, (language, "supervision_told"))
        telling = spies.new(TELLING, self._leg, call.channel)
        if found is None or not await self._started(telling):
            return None
        self._told_by = asyncio.get_running_loop().time() + found.seconds + _ASTERISK_S
        await call.services.link.send(operations.PLAY(telling.id, f"told-{telling.id}", media=f"sound:{found.file}"))
        return telling

    async def _told_to_its_end(self, telling: Spy) -> None:
        await self._until(lambda: self._told or telling.id not in self._live, self._told_by)
        await self._end(telling.id)

    async def _spy(self, mode: Mode) -> None:
        """Hears the operator's leg from now on in this way, in place of the one before."""
        before = set(self._live)
        spy = spies.new(mode, self._leg, self._call.channel)
        if await self._started(spy):
            bridge = bridge_of(self._call.channel)
            await self._call.services.link.send(operations.ADD_CHANNEL(bridge, channel=spy.id))
        for each in before:
            await self._end(each)

    async def _started(self, spy: Spy) -> bool:
        """Asks for the channel and waits until it is there: False if the leg has gone."""
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

    # Afterwards

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
        # Before anybody more hears him, and after somebody no longer does.
        if wider:
            await call.say(f"supervision_{mode}")
        if self._live:
            self._record(floor_records.supervision_begun)
            await self._spy(mode)
        if self._live and not wider:
            await call.say(f"supervision_{mode}")

    async def _over(self, why: str) -> None:
        """The supervisor is taken out of his bridge: a prompt for somebody who is still leaving one is never heard."""
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
        """What is left once the supervisor is gone."""
        if self._begun:
            self._record(floor_records.supervision_ended, why)
        for each in tuple(self._asked):
            await self._end(each)
        await self._call.services.link.send(operations.DELETE_BRIDGE(bridge_of(self._call.channel)))

    async def _end(self, spy: str) -> None:
        self._live.discard(spy)
        await self._call.services.link.send(operations.HANG_UP(spy))

    async def _until(self, true: Callable[[], bool], until: float) -> bool:
        """Whether it became true, by the loop's clock."""
        while not true():
            if isinstance(await self._call.next(until), Deadline):
                return true()
        return True

    # After a restart

    async def _go_on(self) -> bool:
        """With what Asterisk has; False: nothing was begun. Nobody notices where the conversation still goes on."""
        call, link = self._call, self._call.services.link
        channels, bridges = await link.ask(operations.CHANNELS(), operations.BRIDGES())
        found = [spy for each in channels.body if (spy := spies.spy_of(each["id"])) is not None]
        mine = [spy for spy in found if spy.supervisor == call.channel]
        inside = next((each["channels"] for each in bridges.body if each["id"] == bridge_of(call.channel)), ())
        hearing = sorted((each for each in mine if each.mode != TELLING), key=lambda each: each.id not in inside)
        for each in (*hearing[1:], *(each for each in mine if each.mode == TELLING)):
            await link.send(operations.HANG_UP(each.id))
        self._begun = bool(hearing) or call.channel in inside
        if not hearing:
            # Whom he heard has hung up; or it had just begun, and he may begin anew.
            return self._begun and leg_of(call.floor.operators, self._operator) is None
        spy = hearing[0]
        self._mode, self._leg = Mode(spy.mode), spy.leg
        self._conversation = call.session.call_on(spy.leg)
        heard = (each.id for each in call.floor.operators.values() if each.offer == spy.leg)
        self._operator = next(heard, self._operator)
        self._asked.add(spy.id)
        call.services.route(spy.id, self)
        # Asked after it is listened to: it may have ended meanwhile.
        (there,) = await link.ask(operations.CHANNEL(spy.id))
        if there.ok:
            self._live.add(spy.id)
        if call.channel not in inside:
            await link.send(*self._together())
        if spy.id not in inside:
            await link.send(operations.ADD_CHANNEL(bridge_of(call.channel), channel=spy.id))
        return True

    # What is kept

    def _record(self, what: Callable[..., None], *words: str) -> None:
        call = self._call
        log.info("supervision", by=call.operator.id, operator=self._operator, mode=self._mode.value, words=words)
        conversation = self._conversation.state.id if self._conversation is not None else None
        use = floor_records.Supervision(call.channel, call.operator.id, self._operator, self._mode.value, conversation)
        what(call.services.recorder.journal, use, *words)
