"""Which call gets which of Asterisk's events, and what a channel that enters the application becomes."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import structlog
from msgspec.structs import replace

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import Link, LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.repeated_keys import RepeatedKeys
from ivr.call.call import Call
from ivr.call.conversation_recording import PREFIX as RECORDING_PREFIX
from ivr.call.flow_runner import to_dialplan
from ivr.call.inbox import Receiver
from ivr.controller import probe_call, reconcile
from ivr.controller.call_registry import CallRegistry
from ivr.controller.own_calls import OwnCalls
from ivr.model.endpoints import is_web
from ivr.talk import refer
from ivr.training.scripted_caller import ScriptedCaller

log = structlog.get_logger()

_HANGING_UP_S = 0.2
"""How long after a refusal a channel that is being hung up may still exist."""


class EventRouter:
    """Brings each event to its receiver. Until `open` is called, events are kept.

    Args:
        keep_recording: Keeps a conversation's recording that has ended.
        routes: The receiver of each channel's events.
        begin_code: Starts the feature code that was dialled on a channel with these Stasis arguments.
        sign_of_life: Called with an operator whose telephone has just shown that it is there.
        heard: Called with each event that a client of ARI has sent.
        start: Starts work that ends with the connection.
        stop: Ends that work, though not the connection.
    """

    def __init__(
        self,
        link: Link,
        keep_recording: Callable[[str], Coroutine[None, None, None]],
        routes: Mapping[str, Receiver],
        registry: CallRegistry,
        own_calls: OwnCalls,
        begin_code: Callable[[events.Channel, tuple[str, ...]], object],
        sign_of_life: Callable[[str], None],
        heard: Callable[[events.ChannelUserevent], None],
        start: Callable[[Coroutine[None, None, None], str], None],
        stop: Callable[[], None],
    ) -> None:
        self._link, self._keep_recording, self._routes = link, keep_recording, routes
        self._registry, self._own_calls = registry, own_calls
        self._begin_code, self._sign_of_life, self._heard, self._start = begin_code, sign_of_life, heard, start
        self._stop = stop
        self._ringing: dict[str, tuple[events.Channel, tuple[str, ...]]] = {}  # our legs, see `leg_dialing.waiting`
        self._keys: defaultdict[str, RepeatedKeys] = defaultdict(RepeatedKeys)  # by channel
        self._early: list[events.Event] | None = []  # what came before reconciliation was done
        self._over = False
        self.replaced = False
        """Whether another controller has taken over the application."""

    @property
    def is_open(self) -> bool:
        """Whether reconciliation is done."""
        return self._early is None

    def expect(self, ringing: Mapping[str, tuple[events.Channel, tuple[str, ...]]]) -> None:
        """Take over the telephones that an earlier controller rings."""
        self._ringing |= ringing

    def open(self) -> None:
        """Deliver what was kept, and everything from now on."""
        early, self._early = self._early or [], None
        for event in early:
            self.deliver(event)

    def deliver(self, event: events.Event) -> None:
        """Bring an event to its receiver.

        An event that cannot be delivered is logged; a caller who came with it goes to the dialplan.
        """
        if self._over:
            return
        match event:
            case events.ChannelHangupRequest(shutdown=False):
                pass  # the channel's end is an event of its own
            case events.ChannelHangupRequest():
                # From here on Asterisk's events are its own doing. As after a crash, the next connection deals with
                # what was cut. It must be one to the next Asterisk: this one may still list calls that it cuts, and
                # their ends would look like hang-ups. So this connection stays until Asterisk ends it.
                log.warning("Asterisk is being stopped; its calls are cut")
                self._over = True
                self._stop()
            case events.StasisStart(channel, args) if args[:1] == ("call",):
                with self.dialplan_on_failure(channel.id):
                    self._route(event)
            case _:
                try:
                    self._route(event)
                except Exception:
                    about = getattr(event, "channel_id", None)
                    log.exception("An event could not be handled", kind=type(event).__name__, channel=about)

    @contextmanager
    def dialplan_on_failure(self, channel: str, call: str | None = None) -> Iterator[None]:
        """Give a caller to the dialplan if what is done inside fails."""
        try:
            yield
        except Exception:
            log.exception("A call could not be taken; it goes to the dialplan", call=call, channel=channel)
            self._start(self._link.send(*to_dialplan(channel)), "give a call to the dialplan")

    def _route(self, event: events.Event) -> None:
        if isinstance(event, events.ChannelUserevent):  # before reconciliation, too: it waits for the first one
            self._heard(event)
            return
        if isinstance(event, events.StasisEnd | events.ChannelDestroyed):
            self._keys.pop(event.channel_id, None)
        if isinstance(event, events.ChannelDestroyed) and self._early is None:
            self._ringing.pop(event.channel_id, None)
            self._own_calls.ended(event.channel_id)
        if self._early is not None and not isinstance(event, events.ApplicationReplaced):
            self._early.append(event)
            return
        receiver: Receiver | None
        match event:
            case events.ChannelDtmfReceived() if self._repeats(event):
                log.info("Asterisk reported a key twice; it counts once", channel=event.channel_id)
                return
            case events.StasisStart(channel, args) if leg_dialing.waits(channel, args):
                self._ringing[channel.id] = (channel, args)
                self._own_calls.entered(channel.id, args)
                self._start(self._dial(channel, args), "dial")
                return
            case events.ChannelStateChange(now):
                # Only answers count: of callers' lines, telephones that we ring, our own probe, scripted callers.
                if now.state != "Up":
                    return
                if (found := self._ringing.pop(now.id, None)) is None:
                    own = self._routes.get(now.id)
                    ours = isinstance(own, probe_call.Probe | ScriptedCaller)
                    if own is not None and (ours or (isinstance(own, Call) and own.channel == now.id)):
                        own.deliver(event)
                    return
                channel, args = found
                if args[:1] == (leg_dialing.CODE,) or now.id not in self._routes:
                    self._entered(replace(channel, state=now.state), args)
                    return
                receiver = self._routes[now.id]
            case events.StasisStart(channel, args):
                receiver = self._routes.get(channel.id)
                if receiver is None or args[:1] == ("call",):
                    self._entered(channel, args)
                    return
            case events.DeviceStateChanged():
                self._own_calls.device(event)
                return
            case events.ApplicationReplaced():
                log.error("Another controller has taken over the application; this one ends")
                self.replaced = True
                self._link.close()
                return
            case events.RecordingFinished(recording) if recording.name.startswith(RECORDING_PREFIX):
                self._start(self._keep_recording(recording.name), recording.name)
                return
            case events.ChannelTransfer(requested=True):
                receiver = refer.find_call(self._routes, event)
                if receiver is None:
                    # Asterisk itself does nothing, and the telephone would wait for ever.
                    answer = refer.answer(event.channel_id, refer.REFUSED)
                    self._start(self._link.send(*answer), "refuse a transfer")
            case _ if self._registry.keeps(event.channel_id, event):
                return
            case _:
                receiver = self._routes.get(event.channel_id)
        if receiver is not None:
            receiver.deliver(event)

    def _repeats(self, key: events.ChannelDtmfReceived) -> bool:
        at = key.at_ms
        return at is not None and self._keys[key.channel_id].repeats(key.digit, key.duration_ms, at)

    async def _dial(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        def refused(_: Request, status: int) -> None:
            if status != HTTPStatus.NOT_FOUND:  # 404: withdrawn meanwhile
                self._start(self._not_dialled(channel.id, status), "hang up")

        await self._link.send(leg_dialing.dial(channel.id, args), refused=refused)
        if is_web(channel.name):
            await leg_dialing.end_unless_it_rings(self._link, channel.id)

    async def _not_dialled(self, channel: str, status: int) -> None:
        """Hang up a telephone that could not be dialled, unless it is being hung up already."""
        await asyncio.sleep(_HANGING_UP_S)
        with contextlib.suppress(LinkLost, TimeoutError):
            (there,) = await self._link.ask(operations.CHANNEL(channel))
            if there.ok:
                log.error("A telephone could not be dialled", channel=channel, status=status)
                await self._link.send(operations.HANG_UP(channel))

    def _entered(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        if self._registry.knows(channel.id):
            return
        if args[:1] == ("call",):
            text = channel.variables.get("HATIF") or ""
            findings = reconcile.compare([channel], {}) if text else None
            if findings is not None and findings.resume:
                self._registry.resume(*findings.resume[0])
            else:
                self._registry.begin(channel, args[1:])
        elif args[:1] == (leg_dialing.CODE,):
            self._own_calls.entered(channel.id, args)
            self._sign_of_life(args[2] if len(args) > 2 else "")
            self._begin_code(channel, args)
        else:
            log.warning("An unexpected channel entered; it is hung up", channel=channel.id, args=args)
            self._start(self._link.send(operations.HANG_UP(channel.id)), "hang up")
