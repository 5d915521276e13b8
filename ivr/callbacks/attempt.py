"""One attempt to call somebody back, from ringing an operator to the conversation.

First the operator hears what it is about and accepts by a key. Then the caller hears who calls and presses a key;
without one it is not a person who answered. Each step is written before its effect, so that a starting controller goes
on with what it finds.
"""

import asyncio
import contextlib

import structlog

from db.callback_requests import CallbackRequest
from db.callback_states import RequestEvent
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.audio.audible import Clip
from ivr.call.items import Deadline
from ivr.call.leg import UNANSWERED_CAUSES
from ivr.callbacks import connecting, prompts
from ivr.callbacks.call_legs import CalledGone, CallLeg, CallLegs, Item, NotAsked, OperatorGone
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.channels import RunningCallback, channel_of, server_of
from ivr.callbacks.operator_leg import create_leg, stop_ringing
from ivr.callbacks.pin_question import ask_for_pin
from ivr.callbacks.progress import Progress
from ivr.callbacks.reaching import NO, YES, reach_person, was_refused
from ivr.callbacks.waiting_requests import WaitingRequests
from ivr.cases.case_lookup import Answer
from ivr.model import clock, floor_protocol
from ivr.model.endpoints import is_web
from ivr.site.callback_facts import language_of
from routing.states import OfferState

log = structlog.get_logger()


