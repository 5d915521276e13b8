"""A conversation, carried out: what happens is looked up in the table, and everybody is put where he must be.

It runs in the caller's own coroutine. State is written before its effect, and the requests of one transition go out
together, so a controller that starts in the middle of it finds one of two states that are whole.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import replace

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.call import conversation_recording
from ivr.call.bridge_moves import MUSIC, moves
from ivr.call.call import Call, CallerGone, Item
from ivr.call.leg import Leg, create_leg, looked_at, until_gone
from ivr.model import floor_protocol
from ivr.model.talk_table import (
    BridgeLayout,
    Colleague,
    OperatorPlace,
    Talk,
    TalkEvent,
    TalkOutcome,
    after,
    bridge_layout,
    bridge_of,
    invited,
)
from ivr.talk import called_in, grants, refer, request_handler
from ivr.talk.keys import Keys
from ivr.talk.operator_prompts import RINGING, left_ringing, new_name, ringing_for, spoken
from ivr.talk.telephone_watch import Watch, holds
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper, display, playback_of
from routing.states import OfferState, next_offer_state

_NORMAL = (0, 16)
"""ITU-T Q.850 causes of an operator who hung up; others mean that his telephone was lost."""

_LINE_S = 3.0
"""How long a controller that starts waits for the operator's other line to say that it is still there."""

_SAID_S = 6.0
"""No prompt to an operator lasts longer; then he is with his caller again whatever became of it."""


