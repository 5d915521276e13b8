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
from ivr.call.bridge_moves import MUSIC, bridge_requests
from ivr.call.call import Call, CallerGone, Item
from ivr.call.leg import Leg, check_unanswered_leg, create_leg, wait_until_gone
from ivr.call.playback import new_name
from ivr.model import floor_protocol
from ivr.model.talk_table import (
    BridgeLayout,
    Colleague,
    OperatorPlace,
    Talk,
    TalkEvent,
    TalkOutcome,
    apply_event,
    bridge_layout,
    bridge_name,
    invite,
)
from ivr.talk import colleague_leg, grants, refer, request_handler
from ivr.talk.code_reader import CodeReader
from ivr.talk.operator_prompts import RINGING, find_media, leftover_ringing, ringing_name
from ivr.talk.telephone_watch import TelephoneWatch, is_holding
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper, display, whisper_name
from routing.states import OfferState, offer_state_after

_NORMAL = (0, 16)
"""ITU-T Q.850 causes of an operator who hung up; others mean that his telephone was lost."""

_ATTACH_S = 3.0
"""How long a controller that starts waits for the operator's other line to say that it is still there."""

_PROMPT_S = 6.0
"""No prompt to an operator lasts longer; then he is with his caller again whatever became of it."""


class Conversation:
    """`run` says how it ended: ENDS, LOST, LEAVES or RINGS_ON; then nobody but the caller and, with RINGS_ON, the
    colleague who is rung is left. Raises CallerGone once all legs are gone with him."""

    def __init__(self, call: Call, leg: Leg, talk: Talk | None = None) -> None:
        self.call = call
        self.leg = leg
        self.state = talk or Talk(leg.id)
        self.codes = CodeReader(call.services.site.codes)
        self.colleague: Leg | None = None
        self.rings_until = math.inf
        self.offer = OfferState.RINGING  # of the colleague
        self._layout = bridge_layout(Talk(leg.id), call.channel)
        self.playbacks: dict[str, str] = {}  # by leg: what it hears
        self._layout_after: str | None = None  # the playback after which all are seated
        self._layout_by = math.inf
        self._via_by = math.inf  # then the operator's other line must have said that it is there
        self._line_to_hang_up: str | None = None  # the other line, once he has heard why
        self._outcome: TalkOutcome | None = None
        self._ended_by = "caller"  # who ends it, unless somebody else does
        call.on_hold = False
        self.watch = TelephoneWatch(call)
        self.whisper: Whisper | None = None  # what the colleague hears before joining
        self.answered_refers: set[str] = set()  # channels whose own transfer key was heard, since this controller began

    # From its beginning to its end

    async def run(self, *, begins: bool) -> TalkOutcome:
        try:
            if begins:
                await grants.add_interpreter(self)
            while self._outcome is None:
                until = min(self.rings_until, self._layout_by, self._via_by, self.watch.until, self.codes.until)
                until = min(until, self.whisper.until if self.whisper is not None else math.inf)
                item = await self.call.next(until)
                self.call.keys.clear()
                await self._handle_item(item)
                if self._outcome is None:
                    await request_handler.handle_item(self, item)
        except (LinkLost, TimeoutError):
            raise  # the next connection finds them all
        except Exception as why:
            await self._abort("caller" if isinstance(why, CallerGone) else "lost")
            raise
        return self._outcome

    async def _handle_item(self, item: Item) -> None:
        now = asyncio.get_running_loop().time()
        match item:
            case events.StasisEnd(channel) if channel == self.leg.id:
                self.leg.report_free(self.call)
            case events.ChannelDestroyed(channel, cause) if channel == self.leg.id:
                normal = cause in _NORMAL and channel not in self.watch.lost
                await self.apply(TalkEvent.OPERATOR_GONE if normal else TalkEvent.OPERATOR_LOST)
            case events.PlaybackFinished(playback):
                self.playbacks = {leg: each for leg, each in self.playbacks.items() if each != playback}
                if playback == self._layout_after:
                    await self.apply_layout()
            case floor_protocol.TelephoneGone(_, operator) if operator == self.leg.operator:
                await self.watch.add(self.leg.id, item)
        if self.colleague is not None:
            await colleague_leg.handle_item(self, item, self.colleague)
        if now >= self.watch.until:
            await self.watch.finish()
        if now >= self._via_by:
            await self.apply(TalkEvent.LINE_GONE)
        if now >= self._layout_by:
            await self.apply_layout()
        if now >= self.rings_until and self.colleague is not None:
            # His leg says when it is gone, or there; nobody is rung again before that.
            self.rings_until = math.inf
            rings = await check_unanswered_leg(self.call.services.link, self.colleague.id)
            if rings is not OfferState.ACCEPTED:
                self.offer = offer_state_after(self.offer, rings)
                await self.call.services.link.send(operations.HANG_UP(self.colleague.id))

    async def apply(self, what: TalkEvent, told: str | None = None) -> bool:
        """False: it cannot be now. `told`: what the operator hears before he is with the caller again."""
        if self.whisper is not None and what in colleague_leg.NEEDS_COLLEAGUE:
            await colleague_leg.join(self)
        before = self.state
        self.state, then = apply_event(before, what)
        match then:
            case TalkOutcome.REFUSED:
                return False
            case TalkOutcome.GOES_ON if what is TalkEvent.ANSWERED:
                self._report_joined()
                await self.apply_layout()
            case TalkOutcome.GOES_ON:
                self._write_place()
                await self.apply_layout()
            case TalkOutcome.BACK:
                await self._return_to_caller(before, told)
            case TalkOutcome.HANDED_OVER:
                await self._hand_over(before, what)
            case TalkOutcome.ENDS | TalkOutcome.LOST | TalkOutcome.RINGS_ON:
                await self._end(then, what)
        return True

    # What the table says, done

    def _write_place(self) -> None:
        self.call.set(replace(self.call.state, operator_place=self.state.place.value or None))

    async def apply_layout(self) -> None:
        """Everybody goes to where he must be now."""
        self._layout_after, self._layout_by = None, math.inf
        wanted = bridge_layout(self.state, self.call.channel)
        requests = bridge_requests(self._layout, wanted, self.call.channel)
        self._layout = wanted
        line, self._line_to_hang_up = self._line_to_hang_up, None
        if line is not None:
            requests.append(operations.HANG_UP(line))
        hushed = [operations.STOP(playback) for playback in self.playbacks.values()] if requests else []
        if hushed:
            self.playbacks.clear()
        await self.call.step(*hushed, *requests)

    async def _restore_layout(self, ear: str) -> None:
        """After a restart. The ringing that a former controller lets the operator hear on his line `ear` goes on, or
        ends if his colleague is there by now."""
        colleague = self.state.colleague
        rings = {ear: ringing} if (ringing := leftover_ringing(self.state)) is not None else {}
        if colleague is not None and colleague.there:
            self.playbacks |= rings
            rings = {}
        await self.apply_layout()
        self.playbacks |= rings

    async def skip_prompt(self) -> None:
        """The operator has pressed a key: what he hears ends, and what was to come after it comes now."""
        if self._layout_after is not None:
            await self.apply_layout()

    async def set_telephone_hold(self, *, on: bool) -> None:
        """Asterisk plays music to the caller by itself, but not if the operator heard a prompt of ours at that moment:
        then the hold is lost on its way, and only we know of it."""
        caller, self.call.on_hold = self.call.channel, on
        if self.state.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED, OperatorPlace.ASIDE):
            await self.call.step(operations.MUSIC(caller, mohClass=MUSIC) if on else operations.STOP_MUSIC(caller))

    @property
    def _lines(self) -> tuple[str, ...]:
        """Other lines of the operator's telephone, on which he asks or hears why not."""
        return tuple(line for line in (self.state.via, self._line_to_hang_up) if line is not None)

    def _consulting_leg(self, talk: Talk) -> Leg:
        """Where the operator listens while he asks somebody."""
        return Leg(talk.via, self.leg.operator) if talk.via is not None else self.leg

    async def attach(self, via: str) -> bool:
        """After a restart the operator's other line says which one it is."""
        if self.state.place is not OperatorPlace.ASIDE or self.state.via is not None:
            return False
        self.state, self._via_by = replace(self.state, via=via), math.inf
        await self._restore_layout(via)
        await self.call.services.link.send(*refer.repeat_requests(self.state))
        return True

    async def tell(self, leg: Leg, text: str) -> str | None:
        """Says a text to an operator alone, in his first language; the playback, None where there is no audio."""
        media = find_media(self.call, leg.operator, text)
        return await self.play(leg, media) if media is not None else None

    async def play(self, leg: Leg, media: str, playback: str | None = None) -> str:
        playback = playback or new_name("talk")
        before = self.playbacks.get(leg.id)
        stop = [operations.STOP(before)] if before is not None else []
        self.playbacks[leg.id] = playback
        await self.call.step(*stop, operations.PLAY(leg.id, playback, media=media))
        return playback

    async def invite(self, offer: floor_protocol.Offer, via: str | None = None) -> None:
        """The colleague is rung. That he is asked is written before. `via`: the operator's line for it, if not that on
        which he has the caller."""
        call, role = self.call, Role(offer.role)
        leg = Leg(offer.id, offer.operator)
        self.state, then = invite(self.state, Colleague(leg.id, leg.operator, role), via)
        if then is TalkOutcome.REFUSED:
            call.services.to_floor(
                floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN)
            )
            return
        self.colleague, self.offer = leg, OfferState.RINGING
        self.rings_until = asyncio.get_running_loop().time() + offer.ring_s
        call.services.route(leg.id, call)
        self._write_place()
        await self.apply_layout()
        await call.services.link.send(
            create_leg(call, leg, offer.ring_s, display(call.state, leg.operator, role), role), refused=call.refused
        )
        call.services.recorder.offered(offer)
        call.event("offered", operator=offer.operator, offer=offer.id, role=role.value)
        if role is Role.CONSULTED:
            await self.play(self._consulting_leg(self.state), RINGING, ringing_name(leg.id))

    def _report_joined(self) -> None:
        call, leg = self.call, self.colleague
        assert leg is not None and self.state.colleague is not None
        role = self.state.colleague.role
        call.services.to_floor(floor_protocol.Accepted(leg.id, call.state.id, leg.operator))
        call.services.recorder.offer_ended(leg.id, OfferState.ACCEPTED)
        call.services.recorder.joined(call.state.id, leg.id, leg.operator, role)
        call.event("joined", operator=leg.operator, offer=leg.id, role=role.value)

    def _report_left(self, by: str, *, there: bool) -> None:
        """He is out of it, as the floor and the records see it."""
        call, leg = self.call, self.colleague
        assert leg is not None
        if self.whisper is not None:  # has picked up, and is not with anybody yet
            there, self.offer = False, OfferState.WITHDRAWN
        self.colleague, self.rings_until, self.whisper = None, math.inf, None
        if not there:
            leg.report_offer_ended(call, self.offer if self.offer is not OfferState.RINGING else OfferState.WITHDRAWN)
            return
        call.services.unroute(leg.id)
        leg.report_free(call)
        call.services.recorder.pairing_ended(leg.id, by)
        call.event("left", operator=leg.operator, offer=leg.id, by=by)

    async def _return_to_caller(self, before: Talk, told: str | None) -> None:
        """The operator is with the caller again; first he hears why, while the caller hears music."""
        assert before.colleague is not None
        colleague = self.colleague
        self._write_place()
        self._line_to_hang_up, self._via_by = before.via, math.inf
        if told is None and colleague is not None:
            await self.call.step(operations.HANG_UP(colleague.id))
            await wait_until_gone(self.call, colleague.id)
        self._report_left("operator" if told is None else "colleague", there=before.colleague.there)
        if before.place is OperatorPlace.ASIDE and before.via is None:
            await self.call.services.link.send(
                *refer.repeat_requests(self.state)
            )  # not asked as long as that line was not known
        if told is not None and before.place in (OperatorPlace.CONSULTS, OperatorPlace.ASIDE):
            self._layout_after = await self.tell(self._consulting_leg(before), told)
            if self._layout_after is not None:
                self._layout_by = asyncio.get_running_loop().time() + _PROMPT_S
                return
        await self.apply_layout()

    async def _hand_over(self, before: Talk, what: TalkEvent) -> None:
        call, former, leg = self.call, self.leg, self.colleague
        assert leg is not None
        self.leg, self.colleague, call.on_hold = leg, None, False
        await conversation_recording.end(call, former.id)
        call.set(
            replace(
                call.state,
                offer=leg.id,
                operator=leg.operator,
                operator_place=None,
                connected_at=time.time(),
                first=False,
                transfer=Transfer.decode(call.state.transfer)
                .hand_on((), former.operator, time.time())
                .complete()
                .encode(),
            )
        )
        here = what is TalkEvent.COMPLETE
        wanted = bridge_layout(self.state, call.channel)
        requests = bridge_requests(self._layout, wanted, call.channel)
        self._layout = wanted
        self.playbacks.clear()
        lines = [*([former.id] if here else ()), *([before.via] if before.via is not None else ())]
        former.record_conversation_end(call, "transfer")
        await self.call.step(*requests, *(operations.HANG_UP(line) for line in lines))
        try:
            if here:
                await wait_until_gone(self.call, former.id, even_if_gone=True)
        finally:
            former.end_conversation(call, "transfer", recorded=True)  # from here on nobody else would free him
            call.services.recorder.connected(call.state)
            call.event("handed_over", operator=leg.operator, by=former.operator)
        if await is_holding(call.services.link, leg.id):
            await self.set_telephone_hold(on=True)  # he did so while he was asked, which was nobody's business
        await conversation_recording.begin(call, bridge_name(leg.id), leg.id)

    async def transfer(self, transfer: Transfer, language: str, topic: str | None, *tells: Request) -> None:
        """The caller goes on to somebody else; the operator is free. `tells`: his telephone, with the state."""
        call = self.call
        self.state, then = apply_event(self.state, TalkEvent.TRANSFER)
        assert then is TalkOutcome.LEAVES
        self._ended_by = "transfer"
        await conversation_recording.end(call, self.leg.id)
        call.set(replace(call.state.without_operator(), transfer=transfer.encode(), language=language, topic=topic))
        await self._dissolve(self.leg.id, tells=tells)
        self._outcome = then

    async def _end(self, then: TalkOutcome, what: TalkEvent) -> None:
        call, former, colleague = self.call, self.leg, self.colleague
        self._ended_by = "lost" if what is TalkEvent.OPERATOR_LOST else "operator"
        await conversation_recording.end(call, former.id)
        call.set(call.state.without_operator())
        rings_on = colleague if then is TalkOutcome.RINGS_ON else None
        if rings_on is not None:
            self._ended_by = "transfer" if self._ended_by == "operator" else self._ended_by
            made = Transfer.decode(call.state.transfer).hand_on((), former.operator, time.time())
            call.set(replace(call.state, transfer=made.encode()))
        await self._dissolve(*([former.id] if what is TalkEvent.COMPLETE else ()), but=rings_on)
        if rings_on is not None:
            call.leg = rings_on.state_as_consulted(call, self.rings_until - asyncio.get_running_loop().time())
        self._outcome = then

    async def _dissolve(self, *legs: str, but: Leg | None = None, tells: Sequence[Request] = ()) -> None:
        """Ends the conversation with its bridges, these legs and the colleague's, `but` if he is rung on, and waits
        until the caller is out: a prompt for a channel that is still on its way is never heard."""
        call, colleague = self.call, self.colleague if but is None else None
        legs = (*legs, *([colleague.id] if colleague is not None else ()))
        quiet = [operations.STOP_MUSIC(call.channel)] if call.on_hold or call.channel in self._layout.music else []
        bridges = [operations.DELETE_BRIDGE(bridge) for bridge in self._layout.bridges]
        self.leg.record_conversation_end(call, self._ended_by)
        await self.call.step(*tells, *quiet, *bridges, *(operations.HANG_UP(line) for line in (*legs, *self._lines)))
        await wait_until_gone(self.call, *legs, out=True)
        if colleague is not None:
            self._report_left("operator", there=self.offer is OfferState.ACCEPTED)
        self.leg.end_conversation(call, self._ended_by, recorded=True)

    async def _abort(self, by: str) -> None:
        """The caller has gone, or cannot stay. Nobody is left in a bridge without the one for whom he is there."""
        call, legs = self.call, [self.leg.id, *([self.colleague.id] if self.colleague is not None else ())]
        try:
            await conversation_recording.end(call, self.leg.id)
            await call.services.link.send(
                *(
                    operations.STOP(playback) for playback in self.playbacks.values()
                ),  # else Asterisk's log calls it failed
                *(operations.DELETE_BRIDGE(bridge) for bridge in self._layout.bridges),
                *(operations.HANG_UP(line) for line in (*legs, *self._lines)),
            )
            await wait_until_gone(self.call, *legs, even_if_gone=True)
        finally:
            if self.colleague is not None:
                self._report_left(by, there=self.offer is OfferState.ACCEPTED)
            self.leg.end_conversation(call, self._ended_by if by == "caller" else by)
            call.set(call.state.without_operator() if by == "lost" else call.state)

    async def resume(self, where: BridgeLayout) -> None:
        """After a restart: everybody is put where he must be, if he is not. `where`: as Asterisk has them."""
        call, talk = self.call, self.state
        call.set(replace(call.state, operator_place=talk.place.value or None))
        if talk.colleague is not None:
            self.colleague = Leg(talk.colleague.leg, talk.colleague.operator)
            call.services.route(self.colleague.id, call)
            self.offer = OfferState.ACCEPTED if talk.colleague.there else OfferState.RINGING
            if talk.colleague.there:
                await call.services.link.send(operations.STOP(whisper_name(self.colleague.id)))
                self._report_joined()
            else:
                self.rings_until = asyncio.get_running_loop().time() + call.services.site.operators.ring_s
        wanted = bridge_layout(talk, call.channel)
        if where.bridges != wanted.bridges or wanted.music:
            self._layout = replace(where, music=frozenset({call.channel}) if not wanted.music else frozenset())
            await self._restore_layout(self.leg.id)
        self._layout = wanted
        if talk.place is OperatorPlace.ASIDE:
            self._via_by = asyncio.get_running_loop().time() + _ATTACH_S
        await call.services.link.send(*refer.repeat_requests(talk))