class Attempt:
    """One attempt for one call-back request.

    Args:
        offer: The operator's offer; None if the caller is only to hear about a case file, or the operator is gone.
        legs: Legs that were up at the start of the controller, with their events since.
    """

    def __init__(
        self,
        connection: CallbackConnection,
        queue: WaitingRequests,
        progress: Progress,
        offer: floor_protocol.Offer | None,
        legs: CallLegs | None = None,
    ) -> None:
        self._connection, self._queue, self.progress, self.offer = connection, queue, progress, offer
        self._services, self._site = connection.services, connection.services.site
        self._link, self._version = connection.services.link, connection.version
        self.legs = legs or CallLegs(self._link)
        self._in_browser = False  # the operator is rung there

    @property
    def request(self) -> CallbackRequest:
        return self.progress.request

    @property
    def call(self) -> str:
        return self.progress.call

    def deliver(self, item: Item) -> None:
        self.legs.deliver(item)

    # With an operator

    async def run(self, found: RunningCallback | None = None) -> None:
        """Run the attempt to its end. `found`: the channels that were up at the start of the controller."""
        structlog.contextvars.clear_contextvars()  # of the task that started the attempt
        structlog.contextvars.bind_contextvars(call=self.call)
        if self.offer is not None:
            structlog.contextvars.bind_contextvars(operator=self.offer.operator)
        try:
            try:
                await self._call_back(found)
            except NotAsked:
                await self._apologise()
        except LinkLost:
            pass  # the next connection finds the channels and goes on
        except Exception:
            log.exception("A call-back failed", request=str(self.request.id))
            await self._give_up()

    async def _call_back(self, found: RunningCallback | None) -> None:
        if self.offer is not None:
            await self._with_operator(self.offer, found)
        elif self.request.kind == CallbackKind.CASE:
            await self._tell_state(found)
        elif found is not None:
            await self._resume_alone(found)

    async def _give_up(self) -> None:
        """Hang up both legs; the dispatcher finds the request in the state that it reached."""
        legs = [leg for leg in (self.legs.leg, self.legs.called) if leg is not None and not leg.gone]
        with contextlib.suppress(LinkLost):
            await self._link.send(*(operations.HANG_UP(leg.channel) for leg in legs))
        if self.offer is not None:
            self._queue.leave(self.call)
            self._report_ended(self.offer, OfferState.WITHDRAWN)

    async def _with_operator(self, offer: floor_protocol.Offer, found: RunningCallback | None) -> None:
        leg = self._new_leg(offer.id, self._language_of(offer.operator))
        self.legs.leg = leg
        self._services.route(leg.channel, self)
        try:
            if found is None and not await self.progress.claim():
                await self._end_offer(OfferState.WITHDRAWN, leaves=True)
            elif found is not None and found.called is not None:
                await self._adopt(found)
                await self._reach(offer)
            elif self.request.state == CallbackState.RINGING_CALLER:
                # The number was dialled and its channel is gone: the outcome is unknown.
                await self._fail(TryOutcome.LOST)
            elif (
                await self._operator_answers(offer, found)
                and await self._operator_accepts(offer.operator)
                and await self._dial(offer.operator)
            ):
                await self._reach(offer)
        except OperatorGone:
            await self._operator_gone()

    async def _operator_answers(self, offer: floor_protocol.Offer, found: RunningCallback | None) -> bool:
        state = await self._ring_operator(offer, found)
        if state is OfferState.ACCEPTED:
            return True
        await self.progress.step(RequestEvent.RELEASED, reason=f"{offer.operator}: {state.value}")
        await self._end_offer(state, leaves=False)
        return False

    async def _ring_operator(self, offer: floor_protocol.Offer, found: RunningCallback | None) -> OfferState:
        """Ring the operator, or go on with a leg that rings already; return the offer's state."""
        leg, loop = self.legs.leg, asyncio.get_running_loop()
        assert leg is not None
        ring_s = offer.ring_s
        if found is not None and found.leg is not None:
            channel, state = found.leg
            leg.answered, self._in_browser = channel.state == "Up", is_web(channel.name)
            ring_s = max(0.0, ring_s - clock.seconds_since(state.offered_at))
            await leg.silence()
        else:
            self._services.recorder.offered(offer)
            self._in_browser = self._services.in_browser(offer.operator)
            await self.legs.send(create_leg(self._services, self.request, self.call, offer))
        until = loop.time() + ring_s
        while not leg.answered:
            item = await self.legs.next(until)
            if leg.gone:
                return UNANSWERED_CAUSES.get(leg.cause or 0, OfferState.UNREACHABLE)
            if was_refused(item, leg):
                return OfferState.UNREACHABLE
            if isinstance(item, floor_protocol.TelephoneGone) and not leg.answered:
                return await stop_ringing(self.legs, self._link, OfferState.UNREACHABLE)
            if isinstance(item, Deadline) and not leg.answered:
                return await stop_ringing(self.legs, self._link)
        return OfferState.ACCEPTED

    async def _operator_accepts(self, operator: str) -> bool:
        """Return whether the operator accepts by a key; if not, ask why and record the reason.

        In a browser their click is enough: the page shows what it is about, and no machine clicks.
        """
        leg = self.legs.leg
        assert leg is not None
        if self._in_browser:
            return True
        try:
            key = await leg.choose(YES + NO, *prompts.offer(leg.language, self.request, self._version.sounds))
            if key == YES:
                return True
            if key is None:  # the telephone was picked up, but nobody is there
                await self.progress.step(RequestEvent.RELEASED, reason=f"{operator}: no key")
                await self._end_offer(OfferState.NO_ANSWER, leaves=False)
                return False
            key = await leg.choose("".join(prompts.DECLINED), *prompts.declining(leg.language))
        except OperatorGone:
            key = None
        reason = prompts.DECLINED.get(key or "", "hung_up")
        event = RequestEvent.CANCELLED if reason == prompts.NEVER else RequestEvent.DECLINED
        self.progress.record_event("declined", operator=operator, reason=reason)
        await self.progress.step(event, reason=f"{operator}: {reason}", wait=self._site.callbacks.declined)
        await self._end_offer(OfferState.WITHDRAWN, leaves=True)
        return False

    async def _dial(self, operator: str | None) -> bool:
        """Ring the caller, after the database has taken it; return whether they are rung."""
        if not await self.progress.dial(operator):
            if self.legs.leg is not None:
                await self.progress.step(RequestEvent.RELEASED, reason="not now")
                await self._farewell("callback_not_now")
                await self._end_offer(OfferState.WITHDRAWN, leaves=True)
            return False
        if self.legs.leg is not None:
            await self.legs.leg.ring("callback_calling")
        await self._ring_called(1)
        return True

    async def _ring_called(self, server: int) -> CallLeg:
        self.legs.called = called = self._new_leg(channel_of(self.request, server), self._language)
        self._services.route(called.channel, self)
        await self.legs.send(self.progress.create_called(called.channel, server))
        return called

    async def _ring_elsewhere(self) -> CallLeg | None:
        """Ring the caller by the carrier's next server and return the leg; None if there is none."""
        assert self.legs.called is not None
        if (server := server_of(self.legs.called.channel) + 1) > self.progress.servers:
            return None
        self.progress.record_event("next_server", server=server, cause=self.legs.called.cause)
        return await self._ring_called(server)

    async def _adopt(self, found: RunningCallback) -> None:
        """Go on with a caller's channel that was up before, and the operator's leg if there is one."""
        assert found.called is not None
        self.legs.called = called = self._new_leg(found.called.id, self._language, answered=found.called.state == "Up")
        self._services.route(called.channel, self)
        await called.silence()
        if self.legs.leg is not None:
            self.legs.leg.answered = True
            await self.legs.leg.silence()
            await self.legs.leg.ring()

    async def _reach(self, offer: floor_protocol.Offer) -> None:
        """Wait for the caller to answer, then connect both."""
        outcome = await self._reach_person()
        if outcome is not TryOutcome.REACHED:
            await self._fail(outcome)
            return
        assert self.legs.leg is not None and self.legs.called is not None
        if not self.legs.leg.gone and await self._connect(offer):
            return
        # The operator has hung up meanwhile; the caller goes to the head of the queue.
        await self._end_offer(OfferState.WITHDRAWN, leaves=True)
        (answer,) = await self._link.ask(operations.CHANNEL(self.legs.called.channel))
        if answer.ok:
            await self.progress.step(RequestEvent.REACHED, outcome=TryOutcome.REACHED)
            connecting.to_queue(self._connection, self.progress, self.legs)
        else:
            await self.progress.missed(TryOutcome.LOST)

    async def _reach_person(self) -> TryOutcome:
        hello = prompts.hello(self._language, self.request)
        return await reach_person(
            self.legs, hello, self._site.callbacks.ring_s, may_deny=prompts.may_deny(self.request),
            answer_s=self._site.silence.answer_s, ring_elsewhere=self._ring_elsewhere,
        )  # fmt: skip

    async def _resume_alone(self, found: RunningCallback) -> None:
        """Go on with a caller whose operator hung up while there was no controller.

        If a person answers, they go to the head of the queue.
        """
        await self._adopt(found)
        outcome = await self._reach_person()
        if outcome is TryOutcome.REACHED and self.legs.called is not None and not self.legs.called.gone:
            await self.progress.step(RequestEvent.REACHED, outcome=outcome)
            connecting.to_queue(self._connection, self.progress, self.legs)
        else:
            await self._fail(outcome if outcome is not TryOutcome.REACHED else TryOutcome.LOST)

    async def _connect(self, offer: floor_protocol.Offer) -> bool:
        """Put both legs into a bridge; return whether they are. From then on it is a call like any other."""
        if await connecting.connect(self._connection, self.progress, self.legs, offer) is None:
            return False
        self._queue.by_call.pop(self.call, None)
        await self.progress.step(RequestEvent.REACHED, outcome=TryOutcome.REACHED)
        return True

    # Legs and languages

    def _new_leg(self, channel: str, language: str, *, answered: bool = False) -> CallLeg:
        return CallLeg(self._services, channel, self._version, self.legs, language, answered=answered)

    @property
    def _language(self) -> str:
        """The caller's language."""
        return language_of(self._site, self.request)

    def _language_of(self, operator: str) -> str:
        """Return an operator's first language."""
        operators = self._services.operators
        spoken = next((person.languages for person in operators if person.id == operator), {})
        return next(iter(spoken), self._site.languages[0])

    # The ends of an attempt

    async def _fail(self, outcome: TryOutcome) -> None:
        if self.legs.called is not None:
            await self.legs.hang_up(self.legs.called)
        await self.progress.missed(outcome)
        if self.legs.leg is not None:
            await self._farewell("callback_nobody")
            await self._end_offer(OfferState.WITHDRAWN, leaves=True)

    async def _apologise(self) -> None:
        """End the attempt and its request: the person had not asked for the call."""
        called = self.legs.called
        assert called is not None
        await self.progress.not_asked()
        with contextlib.suppress(CalledGone):
            await called.say("callback_sorry")
        await self.legs.hang_up(called)
        if self.legs.leg is not None:
            await self._farewell("callback_not_asked")
            await self._end_offer(OfferState.WITHDRAWN, leaves=True)

    async def _operator_gone(self) -> None:
        """End the attempt: the operator has hung up while the caller was rung."""
        if self.legs.called is not None:
            await self.legs.hang_up(self.legs.called)
            await self.progress.missed(TryOutcome.LOST)
        await self._end_offer(OfferState.WITHDRAWN, leaves=True)

    async def _farewell(self, text: str) -> None:
        leg = self.legs.leg
        assert leg is not None
        if not leg.gone and leg.answered:
            with contextlib.suppress(OperatorGone):
                await leg.say(text)

    async def _end_offer(self, state: OfferState, *, leaves: bool) -> None:
        """End an offer that came to nothing. `leaves`: the request leaves the queue for now."""
        offer = self.offer
        assert offer is not None and self.legs.leg is not None
        await self.legs.hang_up(self.legs.leg)
        if leaves:
            self._queue.leave(self.call)
        self._report_ended(offer, state)

    def _report_ended(self, offer: floor_protocol.Offer, state: OfferState) -> None:
        self._services.recorder.offer_ended(offer.id, state)
        self._services.to_floor(floor_protocol.Refused(offer.id, self.call, offer.operator, state))

    # About a case file

    async def _tell_state(self, found: RunningCallback | None) -> None:
        """Call the caller and play the state of their case file; an operator is one key away."""
        if found is not None:
            await self._adopt(found)
        elif not await self._dial(None):
            return
        reference = self.request.case_reference
        assert self.request.kind == CallbackKind.CASE and reference is not None
        outcome = await self._reach_person()
        called = self.legs.called  # another one, if the carrier's first server failed
        assert called is not None
        file = await self.progress.repository.file(reference) if outcome is TryOutcome.REACHED else None
        if file is None or called.gone:
            if outcome is TryOutcome.REACHED:
                with contextlib.suppress(CalledGone):
                    await called.say("case_unavailable")
            await self._fail(outcome if outcome is not TryOutcome.REACHED else TryOutcome.LOST)
            return
        call = connecting.begin(self._connection, self.progress, self.legs, file)
        try:
            await self.progress.step(RequestEvent.REACHED, outcome=TryOutcome.REACHED)
            state = await self._ask_for_pin(called, file.reference)
            key = await called.choose(YES, *state, *prompts.OPERATOR)
            if key is not None:
                connecting.to_queue(self._connection, self.progress, self.legs, file)
                return
            await called.say("told_goodbye")
            by = "service"
        except CalledGone:
            by = "caller"
        await self.legs.hang_up(called)
        connecting.end_self_served(self._connection, call, by)
        await self.progress.step(RequestEvent.FINISHED)

    async def _ask_for_pin(self, called: CallLeg, reference: str) -> list[Clip]:
        """Return what the caller may hear of the case file; somebody else may have picked up."""

        async def check(entered: str) -> Answer:
            lookup, number = self._services.case_lookup, self.request.number
            return await lookup.ask(reference, entered, caller=number, call=self.call, dialled=True)

        zone = self._site.hours.timezone
        return await ask_for_pin(called, check, zone, self._version.sounds)
