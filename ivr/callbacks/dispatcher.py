"""The desk where calls back are made, for one connection to Asterisk: which wishes wait for an operator, which are
dialled now, and what becomes of them.

A wish waits in the floor like a caller, under the id of the call that it is to become. The database says what is to be
done and what was; it is looked at again and again, so that whoever changes it need not know of this.
"""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import structlog

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.callbacks.attempt import Attempt
from ivr.callbacks.call_legs import CallLegs
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.channels import Found
from ivr.callbacks.connecting import standing_offer
from ivr.callbacks.expiry import Chances, expired
from ivr.callbacks.facts import due_of, facts_of, language_of
from ivr.callbacks.progress import Progress
from ivr.callbacks.repository import CallbackRepository
from ivr.callbacks.request_states import AT_WORK, Happening, after, call_of
from ivr.callbacks.waiting_requests import WaitingRequests
from ivr.model import clock, floor_protocol
from ivr.records.callback_records import failed
from ivr.site import callback_rules
from routing.match import Step
from routing.states import OfferState

log = structlog.get_logger()

EVERY_S = 2.0
SELDOM_S = 60.0
"""How often is looked for what is hardly ever there: files that are missing, and wishes of a site without a trunk."""
_TOLD_AT_ONCE = 4
"""So many numbers are rung at once to tell about files: no operator is there to set the pace."""
_LATE_FILES = timedelta(days=7)


