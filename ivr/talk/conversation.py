"""A conversation in progress: events are looked up in the table, and everybody is moved to where they belong.

It runs in the caller's own coroutine. The state is written before its effect, and the requests of one transition are
sent together, so a controller that starts in the middle finds either the old state or the new one, complete.
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
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone
from ivr.call.items import Item
from ivr.call.leg import Leg, create_leg, wait_until_gone
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
from ivr.talk.operator_prompts import RINGING, OperatorPrompts, leftover_ringing, ringing_name
from ivr.talk.page_return import PageReturn
from ivr.talk.telephone_watch import TelephoneWatch, is_holding
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper, display, whisper_name
from routing.states import OfferState

_NORMAL = (0, 16)
"""ITU-T Q.850 causes of an operator who hung up; any other means that their telephone was lost."""

_ATTACH_S = 3.0
"""How long a controller that starts waits for the operator's other line to attach."""


class Conversation:
    """A conversation of a caller, their operator, and at most one colleague."""

    def __init__(self, call: Call, leg: Leg, state: Talk | None = None) -> None:
        self.call = call
        self.leg = leg
        self.state = state or Talk(leg.id)  # who is where, by the table
        self.codes = CodeReader(call.services.site.codes)
        self.colleague: Leg | None = None
        self.rings_until = math.inf  # of the colleague's telephone, by the loop's clock
        self.offer = OfferState.RINGING  # of the colleague
        self.whisper: Whisper | None = None  # to the colleague before they join
        self.prompts = OperatorPrompts(call)
        self.answered_refers: set[str] = set()  # channels whose REFER this controller has answered
        self.watch = TelephoneWatch(call)
        self.page = PageReturn(self)
        self._layout = bridge_layout(Talk(leg.id), call.channel)
        self._via_by = math.inf  # when the operator's other line must have attached
        self._line_to_hang_up: str | None = None  # the other line, once the operator has heard the reason
        self._outcome: TalkOutcome | None = None
        self._ended_by = "caller"  # unless somebody else ends it

    # From beginning to end

    async def run(self, *, begins: bool) -> TalkOutcome:
        """Run the conversation and return how it ended: ENDS, LOST, LEAVES or RINGS_ON.

        Only the caller is left then and, with RINGS_ON, the colleague whose telephone rings. Raises CallerGone once all
        legs are gone after the caller.
        """
        try:
            if begins:
                await grants.add_expert(self)
            while self._outcome is None:
                until = min(self.rings_until, self.prompts.until, self._via_by, self.watch.until, self.codes.until)
                until = min(until, self.page.until)
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
        finally:
            self.call.on_hold = self.call.page_gone = False  # also for the next operator
        return self._outcome

    async def _handle_item(self, item: Item) -> None:
        now = asyncio.get_running_loop().time()
        match item:
            case _ if await self.page.takes(item):
                return
            case events.StasisEnd(channel) if channel.id == self.leg.id:
                self.leg.report_free(self.call)
            case events.ChannelDestroyed(channel, cause) if channel.id == self.leg.id:
                normal = cause in _NORMAL and channel.id not in self.watch.lost
                await self.apply(TalkEvent.OPERATOR_GONE if normal else TalkEvent.OPERATOR_LOST)
            case events.PlaybackFinished(playback):
                self.prompts.end(playback.id)
                if playback.id == self.prompts.first:
                    await self.apply_layout()
            case floor_protocol.TelephoneGone(_, operator) | floor_protocol.TelephoneBack(_, operator) if (
                operator == self.leg.operator
            ):
                await self.watch.add(self.leg.id, item)
        if self.colleague is not None:
            await colleague_leg.handle_item(self, item, self.colleague)
        if now >= self.watch.until:
            await self.page.lost(await self.watch.finish())
        if now >= self.page.until:
            await self.page.finish()
        if now >= self._via_by:
            await self.apply(TalkEvent.LINE_GONE)
        if now >= self.prompts.until:
            await self.apply_layout()
        if now >= self.rings_until and self.colleague is not None:
            await colleague_leg.stop_ringing(self, self.colleague)

    async def apply(self, event: TalkEvent, prompt: str | None = None) -> bool:
        """Apply an event. Return False if that is not possible now.

        `prompt`: what the operator hears before they are back with the caller.
        """
        if self.whisper is not None and event in colleague_leg.NEEDS_COLLEAGUE:
            await colleague_leg.join(self)
        before = self.state
        self.state, outcome = apply_event(before, event)
        self.call.page_gone = self.state.gone
        match outcome:
            case TalkOutcome.REFUSED:
                return False
            case TalkOutcome.GOES_ON if event is TalkEvent.ANSWERED:
                self._report_joined()
                await self.apply_layout()
            case TalkOutcome.GOES_ON:
                self._write_place()
                if prompt is None or not await self.prompts.tell_first(self.leg, prompt):
                    await self.apply_layout()
            case TalkOutcome.BACK:
                await self._return_to_caller(before, prompt)
            case TalkOutcome.HANDED_OVER:
                await self._hand_over(before, event)
            case TalkOutcome.ENDS | TalkOutcome.LOST | TalkOutcome.RINGS_ON:
                await self._end(outcome, event)
        return True

    # Acting on the outcome

    def _write_place(self) -> None:
        self.call.set(self.call.state.replace(operator_place=self.state.place))

    async def apply_layout(self) -> None:
        """Move everybody to where they belong now."""
        self.prompts.wait_for_none()
        wanted = bridge_layout(self.state, self.call.channel)
        requests = bridge_requests(self._layout, wanted, self.call.channel)
        self._layout = wanted
        line, self._line_to_hang_up = self._line_to_hang_up, None
        if line is not None:
            requests.append(operations.HANG_UP(line))
        await self.call.step(*(self.prompts.stop_all() if requests else ()), *requests)

    async def _restore_layout(self, leg: str) -> None:
        """Apply the layout after a restart.

        The ringing tone that a former controller plays to the operator on `leg` continues, or ends if the colleague has
        joined by now.
        """
        colleague, ringing = self.state.colleague, leftover_ringing(self.state)
        joined = colleague is not None and colleague.there
        if ringing is not None and joined:
            self.prompts.adopt(leg, ringing)
        await self.apply_layout()
        if ringing is not None and not joined:
            self.prompts.adopt(leg, ringing)

    async def skip_prompt(self) -> None:
        """Stop a prompt for a key of the operator, and apply the layout that waits for its end."""
        if self.prompts.first is not None:
            await self.apply_layout()

    async def set_telephone_hold(self, *, on: bool) -> None:
        """Act on the hold key of the operator's telephone.

        Asterisk plays music to the caller by itself, unless a prompt of ours was playing to the operator at that
        moment: the hold is lost then, and only the controller knows about it.
        """
        caller, self.call.on_hold = self.call.channel, on
        if self.state.place in (OperatorPlace.TOGETHER, OperatorPlace.SWAPPED, OperatorPlace.ASIDE):
            await self.call.step(operations.MUSIC(caller, mohClass=MUSIC) if on else operations.STOP_MUSIC(caller))

    @property
    def _lines(self) -> tuple[str, ...]:
        """Other lines of the operator's telephone, used to consult or to hear why that failed."""
        return tuple(line for line in (self.state.via, self._line_to_hang_up) if line is not None)

    def _consulting_leg(self, talk: Talk) -> Leg:
        """Return the leg on which the operator listens while consulting somebody."""
        return Leg(talk.via, self.leg.operator) if talk.via is not None else self.leg

    async def attach(self, via: str) -> bool:
        """Attach the operator's other line, which reports itself after a restart."""
        if self.state.place is not OperatorPlace.ASIDE or self.state.via is not None:
            return False
        self.state, self._via_by = replace(self.state, via=via), math.inf
        await self._restore_layout(via)
        await self.call.services.link.send(*refer.repeat_requests(self.state))
        return True

    async def invite(self, offer: floor_protocol.Offer, via: str | None = None) -> None:
        """Ring a colleague; the state that says so is written first.

        `via`: the operator's line to the colleague, if it is not the one with the caller.
        """
        call, role = self.call, Role(offer.role)
        leg = Leg(offer.id, offer.operator)
        self.state, outcome = invite(self.state, Colleague(leg.id, leg.operator, role), via)
        if outcome is TalkOutcome.REFUSED:
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
            await self.prompts.play(self._consulting_leg(self.state), RINGING, ringing_name(leg.id))

    def _report_joined(self) -> None:
        assert self.colleague is not None and self.state.colleague is not None
        self.colleague.report_joined(self.call, self.state.colleague.role)

    def _report_left(self, by: str, *, there: bool) -> None:
        """Report to the floor and the records that the colleague has left."""
        call, leg = self.call, self.colleague
        assert leg is not None
        if self.whisper is not None:  # answered, but not connected with anybody yet
            there, self.offer = False, OfferState.WITHDRAWN
        self.colleague, self.rings_until, self.whisper = None, math.inf, None
        if not there:
            leg.report_offer_ended(call, self.offer if self.offer is not OfferState.RINGING else OfferState.WITHDRAWN)
        else:
            leg.report_left(call, by)

    async def _return_to_caller(self, before: Talk, prompt: str | None) -> None:
        """Bring the operator back to the caller, who hears music while the operator hears the reason."""
        assert before.colleague is not None
        colleague = self.colleague
        self._write_place()
        self._line_to_hang_up, self._via_by = before.via, math.inf
        if prompt is None and colleague is not None:
            await self.call.step(operations.HANG_UP(colleague.id))
            await wait_until_gone(self.call, colleague.id)
        self._report_left("operator" if prompt is None else "colleague", there=before.colleague.there)
        if before.place is OperatorPlace.ASIDE and before.via is None:
            # This had to wait until the other line was known.
            await self.call.services.link.send(*refer.repeat_requests(self.state))
        apart = prompt if before.place in (OperatorPlace.CONSULTS, OperatorPlace.ASIDE) else None
        self.prompts.missed = apart if before.gone else None
        if apart is None or before.gone or not await self.prompts.tell_first(self._consulting_leg(before), apart):
            await self.apply_layout()

    async def _hand_over(self, before: Talk, event: TalkEvent) -> None:
        call, former, leg = self.call, self.leg, self.colleague
        assert leg is not None
        self.leg, self.colleague, call.on_hold = leg, None, False
        await conversation_recording.end(call, former.id)
        transfer = Transfer.decode(call.state.transfer).hand_on((), former.operator, time.time()).complete()
        call.set(
            call.state.replace(
                offer=leg.id,
                operator=leg.operator,
                operator_place=OperatorPlace.TOGETHER,
                connected_at=time.time(),
                first=False,
                transfer=transfer.encode(),
            )
        )
        here = event is TalkEvent.COMPLETE
        wanted = bridge_layout(self.state, call.channel)
        requests = bridge_requests(self._layout, wanted, call.channel)
        self._layout = wanted
        requests = [*self.prompts.stop_all(), *requests]  # nobody enters a bridge before their prompts have ended
        lines = [*([former.id] if here else ()), *([before.via] if before.via is not None else ())]
        former.record_conversation_end(call, "transfer")
        await self.call.step(*requests, *(operations.HANG_UP(line) for line in lines))
        try:
            if here:
                await wait_until_gone(self.call, former.id, even_if_gone=True)
        finally:
            former.end_conversation(call, "transfer", recorded=True)  # nothing later would free the former operator
            call.services.recorder.connected(call.state)
            call.event("handed_over", operator=leg.operator, by=former.operator)
        if await is_holding(call.services.link, leg.id):
            await self.set_telephone_hold(on=True)  # put on hold during the consultation, when nothing reacted to it
        await conversation_recording.begin(call, bridge_name(leg.id), leg.id)

    async def transfer(self, transfer: Transfer, language: str, topic: str | None, *answers: Request) -> None:
        """Send the caller to somebody else and free the operator. `answers`: to their telephone, with the state."""
        call = self.call
        self.state, outcome = apply_event(self.state, TalkEvent.TRANSFER)
        assert outcome is TalkOutcome.LEAVES
        self._ended_by = "transfer"
        await conversation_recording.end(call, self.leg.id)
        call.set(call.state.without_operator().replace(transfer=transfer.encode(), language=language, topic=topic))
        await self._dissolve(self.leg.id, answers=answers)
        self._outcome = outcome

    async def _end(self, outcome: TalkOutcome, event: TalkEvent) -> None:
        call, former, colleague = self.call, self.leg, self.colleague
        self._ended_by = "lost" if event is TalkEvent.OPERATOR_LOST else "operator"
        await conversation_recording.end(call, former.id)
        call.set(call.state.without_operator())
        rings_on = colleague if outcome is TalkOutcome.RINGS_ON else None
        if rings_on is not None:
            self._ended_by = "transfer" if self._ended_by == "operator" else self._ended_by
            transfer = Transfer.decode(call.state.transfer).hand_on((), former.operator, time.time())
            call.set(call.state.replace(transfer=transfer.encode()))
        await self._dissolve(*([former.id] if event is TalkEvent.COMPLETE else ()), except_for=rings_on)
        if rings_on is not None:
            call.leg = rings_on.state_as_consulted(call, self.rings_until - asyncio.get_running_loop().time())
        self._outcome = outcome

    async def _dissolve(self, *legs: str, except_for: Leg | None = None, answers: Sequence[Request] = ()) -> None:
        """End the conversation with its bridges, these legs and the colleague's, unless it is to ring on.

        Wait until the caller is out of the bridge: a prompt for a channel that is still leaving is never heard.
        """
        call, colleague = self.call, self.colleague if except_for is None else None
        legs = (*legs, *([colleague.id] if colleague is not None else ()))
        quiet = [operations.STOP_MUSIC(call.channel)] if call.on_hold or call.channel in self._layout.music else []
        bridges = [operations.DELETE_BRIDGE(bridge) for bridge in self._layout.bridges]
        self.leg.record_conversation_end(call, self._ended_by)
        await self.call.step(*answers, *quiet, *bridges, *(operations.HANG_UP(line) for line in (*legs, *self._lines)))
        await wait_until_gone(self.call, *legs, out=True)
        if colleague is not None:
            self._report_left("operator", there=self.offer is OfferState.ACCEPTED)
        self.leg.end_conversation(call, self._ended_by, recorded=True)

    async def _abort(self, by: str) -> None:
        """End the conversation after the caller has gone or failed. Nobody stays in a bridge without them."""
        call, legs = self.call, [self.leg.id, *([self.colleague.id] if self.colleague is not None else ())]
        try:
            await conversation_recording.end(call, self.leg.id)
            await call.services.link.send(
                *self.prompts.stop_all(),  # otherwise Asterisk logs them as failed
                *(operations.DELETE_BRIDGE(bridge) for bridge in self._layout.bridges),
                *(operations.HANG_UP(line) for line in (*legs, *self._lines)),
            )
            await wait_until_gone(self.call, *legs, even_if_gone=True)
        finally:
            if self.colleague is not None:
                self._report_left(by, there=self.offer is OfferState.ACCEPTED)
            self.leg.end_conversation(call, self._ended_by if by == "caller" else by)
            call.set(call.state.without_operator() if by == "lost" else call.state)

    async def resume(self, found: BridgeLayout) -> None:
        """Continue after a restart: move everybody to where they belong. `found`: where Asterisk has them."""
        call, talk = self.call, self.state
        call.set(call.state.replace(operator_place=talk.place))
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
        if found.bridges != wanted.bridges or wanted.music:
            self._layout = replace(found, music=frozenset({call.channel}) if not wanted.music else frozenset())
            await self._restore_layout(self.leg.id)
        self._layout = wanted
        if talk.place is OperatorPlace.ASIDE:
            self._via_by = asyncio.get_running_loop().time() + _ATTACH_S
        await call.services.link.send(*refer.repeat_requests(talk))
