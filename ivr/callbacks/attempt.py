"""One attempt to call somebody back, from the operator's telephone that rings to both being in a conversation.

First the operator: he hears what it is and takes it by a key. Then the called, who hears who calls and presses a key;
whoever does not press one is no person. What is written is written before its effect, so that a controller that starts
goes on with what it finds (`resumed`).
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import structlog

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.audio.audible import Clip
from ivr.call.call import Deadline, RequestFailed
from ivr.call.leg import UNANSWERED_CAUSES, check_unanswered_leg
from ivr.callbacks import connecting, prompts
from ivr.callbacks.call_leg import CallLeg
from ivr.callbacks.call_legs import CalledGone, CallLegs, Item, OperatorGone, over
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.channels import Found, Part
from ivr.callbacks.facts import language_of
from ivr.callbacks.progress import Progress
from ivr.callbacks.request_states import Happening, channel_of
from ivr.callbacks.waiting_requests import WaitingRequests
from ivr.model import floor_protocol
from ivr.model.call_state import LegState
from routing.states import OfferState

log = structlog.get_logger()

YES, NO = "1", "2"
_TRY = {17: TryOutcome.BUSY, 21: TryOutcome.BUSY, 18: TryOutcome.NO_ANSWER, 19: TryOutcome.NO_ANSWER}
"""ITU-T Q.850 causes of a telephone that did not answer; others mean that it was not reached."""


class Attempt:
    """`offer`: for which operator, None where he is only to be told
    about a file, or his operator is gone; `ends`: those that were there before, with what has happened to them
    since."""

    def __init__(
        self,
        connection: CallbackConnection,
        queue: WaitingRequests,
        progress: Progress,
        offer: floor_protocol.Offer | None,
        ends: CallLegs | None = None,
    ) -> None:
        self._connection, self._queue, self.progress, self.offer = connection, queue, progress, offer
        self._services, self._site = connection.services, connection.services.site
        self._link, self._sounds = connection.services.link, connection.version.sounds
        self.ends = ends or CallLegs(self._link, connection.version.flow.silence_s)

    @property
    def wish(self) -> CallbackRequest:
        return self.progress.wish

    @property
    def call(self) -> str:
        return self.progress.call

    def deliver(self, item: Item) -> None:
        self.ends.deliver(item)

    # With an operator

    async def run(self, found: Found | None = None) -> None:
        """To its end, whatever that is. `found`: what was up of it at the start of the controller."""
        structlog.contextvars.clear_contextvars()  # of where the attempt's own task was started
        structlog.contextvars.bind_contextvars(call=self.call)
        if self.offer is not None:
            structlog.contextvars.bind_contextvars(operator=self.offer.operator)
        try:
            if self.offer is not None:
                await self._with_operator(self.offer, found)
            elif self.wish.kind == CallbackKind.CASE:
                await self._told(found)
            elif found is not None:
                await self._alone(found)
        except LinkLost:
            pass  # the next connection finds the channels and goes on
        except Exception:
            log.exception("A call back failed", wish=str(self.wish.id))
            await self._given_up()

    async def _given_up(self) -> None:
        """Nobody stays on the telephone for it; the desk finds the wish and goes by how far it came."""
        parties = [each for each in (self.ends.leg, self.ends.called) if each is not None and not each.gone]
        with contextlib.suppress(LinkLost):
            await self._link.send(*(operations.HANG_UP(each.channel) for each in parties))
        if self.offer is not None:
            self._queue.leave(self.call)
            self._withdrawn(self.offer, OfferState.WITHDRAWN)

    async def _with_operator(self, offer: floor_protocol.Offer, found: Found | None) -> None:
        leg = self._party(offer.id)
        self.ends.leg = leg
        self._services.route(leg.channel, self)
        try:
            if found is None and not await self.progress.claim():
                await self._over(OfferState.WITHDRAWN, leaves=True)
            elif found is not None and found.called is not None:
                await self._adopted(found)
                await self._reached(offer)
            elif self.wish.state == CallbackState.RINGING_CALLER:
                # It was dialled, and is gone: what became of it nobody knows.
                await self._not_reached(TryOutcome.LOST)
            elif (
                await self._answered(offer, found)
                and await self._taken(offer.operator)
                and await self._dialled(offer.operator)
            ):
                await self._reached(offer)
        except OperatorGone:
            await self._operator_gone()

    async def _answered(self, offer: floor_protocol.Offer, found: Found | None) -> bool:
        state = await self._until_answered(offer, found)
        if state is OfferState.ACCEPTED:
            return True
        await self.progress.step(Happening.RELEASED, reason=f"{offer.operator}: {state.value}")
        await self._over(state, leaves=False)
        return False

    async def _until_answered(self, offer: floor_protocol.Offer, found: Found | None) -> OfferState:
        """Rings him, or goes on with what rings."""
        leg, loop = self.ends.leg, asyncio.get_running_loop()
        assert leg is not None
        ring_s = offer.ring_s
        if found is not None and found.leg is not None:
            channel, state = found.leg
            leg.answered = channel.state == "Up"
            ring_s = max(0.0, ring_s - (time.time() - state.offered_at))
            await self.ends.silence(leg)
        else:
            self._services.recorder.offered(offer)
            await self.ends.send(self._create_leg(offer))
        until = loop.time() + ring_s
        while not leg.answered:
            item = await self.ends.next(until)
            if leg.gone:
                return UNANSWERED_CAUSES.get(leg.cause or 0, OfferState.UNREACHABLE)
            if _lost(item, leg):
                return OfferState.UNREACHABLE
            if isinstance(item, floor_protocol.TelephoneGone) and not leg.answered:
                return await self._unanswered(leg, OfferState.UNREACHABLE)
            if isinstance(item, Deadline) and over(until) and not leg.answered:
                return await self._unanswered(leg)
        return OfferState.ACCEPTED

    async def _unanswered(self, leg: CallLeg, state: OfferState | None = None) -> OfferState:
        """The time for him to answer is over, or his telephone is gone (`state`); he may have answered just now."""
        rings = await check_unanswered_leg(self._link, leg.channel)
        if rings is OfferState.ACCEPTED:
            leg.answered = True
        else:
            await self.ends.hang_up(leg)
            rings = state or rings
        return rings

    def _create_leg(self, offer: floor_protocol.Offer) -> Request:
        wish = self.wish
        state = LegState(offer.id, self.call, offer.operator, time.time())
        about = " ".join(each for each in ("callback", wish.language, wish.topic, wish.country) if each)
        return leg_dialing.create(
            offer.id,
            leg_dialing.LEG,
            endpoint=self._services.address(offer.operator),
            shown=f'"{about}" <{wish.number}>',
            ring_s=offer.ring_s,
            variables={"HATIF": Part(str(wish.id), self.call, state).encode()},
        )

    async def _taken(self, operator: str) -> bool:
        """Whether he takes it, by a key; why not, if he says so."""
        assert self.ends.leg is not None
        language = self._language_of(operator)
        try:
            key = await self.ends.ask(self.ends.leg, prompts.offer(language, self.wish, self._sounds), YES + NO)
            if key == YES:
                return True
            if key is None:  # the telephone was picked up, and nobody is there
                await self.progress.step(Happening.RELEASED, reason=f"{operator}: no key")
                await self._over(OfferState.NO_ANSWER, leaves=False)
                return False
            why = await self.ends.ask(self.ends.leg, prompts.declining(language), "".join(prompts.DECLINED))
        except OperatorGone:
            why = None
        reason = prompts.DECLINED.get(why or "", "hung_up")
        what = Happening.CANCELLED if reason == prompts.NEVER else Happening.DECLINED
        self.progress.told("declined", operator=operator, reason=reason)
        await self.progress.step(what, reason=f"{operator}: {reason}", wait=self._site.callbacks.declined)
        await self._over(OfferState.WITHDRAWN, leaves=True)
        return False

    async def _dialled(self, operator: str | None) -> bool:
        """Whether the called is rung: only after the database has taken it."""
        if not await self.progress.dial(operator):
            if self.ends.leg is not None:
                await self.progress.step(Happening.RELEASED, reason="not now")
                await self._farewell("callback_not_now")
                await self._over(OfferState.WITHDRAWN, leaves=True)
            return False
        self.ends.called = called = self._party(channel_of(self.wish))
        self._services.route(called.channel, self)
        if self.ends.leg is not None and operator is not None:
            await self.ends.send(*self.ends.leg.ring([(self._language_of(operator), "callback_calling")]))
        await self.ends.send(self.progress.create_called(called.channel))
        return True

    async def _adopted(self, found: Found) -> None:
        """Both were up before: the operator had taken it."""
        assert found.called is not None
        self.ends.called = called = self._party(found.called.id, answered=found.called.state == "Up")
        self._services.route(called.channel, self)
        await self.ends.silence(called)
        if self.ends.leg is not None:
            self.ends.leg.answered = True
            await self.ends.silence(self.ends.leg)
            await self.ends.send(*self.ends.leg.ring())

    async def _reached(self, offer: floor_protocol.Offer) -> None:
        """From the ringing of the called to the conversation."""
        outcome = await self._person(prompts.hello(language_of(self._site, self.wish)))
        if outcome is not TryOutcome.REACHED:
            await self._not_reached(outcome)
            return
        assert self.ends.leg is not None and self.ends.called is not None
        if not self.ends.leg.gone and await self._connect(offer):
            return
        # The operator has gone meanwhile; the called is a caller now, and the first one.
        await self._over(OfferState.WITHDRAWN, leaves=True)
        (there,) = await self._link.ask(operations.CHANNEL(self.ends.called.channel))
        if there.ok:
            await self.progress.step(Happening.REACHED, outcome=TryOutcome.REACHED)
            connecting.to_queue(self._connection, self.progress, self.ends)
        else:
            await self.progress.missed(TryOutcome.LOST)

    async def _person(self, hello: Sequence[Clip]) -> TryOutcome:
        """Whether the called answers and presses a key. OperatorGone if the operator leaves while it rings."""
        called, loop = self.ends.called, asyncio.get_running_loop()
        assert called is not None
        until = loop.time() + self._site.callbacks.ring_s
        while not called.answered:
            item = await self.ends.next(until)
            if called.gone:
                return _TRY.get(called.cause or 0, TryOutcome.UNREACHABLE)
            if _lost(item, called):
                return TryOutcome.UNREACHABLE
            if self.ends.leg is not None and self.ends.leg.gone and not called.answered:
                raise OperatorGone
            if isinstance(item, Deadline) and over(until) and not called.answered:
                await self.ends.hang_up(called)
                return TryOutcome.NO_ANSWER
        try:
            key = await self.ends.ask(called, hello, YES)
        except CalledGone:
            return TryOutcome.NO_KEY
        return TryOutcome.REACHED if key is not None else TryOutcome.NO_KEY

    async def _alone(self, found: Found) -> None:
        """The operator hung up while there was no controller, and the called is there: he is a caller now, and the
        first one, if he is a person."""
        await self._adopted(found)
        outcome = await self._person(prompts.hello(language_of(self._site, self.wish)))
        if outcome is TryOutcome.REACHED and self.ends.called is not None and not self.ends.called.gone:
            await self.progress.step(Happening.REACHED, outcome=outcome)
            connecting.to_queue(self._connection, self.progress, self.ends)
        else:
            await self._not_reached(outcome if outcome is not TryOutcome.REACHED else TryOutcome.LOST)

    async def _connect(self, offer: floor_protocol.Offer) -> bool:
        """Put both into a bridge: whether they are. Then it is a call like any other."""
        if await connecting.connect(self._connection, self.progress, self.ends, offer) is None:
            return False
        self._queue.by_call.pop(self.call, None)
        await self.progress.step(Happening.REACHED, outcome=TryOutcome.REACHED)
        return True

    # What it needs of others

    def _party(self, channel: str, *, answered: bool = False) -> CallLeg:
        return CallLeg(channel, self._services.audible, self._sounds, answered=answered)

    def _language_of(self, operator: str) -> str:
        """Return an operator's first language."""
        spoken = next((each.languages for each in self._connection.people if each.id == operator), {})
        return next(iter(spoken), self._site.languages[0])

    # Its ends

    async def _not_reached(self, outcome: TryOutcome) -> None:
        if self.ends.called is not None:
            await self.ends.hang_up(self.ends.called)
        await self.progress.missed(outcome)
        if self.ends.leg is not None:
            await self._farewell("callback_nobody")
            await self._over(OfferState.WITHDRAWN, leaves=True)

    async def _operator_gone(self) -> None:
        """While the called was rung."""
        if self.ends.called is not None:
            await self.ends.hang_up(self.ends.called)
            await self.progress.missed(TryOutcome.LOST)
        await self._over(OfferState.WITHDRAWN, leaves=True)

    async def _farewell(self, text: str) -> None:
        assert self.ends.leg is not None and self.offer is not None
        if not self.ends.leg.gone and self.ends.leg.answered:
            try:
                await self.ends.say(self.ends.leg, [(self._language_of(self.offer.operator), text)])
            except OperatorGone:
                return

    async def _over(self, state: OfferState, *, leaves: bool) -> None:
        """The offer has come to nothing. `leaves`: he waits no more, for now."""
        offer = self.offer
        assert offer is not None and self.ends.leg is not None
        await self.ends.hang_up(self.ends.leg)
        if leaves:
            self._queue.leave(self.call)
        self._withdrawn(offer, state)

    def _withdrawn(self, offer: floor_protocol.Offer, state: OfferState) -> None:
        self._services.recorder.offer_ended(offer.id, state)
        self._services.to_floor(floor_protocol.Refused(offer.id, self.call, offer.operator, state))

    # About a file

    async def _told(self, found: Found | None) -> None:
        if found is not None:
            await self._adopted(found)
        elif not await self._dialled(None):
            return
        language, reference = language_of(self._site, self.wish), self.wish.case_reference
        assert self.ends.called is not None and self.wish.kind == CallbackKind.CASE and reference is not None
        outcome = await self._person(prompts.about_file(language))
        file = await self.progress.repository.file(reference) if outcome is TryOutcome.REACHED else None
        if file is None or self.ends.called.gone:
            if outcome is TryOutcome.REACHED:
                with contextlib.suppress(CalledGone):
                    await self.ends.say(self.ends.called, [(language, "case_unavailable")])
            await self._not_reached(outcome if outcome is not TryOutcome.REACHED else TryOutcome.LOST)
            return
        call = connecting.begun(self._connection, self.progress, self.ends, file)
        try:
            await self.progress.step(Happening.REACHED, outcome=TryOutcome.REACHED)
            state = prompts.state_of_file(language, file, self._site.hours.timezone, self._sounds)
            key = await self.ends.ask(self.ends.called, state, YES)
            if key is not None:
                connecting.to_queue(self._connection, self.progress, self.ends, file)
                return
            await self.ends.say(self.ends.called, [(language, "told_goodbye")])
            by = "service"
        except CalledGone:
            by = "caller"
        await self.ends.hang_up(self.ends.called)
        connecting.self_served(self._connection, call, by)
        await self.progress.step(Happening.FINISHED)


def _lost(item: Item | Deadline, party: CallLeg) -> bool:
    """Whether he could not be rung."""
    return isinstance(item, RequestFailed) and leg_dialing.failed(item.request, item.status, party.channel)
