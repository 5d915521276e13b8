"""From waiting to the end of the conversation, in the caller's own coroutine."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from db.enums import Role
from ivr.asterisk.ari import operations
from ivr.call.call import Call
from ivr.call.choice import GoTo
from ivr.call.interruptions import OperatorFree
from ivr.call.items import Deadline
from ivr.call.leg import Leg, start_music
from ivr.call.node import CHANGE_LANGUAGE
from ivr.model import clock, floor_protocol
from ivr.model.talk_table import TalkOutcome
from ivr.queue.moves import FRONT, Move
from ivr.queue.ringing import recover, ring
from ivr.queue.wait_announcements import WaitAnnouncements, WaitSettings
from ivr.talk.start import start_conversation
from ivr.talk.transfers import Transfer, transfer_steps
from routing.match import Step
from routing.states import OfferState


@dataclass(frozen=True, slots=True)
class CallerNeeds:
    """A caller's needs in the queue. `steps`: of their present state; `began`: when their wait began (POSIX seconds);
    None: now."""

    steps: Callable[[], tuple[Step, ...]]
    priority: int = 0
    began: float | None = None


async def wait_for_operator(call: Call, needs: CallerNeeds, settings: WaitSettings, resumed: bool) -> GoTo | None:
    """Wait for an operator and run the conversation.

    Return where the caller goes if they choose something else, or None once the operator has hung up. Raises CallerGone
    once the caller has.

    A caller whose operator's telephone was lost waits again with their original start time, and so comes first. A
    transferred caller enters this node again, with that start time and the needs of the transfer.
    """
    services = call.services
    since = call.state.since if call.state.since is not None else needs.began or time.time()
    if call.state.since is None:
        # A question before the queue does not cost the caller their position, nor does it count as waiting time.
        services.recorder.call(call.state.id, queued=time.time())
        call.event("waiting", topic=call.state.topic, language=call.state.language, since=since)
    elif not resumed and call.state.connected_at is None:
        services.recorder.call(call.state.id, dequeued=None)  # the caller has come back to the queue
    if call.state.since is not None and not resumed:
        call.event("waiting_again", topic=call.state.topic, language=call.state.language)
    call.set(call.state.replace(since=since))
    wait = call.wait = _Wait(call, needs, since, settings)
    prompt: str | None = "talk_transferred" if Transfer.decode(call.state.transfer).pending else "to_operator"
    try:
        leg: Leg | None = None
        if resumed or call.leg is not None:
            if not resumed and not await call.play(str(prompt)):
                await start_music(call)
            there, call.leg = call.leg, None
            leg, lost = await recover(call, there)
            prompt = "operator_gone" if lost else None
        while True:
            found = leg or await wait.until_connected(prompt, resumed=resumed)
            if isinstance(found, GoTo):
                return found
            with structlog.contextvars.bound_contextvars(operator=found.operator):
                conversation = await start_conversation(call, found, resumed=resumed and found is leg)
                outcome = await conversation.run(begins=found is not leg)
            if outcome is TalkOutcome.ENDS:
                return None
            if outcome is not TalkOutcome.LOST:
                return GoTo(call.state.node)
            leg, prompt, resumed = None, "operator_gone", False
    finally:
        call.wait = None
        services.to_floor(floor_protocol.Leave(call.state.id))
        for offer in call.unread_offers():
            services.to_floor(floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN))


@dataclass(frozen=True, slots=True)
class _Wait:
    call: Call
    needs: CallerNeeds
    since: float
    settings: WaitSettings

    def announce(self) -> None:
        """Send the caller's present needs to the floor. A scripted caller is in no queue: they get their operator."""
        call, transfer = self.call, Transfer.decode(self.call.state.transfer)
        if call.training is not None:
            wanted = floor_protocol.Invite(call.state.id, call.training, Role.OPERATOR.value, training=True)
            call.services.to_floor(wanted)
            return
        speaks = {operator.id: operator.languages for operator in call.services.operators}
        usual = self.needs.steps()
        steps = transfer_steps(transfer, usual, speaks)
        before = max(0.0, transfer.at - self.since) if transfer.pending else 0.0
        move = Move.decode(call.state.moved)
        if move.at and not transfer.pending:
            before = max(0.0, move.at - self.since)  # an operator is insisted on from the move on
        handed_on = len(steps) - len(usual)
        priority = FRONT if move.front else self.needs.priority
        wait = floor_protocol.Wait(call.state.id, steps, self.since, priority, before, transfer.by, handed_on)
        call.services.to_floor(wait)

    def move(self, *, front: bool, language: str | None, topic: str | None, operator: str | None, by: str) -> None:
        """Move the caller in the queue, at once; what they hear goes on."""
        call, transfer = self.call, Transfer.decode(self.call.state.transfer)
        move = Move.decode(call.state.moved).and_then(Move(front, language, operator), topic, time.time())
        # A colleague who was to get the caller is not insisted on any more.
        ended = transfer.complete().encode() if transfer.pending and not front else call.state.transfer
        call.set(call.state.replace(moved=move.encode(), topic=topic or call.state.topic, transfer=ended))
        if topic is not None:
            call.services.recorder.call(call.state.id, topic=topic)
        call.event("moved", by=by, front=front, language=language, topic=topic, operator=operator)
        self.announce()

    def skip(self, operator: str) -> None:
        """Drop an operator who did not take a transferred caller."""
        call, before = self.call, Transfer.decode(self.call.state.transfer)
        transfer = before.without(operator, time.time())
        if transfer != before:
            call.set(call.state.replace(transfer=transfer.encode()))
            self.announce()

    async def until_connected(self, prompt: str | None, *, resumed: bool) -> Leg | GoTo:
        """Wait, with music and announcements, until an operator is in the bridge.

        Return their leg, or where the caller goes instead.
        """
        call = self.call
        self.announce()
        node = call.state.node
        if call.state.queue_node is not None and (found := await self._visit(node, resumed=True)) is not None:
            return found
        # The music went on during a restart; started again, it certainly plays, whatever was lost.
        if prompt is None or not await call.play(prompt):
            await start_music(call)
        waited_s = clock.seconds_since(self.since) if resumed else 0.0
        announcements = WaitAnnouncements(call, self.settings, waited_s)
        announcements.enter()
        while True:
            sounded = call.sounding
            item = await call.next(announcements.due)
            ended = sounded and not call.sounding  # by itself; where a prompt was stopped, something else plays
            if isinstance(item, floor_protocol.Offer):
                leg = await self._ring(item, interrupts=announcements.sounding)
                if leg is not None:
                    return leg
                if call.training is not None:
                    await call.step(operations.HANG_UP(call.channel))  # rung once, and not again and again
            elif isinstance(item, floor_protocol.Declined):
                await call.step(operations.HANG_UP(call.channel))  # the operator has left their training
            elif isinstance(item, Deadline):
                announcements.ask()
            elif isinstance(item, floor_protocol.Position):
                await announcements.say(item)
            if ended and not call.sounding:
                await start_music(call)
            if not call.sounding:
                announcements.ended()
            if (found := await self._handle_keys(announcements)) is not None:
                return found

    async def _handle_keys(self, announcements: WaitAnnouncements) -> Leg | GoTo | None:
        """Act on the keys pressed. Return where they lead, or the leg of an operator who became free meanwhile."""
        call = self.call
        while call.keys:
            changes = call.keys[0] == CHANGE_LANGUAGE
            alternative = None if changes else announcements.choose(call.keys[0])
            if alternative is None and not changes:
                call.keys.popleft()
                continue
            key = call.take_key()
            call.keys.clear()
            if alternative is not None and alternative.language is not None:
                return self._continue_in(alternative.language, key)
            if alternative is not None and not alternative.holds:
                return self._leave(alternative.node, key)
            found = await (
                self._change_language() if alternative is None else self._visit(alternative.node, resumed=False)
            )
            if found is not None:
                return found
            announcements.restart()
            await start_music(call)
        return None

    def _leave(self, node: str, key: str | None) -> GoTo:
        """End the wait. Callers who come back keep the start time of their wait."""
        self.call.services.recorder.call(self.call.state.id, dequeued=time.time())
        self.call.event("queue_left", key=key)
        return GoTo(node, key)

    async def _change_language(self) -> Leg | GoTo | None:
        """Offer another language and keep the position. Return None if the caller keeps waiting in their own."""
        node = self.call.flow.change_language
        if self.call.flow.nodes[node].kind == "language":
            return await self._visit(node, resumed=False)
        return self._leave(node, CHANGE_LANGUAGE)

    def _continue_in(self, language: str, key: str | None) -> GoTo:
        """Enter the same queue in another language, with the same start time."""
        call, before = self.call, self.call.state
        call.event("language", language=language, instead_of=before.language)
        call.services.recorder.call(before.id, language=language)
        call.set(before.replace(language=language))
        return GoTo(before.node, key)

    async def _visit(self, node: str, *, resumed: bool) -> Leg | GoTo | None:
        """Run another node until an operator is free, while the queue keeps the caller's position.

        Return None if the caller keeps waiting; nothing plays then.
        """
        call = self.call
        queue, language = call.state.queue_node or call.state.node, call.state.language
        if not resumed:
            call.set(call.state.at_node(node).replace(queue_node=queue))
            call.event("node", resumed=False)
        call.interruptible = True
        try:
            following = await call.flow.nodes[node].run(call, resumed)
        except OperatorFree as free:
            call.interruptible = False
            if call.state.language == language:
                call.set(call.state.at_node(queue))
                return await self._ring(free.offer, interrupts=True)
            offer = free.offer  # for the previous language
            withdrawn = floor_protocol.Refused(offer.id, call.state.id, offer.operator, OfferState.WITHDRAWN)
            call.services.to_floor(withdrawn)
            return GoTo(queue, CHANGE_LANGUAGE)
        finally:
            call.interruptible = False
        if following == call.flow.change_language:
            return await self._change_language()
        if call.state.language != language:
            return GoTo(queue, CHANGE_LANGUAGE)  # enter it in the new language, with the same start time
        call.set(call.state.at_node(queue))
        return None

    async def _ring(self, offer: floor_protocol.Offer, *, interrupts: bool) -> Leg | None:
        """Ring an operator. `interrupts`: the offer ends what the caller hears. Music plays if it comes to nothing."""
        if interrupts:
            await self.call.play("to_operator")
        leg = await ring(self.call, offer)
        if leg is None:
            self.skip(offer.operator)
        return leg
