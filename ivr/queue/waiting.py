"""From waiting to the end of the conversation, in the caller's own coroutine."""

import time
from dataclasses import dataclass, replace

import structlog

from ivr.call.call import Call, Deadline, OperatorFree
from ivr.call.choice import Goes
from ivr.call.leg import Leg, start_music
from ivr.call.node import CHANGE_LANGUAGE
from ivr.model import floor_protocol
from ivr.model.talk_table import TalkOutcome
from ivr.queue.ringing import after_restart, ring
from ivr.queue.while_waiting import Announcements, Meanwhile
from ivr.talk.begin import begin
from ivr.talk.transfers import Transfer, steps
from routing.match import Step
from routing.states import OfferState


@dataclass(frozen=True, slots=True)
class Needs:
    """What a caller waits for. `began`: since when he counts as waiting (POSIX seconds); None: from now on."""

    steps: tuple[Step, ...]
    priority: int = 0
    began: float | None = None


async def wait_for_operator(call: Call, needs: Needs, meanwhile: Meanwhile, resumed: bool) -> Goes | None:
    """Waits and talks; where he goes who wants something else before, None once the operator has hung up. Raises
    CallerGone once the caller has.

    A caller whose operator's telephone was lost waits again, with the age that he had: he is first. Who is handed on
    enters this node anew, with his age and with the needs of the transfer.
    """
    services = call.services
    since = call.state.since if call.state.since is not None else needs.began or time.time()
    if call.state.since is None:
        # A question before the queue costs him no place, and is no waiting time either.
        services.recorder.call(call.state.id, queued=time.time())
        call.event("waiting", topic=call.state.topic, language=call.state.language, since=since)
    elif not resumed and call.state.connected_at is None:
        services.recorder.call(call.state.id, dequeued=None)  # he is back from where the queue had let him go
    call.set(replace(call.state, since=since))
    waiting = _Waiting(call, needs, since, meanwhile)
    say: str | None = "talk_transferred" if Transfer.decode(call.state.transfer).pending else "to_operator"
    try:
        leg: Leg | None = None
        if resumed or call.leg is not None:
            if not resumed and not await call.play([(call.state.language, str(say))]):
                await start_music(call)
            there, call.leg = call.leg, None
            leg, lost = await after_restart(call, there)
            say = "operator_gone" if lost else None
        while True:
            found = leg or await waiting.until_connected(say, resumed=resumed)
            if isinstance(found, Goes):
                return found
            with structlog.contextvars.bound_contextvars(operator=found.operator):
                talk = await begin(call, found, resumed=resumed and found is leg)
                ended = await talk.run(begins=found is not leg)
            if ended is TalkOutcome.ENDS:
                return None
            if ended is not TalkOutcome.LOST:
                return Goes(call.state.node)
            leg, say, resumed = None, "operator_gone", False
    finally:
        services.to_floor(floor_protocol.Leave(call.state.id))
        for offer in call.unread_offers():
            services.to_floor(floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN))


