"""Everything between one connection to Asterisk and the next: the calls, the floor, and who gets which event.

A connection that ends takes all of it along; the next one reads what is up and goes on. So a start, a restart after
`kill -9` and a reconnect are one path.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from ivr import conversations, dialplan_talks, last_line, messages, probe, reconcile, rung
from ivr.ari import events, operations
from ivr.ari.link import Link, LinkLost
from ivr.ari.operations import Request
from ivr.call import Call, Services
from ivr.callbacks import channels as callbacks
from ivr.callbacks.attempt import Attempt
from ivr.callbacks.desk import Desk
from ivr.codes import helping
from ivr.codes import run as codes
from ivr.dialplan_talks import DialplanTalk
from ivr.floor import Floor
from ivr.floor_told import FloorTold
from ivr.flow.versions import Version
from ivr.house import House
from ivr.inbox import Receiver
from ivr.operators import OperatorEntry
from ivr.own_calls import OwnCalls
from ivr.refusing import EVERY_S, Refusing
from ivr.registrations import Proof
from ivr.ringing import looked_at
from ivr.running import RunningCalls
from ivr.silence import Listener
from ivr.standing import restored
from ivr.supervision import restart as supervision
from ivr.supervision.spy import left_over
from ivr.talk import refer, watch
from ivr.talk.wished import Wishes
from ivr.walk import to_dialplan
from ivr.work import Work, again
from routing.engine import Engine
from routing.states import OfferState, Operator, OperatorState, Trigger

if TYPE_CHECKING:
    from db.last_calls import LastCall

log = structlog.get_logger()

APPLICATION = "hatif"

_GOING_S = 0.2
"""How long after a refusal a channel may still be there that is being hung up."""
_NOTICED_S = 2 * EVERY_S
"""So long ago may the packet have been sent whose refusal is noticed now."""


class Session:
    def __init__(self, house: House, link: Link) -> None:
        self._house, self._link = house, link
        self._routes: dict[str, Receiver] = {}  # by channel: the caller's own, the legs that his call rings, codes
        self._rings: dict[str, tuple[events.Channel, tuple[str, ...]]] = {}  # telephones that we ring; see `rung`
        self._early: list[events.Event] | None = []  # what came before reconciliation was done
        self._tasks = asyncio.TaskGroup()
        self._work = Work(self._tasks, link.close)
        self._replaced = False
        self._over = False
        self._silent_calls: dict[str, str] = {}  # by channel, of callers who are asked whether they are there
        self._refused_at: dict[str, float] = {}  # by operator, by the monotonic clock
        self.floor: Floor | None = None
        self.wishes = Wishes()
        self.services = Services(
            site=house.site,
            link=link,
            recorder=house.recorder,
            audible=house.audible,
            opening=house.opening,
            files=house.files,
            remembered=house.remembered,
            returning=house.returning,
            has_place=house.has_place,
            mailbox=house.mailbox,
            to_floor=self.tell,
            route=self._routes.__setitem__,
            unroute=self._unroute,
            address=lambda operator: house.site.operators.address.replace("{id}", operator),
            people=house.operators,
            answer=self.wishes.answer,
            notice=house.notice,
        )
        self.running = RunningCalls(house, self.services, self._routes, self.start)
        self.desk = Desk(self, house.book)
        addresses = {each.id: self.services.address(each.id) for each in house.operators}
        self.listener = Listener(link, house.copies, house.site.silence, house.refresh, self._silent, self.start)
        self._own_calls = OwnCalls(link, addresses, self._on_line, self._routes, self.start)

    @property
    def calls(self) -> Collection[Call]:
        return self.running.all

    @property
    def channels(self) -> Collection[str]:
        """Whose events somebody waits for."""
        return self._routes.keys()

    @property
    def people(self) -> tuple[OperatorEntry, ...]:
        """The operators' list."""
        return self._house.operators

    @property
    def floor_told(self) -> FloorTold:
        """What supervisors are told."""
        return self._house.floor_told

    @property
    def version(self) -> Version:
        """What a call that begins now goes by."""
        return self._house.flows.current

    async def last_call(self, operator: str) -> "LastCall | None":
        """The call that he was the operator of last, from the database, if it answers in time."""
        return await self._house.last_call(operator)

    def call_on(self, leg: str) -> Call | None:
        """The call that an operator's leg belongs to."""
        found = self._routes.get(leg)
        return found if isinstance(found, Call) else None

    def tell(self, message: messages.ToFloor) -> None:
        if self.floor is not None:
            self.floor.tell(message)

    async def run(self) -> None:
        """Until the connection ends; the calls go on without us."""
        async with self._tasks as tasks:
            reader = tasks.create_task(self._link.read(self._deliver), name="ari reader")
            self._work.start(self._begin(), "reconciliation", vital=True)
            await reader
            log.warning("The connection to Asterisk's ARI has ended")
            if self._replaced:
                raise SystemExit(75)
            self._work.cancel()

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Work that ends with the connection. What it raises is logged and ends nothing else."""
        self._work.start(work, name)

    async def _begin(self) -> None:
        # Before anything is asked: what begins from now on is found by its events.
        started, began = time.monotonic(), time.time()
        await self._link.only(*events.USED)
        channels, bridges = await self._link.ask(operations.CHANNELS(), operations.BRIDGES())
        found = [events.channel(each) for each in channels.body]
        undialled = rung.undialled(found)
        await self._link.send(*map(operations.HANG_UP, undialled))
        found = [each for each in found if each.id not in undialled]
        seated = {each["id"]: [one for one in each["channels"] if one not in undialled] for each in bridges.body}
        called_back, theirs = callbacks.standing(found)
        self._rings |= rung.waiting(found)
        others = [each for each in found if each.id not in theirs]
        findings = reconcile.compare(others, seated)
        findings = replace(findings, standing=(*findings.standing, *callbacks.offers(called_back)))
        helped = helping.standing(found)
        elsewhere = dialplan_talks.standing(found, {each.id: self.services.address(each.id) for each in self.people})
        findings = replace(findings, standing=(*findings.standing, *elsewhere))
        kept = await self._house.kept_operators()
        self.floor = self._new_floor(kept, (*findings.standing, *helped))
        self._house.serves()  # before the first call: the guard would take it from us
        self._work.start(self.floor.run(), "floor", vital=True)
        self.start(again("last line", lambda: last_line.beat(self._link, self._house.answered)), "last line")
        self.floor.tell(self._house.planned())
        refusing = Refusing(self._house.contact, self._has_rung, self._refused)
        looks = partial(refusing.run, lambda: self.floor.operators if self.floor is not None else {})
        self.start(again("refused packets", looks), "refused packets")
        self.start(again("silent callers", lambda: self.listener.run(lambda: self._routes)), "silent callers")
        for standing in findings.standing:
            self.floor.tell(standing)
        await self._own_calls.begin(found, {each.offer for each in (*findings.standing, *helped)})
        self.telephones(self._house.present())
        await self._link.send(
            *(operations.HANG_UP(leg.id) for leg in findings.orphans),
            *(operations.DELETE_BRIDGE(bridge) for bridge in findings.bridges),
            *helping.left_over(found),
            *probe.left_over(found),
            *(operations.STOP_MUSIC(each) for each in rung.answered_alone(found, chain(*seated.values()))),
        )
        # Who waits longest speaks first, though the floor would find him anyway.
        for channel, state, leg in sorted(findings.resume, key=lambda each: each[1].since or time.time()):
            with self._given_to_dialplan_if_it_fails(channel.id, state.id):
                self.running.resume(channel, state, leg, findings.colleagues.get(state.id))
        for channel in findings.fresh:
            with self._given_to_dialplan_if_it_fails(channel.id):
                self.running.begins(channel, ())
        dialled = codes.standing(found)
        for channel, args in dialled:
            codes.begin(self, channel, args, resumed=True)
        for helper, asked in helping.legs(found):
            if asked in self._routes:
                self._routes[helper] = self._routes[asked]  # one that is answered at this moment is not a stranger
        self.desk.resume(called_back)
        self.start(again("calling back", self.desk.run), "calling back")
        for standing in elsewhere:
            talk = DialplanTalk(standing, self.tell, self._unroute)
            self._routes[standing.offer] = talk
            await self._link.send(talk.asks(), refused=talk.over)
        for spy in left_over(found, {channel.id for channel, _ in dialled}):
            self.start(supervision.end(self, spy), "supervision left over")
        legs = {standing.offer for standing in findings.standing}
        up = {call.state.id for call in self.calls} | {each.call for each in called_back if each.called is not None}
        self.start(again("lost rows", lambda: self._house.begun(began, up, legs)), "lost rows")
        site = self._house.site
        if site.probe_s:
            caller = probe.Probe(self._link, self._routes.__setitem__, self._unroute, self._house.probed)
            self.start(caller.run([each.number for each in site.number], site.probe_s), "probe")
        early, self._early = self._early or [], None
        for event in early:
            self._deliver(event)
        if findings.resume or findings.orphans or findings.bridges or undialled:
            log.info(
                "Went on with what was up",
                calls=len(findings.resume),
                new=len(findings.fresh),
                legs_ended=len(findings.orphans) + len(undialled),
                bridges_ended=len(findings.bridges),
                ms=round(1000 * (time.monotonic() - started), 1),
            )

    def _new_floor(self, kept: Mapping[str, str], standing: Iterable[messages.Standing]) -> Floor:
        site = self._house.site
        operators = restored(self._house.operators, kept)
        wrap_up_s, longest_s = site.operators.wrap_up_s, site.operators.wrap_up_longest_s
        settled = reconcile.settled(operators, standing, time.time(), wrap_up_s, longest_s)
        for before, now in zip(operators, settled, strict=True):
            if before.state is not now.state:
                self._house.operator_settled(now, before.since)
        return Floor(
            settled,
            ring_s=site.operators.ring_s,
            wrap_up_s=wrap_up_s,
            wrap_up_more_s=site.operators.wrap_up_more_s,
            wrap_up_longest_s=longest_s,
            publish=self._publish,
            changed=self._operator_changed,
            decided=self._house.recorder.decision,
            waits=self._house.recorder.waits,
            missed=self._house.floor_told.missed,
            engine=Engine(site.routing.policy),
        )

    def _on_line(self, message: messages.OnLine) -> None:
        self.tell(message)
        if not message.on_line:
            self._house.free(message.operator)

    def is_engaged(self, operator: str) -> bool:
        """Whether an operator is in any call, as far as it is known yet."""
        known = self.floor.operators.get(operator) if self.floor is not None and self._early is None else None
        in_call = known is None or known.state in (OperatorState.OFFERED, OperatorState.TALKING)
        return in_call or self._own_calls.has(operator)

    def _operator_changed(self, operator: Operator, call: str | None) -> None:
        """A telephone that was back before it was noticed that it had gone is there; nothing else would say so."""
        self._house.operator_changed(operator, call)
        refused = self._refused_at.pop(operator.id, None) if operator.state is OperatorState.AWAY else None
        if refused is not None and self._house.proved(operator.id) > refused - _NOTICED_S:
            self.is_there(operator.id)

    def _silent(self, channel: str, silent: bool) -> None:
        """A caller is asked whether they are there, or has answered, or has gone."""
        call = self._routes.get(channel)
        if silent and isinstance(call, Call) and call.channel == channel:
            self._silent_calls[channel] = call.state.id
        found = self._silent_calls.get(channel) if silent else self._silent_calls.pop(channel, None)
        if found is not None:
            self.tell(messages.Silent(found, silent))

    def is_there(self, operator: str) -> None:
        """A telephone has given a sign of life, which counts where Asterisk knows how to reach it."""
        if self._house.contact(operator) is not None:
            self.tell(messages.State(operator, Trigger.PHONE_PRESENT))

    def _unroute(self, channel: str) -> None:
        self._routes.pop(channel, None)

    def telephones(self, present: Collection[str] | None) -> None:
        """Tells the floor which telephones are there; None: nobody knows."""
        if present is not None:
            for operator in self._house.operators:
                there = operator.id in present
                self.tell(messages.State(operator.id, Trigger.PHONE_PRESENT if there else Trigger.PHONE_ABSENT))

    def telephone(self, operator: str, present: bool) -> None:
        """A telephone has appeared or disappeared; the call that rings it or talks with it is told."""
        self.tell(messages.State(operator, Trigger.PHONE_PRESENT if present else Trigger.PHONE_ABSENT))
        if not present:
            self._gone(operator, refused=False)
            return
        busy = self.floor.operators.get(operator) if self.floor is not None else None
        if busy is not None and busy.state is OperatorState.TALKING and busy.offer is not None:
            self.start(watch.follow(self._link, busy.offer, self.listener.renegotiate), "follow a telephone's sound")

    def _refused(self, operator: str) -> None:
        """His telephone's machine refuses packets. While he talks, his conversation tells the floor, if his sound is
        gone too."""
        self._refused_at[operator] = time.monotonic()
        busy = self.floor.operators.get(operator) if self.floor is not None else None
        if busy is not None and busy.state is OperatorState.TALKING:
            self._gone(operator, refused=True)
        else:
            self.telephone(operator, False)

    def started_anew(self, proof: Proof) -> None:
        """A telephone has started anew: it was gone, and knows nothing of what rang before. Whether it still talks its
        sound says, or its answer to a session refresh."""
        found = self.floor.operators.get(proof.operator) if self.floor is not None else None
        if found is None:
            return
        missed = (found.state, found.reason) == (OperatorState.PAUSED, Trigger.NO_ANSWER)
        since = time.monotonic() - (time.time() - found.since)
        if missed or (found.state is OperatorState.OFFERED and since < proof.at):
            log.info("A telephone has started anew since it was rung", operator=found.id)
            self._refused_at[found.id] = proof.at  # it is there as soon as its operator is away
            self.telephone(found.id, False)

    def _gone(self, operator: str, *, refused: bool) -> None:
        busy = self.floor.operators.get(operator) if self.floor is not None else None
        found = self._routes.get(busy.offer) if busy is not None and busy.offer is not None else None
        if isinstance(found, Call):
            found.deliver(messages.TelephoneGone(found.state.id, operator, refused))
        elif isinstance(found, Attempt):
            found.deliver(messages.TelephoneGone(found.call, operator, refused))

    async def _has_rung(self, leg: str) -> bool:
        try:
            return await looked_at(self._link, leg) is not OfferState.UNREACHABLE
        except (LinkLost, TimeoutError):
            return True

    def _publish(self, message: messages.ToCall) -> None:
        call = self.running.get(message.call)
        if call is not None:
            call.deliver(message)
        elif isinstance(message, messages.Offer) and not self.desk.offer(message):
            self.tell(messages.Leave(message.call))
            self.tell(messages.Refused(message.id, message.call, message.operator, OfferState.WITHDRAWN))

    # Events

    def _deliver(self, event: events.Event) -> None:
        """Bring an event to its call. One that cannot be brought is logged; a caller who came with it goes to the
        dialplan."""
        if self._over:
            return
        match event:
            case events.ChannelHangupRequest(shutdown=False):
                pass  # its end is told as well
            case events.ChannelHangupRequest():
                # What its channels say from now on is its own doing: as if it had been killed, the next connection sees
                # to what was cut.
                log.warning("Asterisk is being stopped; its calls are cut")
                self._over = True
                self._link.close()
            case events.StasisStart(channel, args) if args[:1] == ("call",):
                with self._given_to_dialplan_if_it_fails(channel.id):
                    self._route(event)
            case _:
                try:
                    self._route(event)
                except Exception:
                    about = getattr(event, "channel_id", None)
                    log.exception("An event could not be handled", kind=type(event).__name__, channel=about)

    @contextmanager
    def _given_to_dialplan_if_it_fails(self, channel: str, call: str | None = None) -> Iterator[None]:
        try:
            yield
        except Exception:
            log.exception("A call could not be taken; the dialplan has it", call=call, channel=channel)
            self.start(self._link.send(*to_dialplan(channel)), "give a call to the dialplan")

    def _route(self, event: events.Event) -> None:
        if isinstance(event, events.ChannelDestroyed) and self._early is None:
            self._rings.pop(event.channel_id, None)
            self._own_calls.ended(event.channel_id)
        if self._early is not None and not isinstance(event, events.ApplicationReplaced):
            self._early.append(event)
            return
        call: Receiver | None
        match event:
            case events.StasisStart(channel, args) if rung.waits(channel, args):
                self._rings[channel.id] = (channel, args)
                self._own_calls.entered(channel.id, args)
                self.start(self._dial(channel.id, args), "dial")
                return
            case events.ChannelStateChange(channel_id, state):
                # Only answers: of callers' lines, of telephones that we ring, and of our own probe.
                if state != "Up":
                    return
                if (found := self._rings.pop(channel_id, None)) is None:
                    mine = self._routes.get(channel_id)
                    if isinstance(mine, probe.Probe) or (isinstance(mine, Call) and mine.channel == channel_id):
                        mine.deliver(event)
                    return
                channel, args = found
                if args[:1] == (rung.CODE,) or channel_id not in self._routes:
                    self._entered(replace(channel, state=state), args)
                    return
                call = self._routes[channel_id]
            case events.StasisStart(channel, args):
                call = self._routes.get(channel.id)
                if call is None or args[:1] == ("call",):
                    self._entered(channel, args)
                    return
            case events.DeviceStateChanged():
                self._own_calls.device(event)
                return
            case events.ApplicationReplaced():
                log.error("Another controller has taken the application over; this one stands back")
                self._replaced = True
                self._link.close()
                return
            case events.RecordingFinished(name) if name.startswith(conversations.PREFIX):
                house = self._house
                self.start(conversations.keep(house.mailbox, name, house.recorder), name)
                return
            case events.ChannelTransfer(wished=True):
                call = refer.told(self._routes, event)
                if call is None:
                    # Asterisk itself does nothing, and the telephone would wait for ever.
                    self.start(self._link.send(refer.progress(event.channel_id, refer.REFUSED)), "refuse a transfer")
            case _ if self.running.keeps(event.channel_id, event):
                return
            case _:
                call = self._routes.get(event.channel_id)
        if call is not None:
            call.deliver(event)

    async def _dial(self, channel: str, args: tuple[str, ...]) -> None:
        def refused(_: Request, status: int) -> None:
            if status != HTTPStatus.NOT_FOUND:  # 404: withdrawn meanwhile
                self.start(self._not_dialled(channel, status), "hang up")

        await self._link.send(rung.dial(channel, args), refused=refused)

    async def _not_dialled(self, channel: str, status: int) -> None:
        """Hang up a telephone that could not be dialled, unless it is just being hung up."""
        await asyncio.sleep(_GOING_S)
        with contextlib.suppress(LinkLost, TimeoutError):
            (there,) = await self._link.ask(operations.CHANNEL(channel))
            if there.ok:
                log.error("A telephone could not be dialled", channel=channel, status=status)
                await self._link.send(operations.HANG_UP(channel))

    def _entered(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        if self.running.knows(channel.id):
            return
        if args[:1] == ("call",):
            text = channel.variables.get("HATIF") or ""
            findings = reconcile.compare([channel], {}) if text else None
            if findings is not None and findings.resume:
                self.running.resume(*findings.resume[0])
            else:
                self.running.begins(channel, args[1:])
        elif args[:1] == (rung.CODE,):
            self._own_calls.entered(channel.id, args)
            self.is_there(args[2] if len(args) > 2 else "")
            codes.begin(self, channel, args, resumed=False)
        else:
            log.warning("A channel entered that nobody expects; it is hung up", channel=channel.id, args=args)
            self.start(self._link.send(operations.HANG_UP(channel.id)), "hang up")

    def forget(self, receiver: Receiver) -> None:
        """Nothing that happens is brought to it any more."""
        self.running.forget(receiver)