class Conversation:
    """`run` says how it ended: ENDS, LOST, LEAVES or RINGS_ON; then nobody but the caller and, with RINGS_ON, the
    colleague who is rung is left. Raises CallerGone once all legs are gone with him."""

    def __init__(self, call: Call, leg: Leg, talk: Talk | None = None) -> None:
        self.call = call
        self.leg = leg
        self.talk = talk or Talk(leg.id)
        self.keys = Keys(call.services.site.codes)
        self.colleague: Leg | None = None
        self.rings_until = math.inf
        self.offer = OfferState.RINGING  # of the colleague
        self._seats = bridge_layout(Talk(leg.id), call.channel)
        self.says: dict[str, str] = {}  # by leg: what it hears
        self._sit_after: str | None = None  # the playback after which all are seated
        self._sit_by = math.inf
        self._via_by = math.inf  # then the operator's other line must have said that it is there
        self._hang_up: str | None = None  # the other line, once he has heard why
        self._ends: TalkOutcome | None = None
        self._by = "caller"  # who ends it, unless somebody else does
        call.on_hold = False
        self.watch = Watch(call)
        self.told: Whisper | None = None  # what the colleague hears before joining
        self.referred: set[str] = set()  # channels whose own transfer key was heard, since this controller began

    # From its beginning to its end

    async def run(self, *, begins: bool) -> TalkOutcome:
        try:
            if begins:
                await grants.last_resort(self)
            while self._ends is None:
                until = min(self.rings_until, self._sit_by, self._via_by, self.watch.until, self.keys.until)
                until = min(until, self.told.until if self.told is not None else math.inf)
                item = await self.call.next(until)
                self.call.keys.clear()
                await self._happened(item)
                if self._ends is None:
                    await request_handler.look(self, item)
        except (LinkLost, TimeoutError):
            raise  # the next connection finds them all
        except Exception as why:
            await self._breaks_off("caller" if isinstance(why, CallerGone) else "lost")
            raise
        return self._ends

    async def _happened(self, item: Item) -> None:
        now = asyncio.get_running_loop().time()
        match item:
            case events.StasisEnd(channel) if channel == self.leg.id:
                self.leg.free(self.call)
            case events.ChannelDestroyed(channel, cause) if channel == self.leg.id:
                normal = cause in _NORMAL and channel not in self.watch.lost
                await self.happens(TalkEvent.OPERATOR_GONE if normal else TalkEvent.OPERATOR_LOST)
            case events.PlaybackFinished(playback):
                self.says = {leg: each for leg, each in self.says.items() if each != playback}
                if playback == self._sit_after:
                    await self.sit()
            case floor_protocol.TelephoneGone(_, operator) if operator == self.leg.operator:
                await self.watch.begin(self.leg.id, item)
        if self.colleague is not None:
            await called_in.look(self, item, self.colleague)
        if now >= self.watch.until:
            await self.watch.over()
        if now >= self._via_by:
            await self.happens(TalkEvent.LINE_GONE)
        if now >= self._sit_by:
            await self.sit()
        if now >= self.rings_until and self.colleague is not None:
            # His leg says when it is gone, or there; nobody is rung again before that.
            self.rings_until = math.inf
            rings = await looked_at(self.call.services.link, self.colleague.id)
            if rings is not OfferState.ACCEPTED:
                self.offer = next_offer_state(self.offer, rings)
                await self.call.services.link.send(operations.HANG_UP(self.colleague.id))

    async def happens(self, what: TalkEvent, told: str | None = None) -> bool:
        """False: it cannot be now. `told`: what the operator hears before he is with the caller again."""
        if self.told is not None and what in called_in.NEEDS_COLLEAGUE:
            await called_in.joins(self)
        before = self.talk
        self.talk, then = after(before, what)
        match then:
            case TalkOutcome.REFUSED:
                return False
            case TalkOutcome.GOES_ON if what is TalkEvent.ANSWERED:
                self._joined()
                await self.sit()
            case TalkOutcome.GOES_ON:
                self._place()
                await self.sit()
            case TalkOutcome.BACK:
                await self._back(before, told)
            case TalkOutcome.HANDED_OVER:
                await self._handed_over(before, what)
            case TalkOutcome.ENDS | TalkOutcome.LOST | TalkOutcome.RINGS_ON:
                await self._ended(then, what)
        return True

    # What the table says, done

    def _place(self) -> None:
        self.call.set(replace(self.call.state, place=self.talk.place.value or None))

    async def sit(self) -> None:
        """Everybody goes to where he must be now."""
        self._sit_after, self._sit_by = None, math.inf
        wanted = bridge_layout(self.talk, self.call.channel)
        requests = moves(self._seats, wanted, self.call.channel)
        self._seats = wanted
        line, self._hang_up = self._hang_up, None
        if line is not None:
            requests.append(operations.HANG_UP(line))
        hushed = [operations.STOP(playback) for playback in self.says.values()] if requests else []
        if hushed:
            self.says.clear()
        await self.call.step(*hushed, *requests)

    async def _sit_as_found(self, ear: str) -> None:
        """After a restart. The ringing that a former controller lets the operator hear on his line `ear` goes on, or
        ends if his colleague is there by now."""
        colleague = self.talk.colleague
        rings = {ear: ringing} if (ringing := left_ringing(self.talk)) is not None else {}
        if colleague is not None and colleague.there:
            self.says |= rings
            rings = {}
        await self.sit()
        self.says |= rings

    async def heard_enough(self) -> None:
        """The operator has pressed a key: what he hears ends, and what was to come after it comes now."""
        if self._sit_after is not None:
            await self.sit()

    async def held_by_telephone(self, *, on: bool) -> None:
        """Asterisk plays music to the caller by itself, but not if the operator heard a prompt of ours at that moment:
        then the hold is lost on its way, and only we know of it."""
        caller, self.call.on_hold = self.call.channel, on
        if self.talk.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED, OperatorPlace.ASIDE):
            await self.call.step(operations.MUSIC(caller, mohClass=MUSIC) if on else operations.STOP_MUSIC(caller))

    @property
    def _lines(self) -> tuple[str, ...]:
        """Other lines of the operator's telephone, on which he asks or hears why not."""
        return tuple(line for line in (self.talk.via, self._hang_up) if line is not None)

    def _ear(self, talk: Talk) -> Leg:
        """Where the operator listens while he asks somebody."""
        return Leg(talk.via, self.leg.operator) if talk.via is not None else self.leg

    async def attach(self, via: str) -> bool:
        """After a restart the operator's other line says which one it is."""
        if self.talk.place is not OperatorPlace.ASIDE or self.talk.via is not None:
            return False
        self.talk, self._via_by = replace(self.talk, via=via), math.inf
        await self._sit_as_found(via)
        await self.call.services.link.send(*refer.again(self.talk))
        return True

    async def tell(self, leg: Leg, text: str) -> str | None:
        """Says a text to an operator alone, in his first language; the playback, None where there is no audio."""
        media = spoken(self.call, leg.operator, text)
        return await self.sound(leg, media) if media is not None else None

    async def sound(self, leg: Leg, media: str, playback: str | None = None) -> str:
        playback = playback or new_name()
        before = self.says.get(leg.id)
        stop = [operations.STOP(before)] if before is not None else []
        self.says[leg.id] = playback
        await self.call.step(*stop, operations.PLAY(leg.id, playback, media=media))
        return playback

    async def invite(self, offer: floor_protocol.Offer, via: str | None = None) -> None:
        """The colleague is rung. That he is asked is written before. `via`: the operator's line for it, if not that on
        which he has the caller."""
        call, role = self.call, Role(offer.role)
        leg = Leg(offer.id, offer.operator)
        self.talk, then = invited(self.talk, Colleague(leg.id, leg.operator, role), via)
        if then is TalkOutcome.REFUSED:
            call.services.to_floor(
                floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN)
            )
            return
        self.colleague, self.offer = leg, OfferState.RINGING
        self.rings_until = asyncio.get_running_loop().time() + offer.ring_s
        call.services.route(leg.id, call)
        self._place()
        await self.sit()
        await call.services.link.send(
            create_leg(call, leg, offer.ring_s, display(call.state, leg.operator, role), role), refused=call.refused
        )
        call.services.recorder.offered(offer)
        call.event("offered", operator=offer.operator, offer=offer.id, role=role.value)
        if role is Role.CONSULTED:
            await self.sound(self._ear(self.talk), RINGING, ringing_for(leg.id))

    def _joined(self) -> None:
        call, leg = self.call, self.colleague
        assert leg is not None and self.talk.colleague is not None
        role = self.talk.colleague.role
        call.services.to_floor(floor_protocol.Accepted(leg.id, call.state.id, leg.operator))
        call.services.recorder.offer_ended(leg.id, OfferState.ACCEPTED)
        call.services.recorder.joined(call.state.id, leg.id, leg.operator, role)
        call.event("joined", operator=leg.operator, offer=leg.id, role=role.value)

    def colleague_left(self, by: str, *, there: bool) -> None:
        """He is out of it, as the floor and the records see it."""
        call, leg = self.call, self.colleague
        assert leg is not None
        if self.told is not None:  # has picked up, and is not with anybody yet
            there, self.offer = False, OfferState.WITHDRAWN
        self.colleague, self.rings_until, self.told = None, math.inf, None
        if not there:
            leg.offer_ended(call, self.offer if self.offer is not OfferState.RINGING else OfferState.WITHDRAWN)
            return
        call.services.unroute(leg.id)
        leg.free(call)
        call.services.recorder.pairing_ended(leg.id, by)
        call.event("left", operator=leg.operator, offer=leg.id, by=by)

    async def _back(self, before: Talk, told: str | None) -> None:
        """The operator is with the caller again; first he hears why, while the caller hears music."""
        assert before.colleague is not None
        colleague = self.colleague
        self._place()
        self._hang_up, self._via_by = before.via, math.inf
        if told is None and colleague is not None:
            await self.call.step(operations.HANG_UP(colleague.id))
            await until_gone(self.call, colleague.id)
        self.colleague_left("operator" if told is None else "colleague", there=before.colleague.there)
        if before.place is OperatorPlace.ASIDE and before.via is None:
            await self.call.services.link.send(*refer.again(self.talk))  # not asked as long as that line was not known
        if told is not None and before.place in (OperatorPlace.CONSULTS, OperatorPlace.ASIDE):
            self._sit_after = await self.tell(self._ear(before), told)
            if self._sit_after is not None:
                self._sit_by = asyncio.get_running_loop().time() + _SAID_S
                return
        await self.sit()

    async def _handed_over(self, before: Talk, what: TalkEvent) -> None:
        call, former, leg = self.call, self.leg, self.colleague
        assert leg is not None
        self.leg, self.colleague, call.on_hold = leg, None, False
        await conversation_recording.end(call, former.id)
        call.set(
            replace(
                call.state,
                offer=leg.id,
                operator=leg.operator,
                place=None,
                connected_at=time.time(),
                first=False,
                transfer=Transfer.decode(call.state.transfer).made((), former.operator, time.time()).taken().encode(),
            )
        )
        here = what is TalkEvent.COMPLETE
        wanted = bridge_layout(self.talk, call.channel)
        requests = moves(self._seats, wanted, call.channel)
        self._seats = wanted
        self.says.clear()
        lines = [*([former.id] if here else ()), *([before.via] if before.via is not None else ())]
        former.conversation_ends(call, "transfer")
        await self.call.step(*requests, *(operations.HANG_UP(line) for line in lines))
        try:
            if here:
                await until_gone(self.call, former.id, gone_too=True)
        finally:
            former.conversation_ended(call, "transfer", recorded=True)  # from here on nobody else would free him
            call.services.recorder.connected(call.state)
            call.event("handed_over", operator=leg.operator, by=former.operator)
        if await holds(call.services.link, leg.id):
            await self.held_by_telephone(on=True)  # he did so while he was asked, which was nobody's business
        await conversation_recording.begin(call, bridge_of(leg.id), leg.id)

    async def leaves(self, transfer: Transfer, language: str, topic: str | None, *tells: Request) -> None:
        """The caller goes on to somebody else; the operator is free. `tells`: his telephone, with the state."""
        call = self.call
        self.talk, then = after(self.talk, TalkEvent.TRANSFER)
        assert then is TalkOutcome.LEAVES
        self._by = "transfer"
        await conversation_recording.end(call, self.leg.id)
        call.set(replace(call.state.without_operator(), transfer=transfer.encode(), language=language, topic=topic))
        await self._everybody_out(self.leg.id, tells=tells)
        self._ends = then

    async def _ended(self, then: TalkOutcome, what: TalkEvent) -> None:
        call, former, colleague = self.call, self.leg, self.colleague
        self._by = "lost" if what is TalkEvent.OPERATOR_LOST else "operator"
        await conversation_recording.end(call, former.id)
        call.set(call.state.without_operator())
        rings_on = colleague if then is TalkOutcome.RINGS_ON else None
        if rings_on is not None:
            self._by = "transfer" if self._by == "operator" else self._by
            made = Transfer.decode(call.state.transfer).made((), former.operator, time.time())
            call.set(replace(call.state, transfer=made.encode()))
        await self._everybody_out(*([former.id] if what is TalkEvent.COMPLETE else ()), but=rings_on)
        if rings_on is not None:
            call.leg = rings_on.rung_on(call, self.rings_until - asyncio.get_running_loop().time())
        self._ends = then

    async def _everybody_out(self, *legs: str, but: Leg | None = None, tells: Sequence[Request] = ()) -> None:
        """Ends the conversation with its bridges, these legs and the colleague's, `but` if he is rung on, and waits
        until the caller is out: a prompt for a channel that is still on its way is never heard."""
        call, colleague = self.call, self.colleague if but is None else None
        legs = (*legs, *([colleague.id] if colleague is not None else ()))
        quiet = [operations.STOP_MUSIC(call.channel)] if call.on_hold or call.channel in self._seats.music else []
        bridges = [operations.DELETE_BRIDGE(bridge) for bridge in self._seats.bridges]
        self.leg.conversation_ends(call, self._by)
        await self.call.step(*tells, *quiet, *bridges, *(operations.HANG_UP(line) for line in (*legs, *self._lines)))
        await until_gone(self.call, *legs, out=True)
        if colleague is not None:
            self.colleague_left("operator", there=self.offer is OfferState.ACCEPTED)
        self.leg.conversation_ended(call, self._by, recorded=True)

    async def _breaks_off(self, by: str) -> None:
        """The caller has gone, or cannot stay. Nobody is left in a bridge without the one for whom he is there."""
        call, legs = self.call, [self.leg.id, *([self.colleague.id] if self.colleague is not None else ())]
        try:
            await conversation_recording.end(call, self.leg.id)
            await call.services.link.send(
                *(operations.STOP(playback) for playback in self.says.values()),  # else Asterisk's log calls it failed
                *(operations.DELETE_BRIDGE(bridge) for bridge in self._seats.bridges),
                *(operations.HANG_UP(line) for line in (*legs, *self._lines)),
            )
            await until_gone(self.call, *legs, gone_too=True)
        finally:
            if self.colleague is not None:
                self.colleague_left(by, there=self.offer is OfferState.ACCEPTED)
            self.leg.conversation_ended(call, self._by if by == "caller" else by)
            call.set(call.state.without_operator() if by == "lost" else call.state)

    async def resume(self, where: BridgeLayout) -> None:
        """After a restart: everybody is put where he must be, if he is not. `where`: as Asterisk has them."""
        call, talk = self.call, self.talk
        call.set(replace(call.state, place=talk.place.value or None))
        if talk.colleague is not None:
            self.colleague = Leg(talk.colleague.leg, talk.colleague.operator)
            call.services.route(self.colleague.id, call)
            self.offer = OfferState.ACCEPTED if talk.colleague.there else OfferState.RINGING
            if talk.colleague.there:
                await call.services.link.send(operations.STOP(playback_of(self.colleague.id)))
                self._joined()
            else:
                self.rings_until = asyncio.get_running_loop().time() + call.services.site.operators.ring_s
        wanted = bridge_layout(talk, call.channel)
        if where.bridges != wanted.bridges or wanted.music:
            self._seats = replace(where, music=frozenset({call.channel}) if not wanted.music else frozenset())
            await self._sit_as_found(self.leg.id)
        self._seats = wanted
        if talk.place is OperatorPlace.ASIDE:
            self._via_by = asyncio.get_running_loop().time() + _LINE_S
        await call.services.link.send(*refer.again(talk))