@dataclass(frozen=True, slots=True)
class _Waiting:
    call: Call
    needs: Needs
    since: float
    meanwhile: Meanwhile

    def wait(self) -> None:
        """Tells the floor what he needs at this moment."""
        call, transfer = self.call, Transfer.decode(self.call.state.transfer)
        speaks = {each.id: each.languages for each in call.services.people}
        needed = steps(transfer, self.needs.steps, speaks)
        before = max(0.0, transfer.at - self.since) if transfer.pending else 0.0
        handed_on = len(needed) - len(self.needs.steps)
        wait = floor_protocol.Wait(
            call.state.id, needed, self.since, self.needs.priority, before, transfer.by, handed_on
        )
        call.services.to_floor(wait)

    def not_taken(self, operator: str) -> None:
        """That operator will not have him."""
        call, before = self.call, Transfer.decode(self.call.state.transfer)
        transfer = before.without(operator, time.time())
        if transfer != before:
            call.set(replace(call.state, transfer=transfer.encode()))
            self.wait()

    async def until_connected(self, say: str | None, *, resumed: bool) -> Leg | Goes:
        """Waits, with music and announcements, until an operator is in the bridge; or where the caller goes instead."""
        call = self.call
        self.wait()
        if call.state.held is not None and (found := await self._hold(call.state.node, resumed=True)) is not None:
            return found
        # After a restart the music went on without us; started again, it is certain to play whatever was lost.
        if say is None or not await call.play([(call.state.language, say)]):
            await start_music(call)
        announcements = Announcements(call, self.meanwhile, time.time() - self.since if resumed else 0.0)
        announcements.enter()
        while True:
            sounded = call.sounding
            item = await call.next(announcements.due)
            ended = sounded and not call.sounding  # by itself; what was stopped has left something else in its place
            if isinstance(item, floor_protocol.Offer):
                leg = await self._ring(item, interrupts=announcements.sounding)
                if leg is not None:
                    return leg
            elif isinstance(item, Deadline):
                announcements.ask()
            elif isinstance(item, floor_protocol.Position):
                await announcements.say(item)
            if ended and not call.sounding:
                await start_music(call)
            if not call.sounding:
                announcements.ended()
            if (found := await self._key(announcements)) is not None:
                return found

    async def _key(self, announcements: Announcements) -> Leg | Goes | None:
        """What he has pressed leads elsewhere, to an operator who came meanwhile, or nowhere."""
        call = self.call
        while call.keys:
            changes = call.keys[0] == CHANGE_LANGUAGE
            offered = None if changes else announcements.chosen(call.keys[0])
            if offered is None and not changes:
                call.keys.popleft()
                continue
            key = call.take_key()
            call.keys.clear()
            if offered is not None and offered.language is not None:
                return self._in(offered.language, key)
            if offered is not None and not offered.holds:
                return self._leaves(offered.node, key)
            found = await (self._language() if offered is None else self._hold(offered.node, resumed=False))
            if found is not None:
                return found
            announcements.begin_anew()
            await start_music(call)
        return None

    def _leaves(self, node: str, key: str | None) -> Goes:
        """The wait is over. The caller's age stays with them, should they come back."""
        self.call.services.recorder.call(self.call.state.id, dequeued=time.time())
        return Goes(node, key)

    async def _language(self) -> Leg | Goes | None:
        """Offer another language and keep the caller's place. None: the caller waits on in the one that they have."""
        node = self.call.flow.change_language
        if self.call.flow.nodes[node].kind == "language":
            return await self._hold(node, resumed=False)
        return self._leaves(node, CHANGE_LANGUAGE)

    def _in(self, language: str, key: str | None) -> Goes:
        """Into the same queue, in another language and with the age that he has."""
        call, before = self.call, self.call.state
        call.event("language", language=language, instead_of=before.language)
        call.services.recorder.call(before.id, language=language)
        call.set(replace(before, language=language))
        return Goes(before.node, key)

    async def _hold(self, node: str, *, resumed: bool) -> Leg | Goes | None:
        """He is at another node while his place is held here, until an operator is free. None: he waits on, and hears
        nothing yet."""
        call = self.call
        queue, language = call.state.held or call.state.node, call.state.language
        if not resumed:
            call.set(replace(call.state.at(node), held=queue))
            call.event("node", resumed=False)
        call.holding = True
        try:
            following = await call.flow.nodes[node].run(call, resumed)
        except OperatorFree as free:
            call.holding = False
            if call.state.language == language:
                call.set(call.state.at(queue))
                return await self._ring(free.offer, interrupts=True)
            offer = free.offer  # for the language of before
            withdrawn = floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN)
            call.services.to_floor(withdrawn)
            return Goes(queue, CHANGE_LANGUAGE)
        finally:
            call.holding = False
        if following == call.flow.change_language:
            return await self._language()
        if call.state.language != language:
            return Goes(queue, CHANGE_LANGUAGE)  # anew, in another language, with the age that the caller has
        call.set(call.state.at(queue))
        return None

    async def _ring(self, offer: floor_protocol.Offer, *, interrupts: bool) -> Leg | None:
        """`interrupts`: what he hears is ended by it. He waits with music after an offer that came to nothing."""
        if interrupts:
            await self.call.play([(self.call.state.language, "to_operator")])
        leg = await ring(self.call, offer)
        if leg is None:
            self.not_taken(offer.operator)
        return leg