class Dispatcher:
    def __init__(self, session: CallbackConnection, repository: CallbackRepository) -> None:
        self._session, self.repository = session, repository
        self.services = session.services
        self.link = session.services.link
        self.site = session.services.site
        self._queue = WaitingRequests(session)
        self.refused: dict[str, str] = {}  # by wish: why it was not dialled when it was to be
        self._busy: dict[str, Attempt | None] = {}  # by wish; None: not looked up yet
        self._chances = Chances()
        self._next_due: datetime | None = None
        self._files_again = clock.now()
        self._wake = asyncio.Event()

    # What is looked at

    def look(self) -> None:
        """Something has changed: now rather than in a moment."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; without a trunk nothing is ever dialled, and what was at work is ended all the same."""
        adopted = False
        while True:
            try:
                adopted = adopted or await self.repository.adopt()
                if adopted:
                    await self._look()
            except Exception:
                log.exception("The wishes to be called back could not be looked at")
            try:
                soon = max(0.0, (self._next_due - clock.now()).total_seconds()) if self._next_due else SELDOM_S
                every = EVERY_S if self.site.callbacks.trunk is not None or not adopted else SELDOM_S
                async with asyncio.timeout(min(every, soon)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def pending(self) -> Collection[CallbackRequest] | None:
        """Return the requests that have not ended; None if the database is away."""
        return await self.repository.pending()

    async def _look(self) -> None:
        now, self._next_due = clock.now(), None
        wishes = await self.repository.pending()
        dialled = await self.repository.dialled(self._midnight(now)) if wishes else None
        if wishes is None or (wishes and dialled is None):
            for call in list(self._queue.by_call):
                self._queue.leave(call)  # without the database nobody could be called for it
            return
        wanted: dict[str, CallbackRequest] = {}
        self._chances.look(wishes, now)
        # Two wishes of one number: he is not rung for the second one while somebody calls him for the first.
        at_work = {wish.number: wish for wish in wishes if wish.state in AT_WORK or str(wish.id) in self._busy}
        taken = set(at_work)
        latest = {(wish.case_reference, wish.number): wish.id for wish in wishes if wish.kind == CallbackKind.CASE}
        for wish in wishes:
            identity = str(wish.id)
            if identity in self._busy:
                continue
            if wish.kind == CallbackKind.CASE and latest[wish.case_reference, wish.number] != wish.id:
                await self.repository.move(wish, after(wish, Happening.CANCELLED, now, reason="asked again"))
                continue
            if wish.claim == self.repository.claim:
                await self._left_over(wish, now)
                continue
            assert dialled is not None
            facts = facts_of(self.site, self.services.opening, wish, dialled, now)
            due = due_of(wish)
            why = callback_rules.why_not(wish.number, due=due, tries=wish.tries, ended=False, facts=facts)
            if await expired(
                wish,
                why,
                now,
                chance=self._chances.since(wish, now, is_open=facts.open),
                other=at_work.get(wish.number),
                site=self.site,
                opening=self.services.opening,
                repository=self.repository,
                recorder=self.services.recorder,
            ):
                continue
            if why is callback_rules.Not.NOT_DUE and due is not None:
                self._next_due = min(due, self._next_due or due)
            if why is not None or wish.state != CallbackState.WISHED or wish.number in taken:
                continue
            taken.add(wish.number)
            if wish.kind == CallbackKind.CASE:
                if (
                    sum(attempt is not None and attempt.offer is None for attempt in self._busy.values())
                    < _TOLD_AT_ONCE
                ):
                    self._start(self._attempt(wish, str(call_of(wish))))
            else:
                wanted[str(call_of(wish))] = wish
        for call in self._queue.by_call.keys() - wanted.keys():
            if str(self._queue.by_call[call].id) not in self._busy:
                self._queue.leave(call)
        for call, wish in wanted.items():
            if call not in self._queue.by_call:
                self._queue.enter(call, wish)
        if now >= self._files_again:
            self._files_again = now + timedelta(seconds=SELDOM_S)
            for wish in await self.repository.without_file(now - _LATE_FILES) or ():
                failed(self.services.recorder, wish, now)

    def _midnight(self, now: datetime) -> datetime:
        """When the site's day began."""
        return callback_rules.midnight(now, self.site.hours.timezone)

    async def _left_over(self, wish: CallbackRequest, now: datetime) -> None:
        """Ours, and nobody is at it: a conversation that is over, or what a restart or the database has cut off."""
        is_up = any(call.state.id == str(wish.dialled_call_id) for call in self._session.calls)
        match wish.state:
            case CallbackState.CONNECTED if not is_up:
                await self.repository.move(wish, after(wish, Happening.FINISHED, now, by=self.repository.claim))
            case CallbackState.RINGING_OPERATOR:
                await self.repository.move(wish, after(wish, Happening.RELEASED, now, by=self.repository.claim))
            case CallbackState.RINGING_CALLER if is_up:
                reached = after(wish, Happening.REACHED, now, by=self.repository.claim)
                await self.repository.move(wish, reached, outcome=TryOutcome.REACHED, at=now)
            case CallbackState.RINGING_CALLER:
                await Progress(self.services, self.repository, wish, str(wish.dialled_call_id)).missed(TryOutcome.LOST)

    # The floor

    def request_of(self, call: str) -> CallbackRequest | None:
        """Return the request that waits under this call's id."""
        return self._queue.by_call.get(call)

    def offer(self, offer: floor_protocol.Offer) -> bool:
        """Whether it is for a wish; then its operator is rung."""
        wish = self._queue.by_call.get(offer.call)
        if wish is None:
            return False
        if str(wish.id) in self._busy:
            refused = floor_protocol.Refused(offer.id, offer.call, offer.operator, OfferState.WITHDRAWN)
            self._session.tell(refused)
        else:
            self._start(self._attempt(wish, offer.call, offer))
        return True

    def _attempt(
        self, wish: CallbackRequest, call: str, offer: floor_protocol.Offer | None = None, ends: CallLegs | None = None
    ) -> Attempt:
        progress = Progress(self.services, self.repository, wish, call)
        return Attempt(self._session, self._queue, progress, offer, ends)

    def _start(self, attempt: Attempt, found: Found | None = None) -> None:
        self._busy[str(attempt.wish.id)] = attempt
        self._session.start(self._attempted(attempt, found), f"callback {attempt.wish.id}")

    async def _attempted(self, attempt: Attempt, found: Found | None) -> None:
        try:
            await attempt.run(found)
        finally:
            self._session.forget(attempt)
            if self._busy.get(str(attempt.wish.id)) is attempt:
                del self._busy[str(attempt.wish.id)]
            self.look()

    # After a start

    def resume(self, found: Iterable[Found]) -> None:
        """Goes on with what is up."""
        for each in found:
            self._busy[each.wish] = None
            ends = CallLegs(self.link, self.silence_s)
            for channel in each.channels:
                self.services.route(channel, ends)  # it may be answered while the database is asked
            self._session.start(self._resumed(each, ends), f"callback {each.wish}")

    async def _resumed(self, found: Found, ends: CallLegs) -> None:
        try:
            await self._go_on(found, ends)
        except LinkLost:
            pass  # the next connection finds it
        except Exception:
            log.exception("A call back could not go on", wish=found.wish)

    async def _go_on(self, found: Found, ends: CallLegs) -> None:
        wish = await self.repository.request(found.wish) if await self.repository.adopt() else None
        # Without an operator goes on who is told about a file, and who has answered while his operator hung up.
        alone = (
            wish is not None
            and found.called is not None
            and (wish.kind == CallbackKind.CASE or found.called.state == "Up")
        )
        at_it = (
            wish is not None
            and wish.claim == self.repository.claim
            and str(wish.dialled_call_id or found.call) == found.call
        )
        if wish is not None and at_it and (found.leg is not None or alone):
            offer = None
            if found.leg is not None:
                leg = found.leg[1]
                step = Step(language_of(self.site, wish))
                ring_s = self.site.operators.ring_s
                offer = standing_offer(leg, ring_s, step)
                self._queue.by_call[found.call] = wish
            log.info("A call back goes on", wish=found.wish, state=wish.state)
            self._start(self._attempt(wish, found.call, offer, ends), found)
            return
        # Nobody knows what it is for, or one of the two has gone meanwhile.
        log.warning("A call back that was cut off is ended", wish=found.wish)
        self._session.forget(ends)
        await self.link.send(*(operations.HANG_UP(channel) for channel in found.channels))
        if found.leg is not None:
            leg = found.leg[1]
            self._session.tell(floor_protocol.Refused(leg.offer, leg.call, leg.operator, OfferState.WITHDRAWN))
            self.services.recorder.offer_ended(leg.offer, OfferState.WITHDRAWN)
        self._busy.pop(found.wish, None)
        self.look()

    @property
    def silence_s(self) -> float:
        return self._session.version.flow.silence_s
