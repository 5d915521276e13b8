"""The dispatcher of call-backs for one connection to Asterisk: which requests wait for an operator, which are dialled
now, and what becomes of them.

A request waits in the floor like a caller, under the id of the call that it will become. The database holds what is to
be done and what was done; it is read again every few seconds, so that whatever changes it need not know of this.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from db.callback_requests import CallbackRequest, DialCounts
from db.callback_states import AT_WORK, RequestEvent, advance, call_of, due_of, ended_by_new_pin
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.callbacks.attempt import Attempt
from ivr.callbacks.call_legs import CallLegs
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.channels import RunningCallback
from ivr.callbacks.connecting import resumed_offer
from ivr.callbacks.expiry import Chances, expire_if_late
from ivr.callbacks.progress import Progress
from ivr.callbacks.repository import CallbackRepository
from ivr.callbacks.volume import Volume
from ivr.callbacks.waiting_requests import WaitingRequests
from ivr.model import clock, floor_protocol
from ivr.records.callback_records import record_failure
from ivr.site import callback_rules
from ivr.site.callback_facts import counts_minutes, facts_of, language_of
from routing.match import Step
from routing.states import OfferState

log = structlog.get_logger()

EVERY_S = 2.0
"""Seconds between looks at the requests."""
SELDOM_S = 60.0
"""Seconds between looks for what hardly ever occurs: missing case files, and requests of a site without a trunk."""
_MOST_ABOUT_FILES = 4
"""How many callers are rung at once about their case files: no operator sets the pace there."""
_LATE_FILES = timedelta(days=7)


class Dispatcher:
    """Rings operators and callers for the requests of `repository`."""

    def __init__(self, connection: CallbackConnection, repository: CallbackRepository) -> None:
        self._connection, self.repository = connection, repository
        self.services = connection.services
        self.link = connection.services.link
        self._queue = WaitingRequests(connection)
        self._busy: dict[str, Attempt | None] = {}  # by request id; None: not looked up yet
        self._chances = Chances()
        self._volume = Volume(connection, self.services.site.callbacks.share, self.services.recorder.counts.limits)
        self.is_full = False  # as many operators as may are calling back
        self._next_due: datetime | None = None
        self._files_again = clock.now()
        self._wake = asyncio.Event()

    # The requests

    def look(self) -> None:
        """Look at the requests now, since something has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Look again and again until cancelled.

        Without a trunk nothing is ever dialled, but requests that were being worked on are ended all the same.
        """
        adopted = False
        while True:
            try:
                adopted = adopted or await self.repository.adopt()
                if adopted:
                    await self._look()
            except Exception:
                log.exception("The call-back requests could not be read")
            try:
                soon = max(0.0, (self._next_due - clock.now()).total_seconds()) if self._next_due else SELDOM_S
                every = EVERY_S if self.services.site.callbacks.trunk is not None or not adopted else SELDOM_S
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
        requests = await self.repository.pending()
        dialled = await self._dialled(now) if requests else None
        if requests is None or (requests and dialled is None):
            for call in list(self._queue.by_call):
                self._queue.leave(call)  # without the database the caller cannot be dialled
            return

        again = await self._called_again(requests)
        self._chances.look(requests, now)
        self._volume.look(requests, self._busy)
        at_work = {
            request.number: request for request in requests if request.state in AT_WORK or str(request.id) in self._busy
        }
        latest = {
            (request.case_reference, request.number, request.at_once): request.id
            for request in requests
            if request.kind == CallbackKind.CASE
        }
        # A number with two requests is not rung for the second one while it is being called for the first.
        taken = set(at_work)
        wanted: dict[str, CallbackRequest] = {}
        for request in requests:
            if str(request.id) in self._busy:
                continue
            about = (request.case_reference, request.number, request.at_once)
            if request.kind == CallbackKind.CASE and latest[about] != request.id:
                await self.repository.move(request, advance(request, RequestEvent.CANCELLED, now, reason="asked again"))
                continue
            if request.id in again:
                await self.repository.move(
                    request, advance(request, RequestEvent.CANCELLED, now, reason="called again")
                )
                continue
            if ended_by_new_pin(request):
                await self.repository.move(request, advance(request, RequestEvent.CANCELLED, now, reason="new PIN"))
                continue
            if request.claim == self.repository.claim:
                await self._finish_left_over(request, now)
                continue
            assert dialled is not None
            is_open = self.services.opening.answer(now, language=request.language).open
            facts = facts_of(self.services.site, request, dialled, now, is_open=is_open)
            if not await self._is_due(request, facts, now, at_work.get(request.number)) or request.number in taken:
                continue
            taken.add(request.number)
            if request.kind == CallbackKind.CASE:
                self._call_about_case(request)
            else:
                wanted[str(call_of(request))] = request
        self.is_full = self._volume.is_full(self._attempts)
        for request in wanted.values():
            self._volume.note(request, callback_rules.Not.SHARE if self.is_full else None)
        self._update_queue(wanted if not self.is_full else {})
        await self._record_late_files(now)

    async def _called_again(self, requests: Collection[CallbackRequest]) -> Collection[UUID]:
        """Return the requests of callers who were cut off, for whom nothing is to be done any more."""
        waiting = [request.id for request in requests if request.cut_off and request.state == CallbackState.REQUESTED]
        return await self.repository.called_again(waiting) or () if waiting else ()

    async def _is_due(
        self, request: CallbackRequest, facts: callback_rules.Facts, now: datetime, other: CallbackRequest | None
    ) -> bool:
        """Return whether the caller may be dialled now; end a request that is too late.

        `other`: a request for the same number that is at work.
        """
        due = due_of(request)
        why = callback_rules.why_not(request.number, due=due, tries=request.tries, ended=False, facts=facts)
        if await expire_if_late(
            request,
            why,
            now,
            chance=self._chances.since(request, now, is_open=facts.open),
            other=other,
            site=self.services.site,
            opening=self.services.opening,
            repository=self.repository,
            recorder=self.services.recorder,
        ):
            return False
        if why is not None:
            self._volume.note(request, why)
        if why is callback_rules.Not.NOT_DUE and due is not None:
            self._next_due = min(due, self._next_due or due)
        return why is None and request.state == CallbackState.REQUESTED

    def _call_about_case(self, request: CallbackRequest) -> None:
        """Call about a case file that has changed, for which no operator is needed, unless enough such calls are up."""
        without_operator = sum(attempt is not None for attempt in self._busy.values()) - self._attempts
        if without_operator < _MOST_ABOUT_FILES:
            self._start(self._attempt(request, str(call_of(request))))

    def _update_queue(self, wanted: Mapping[str, CallbackRequest]) -> None:
        """Have these requests wait for an operator, by the call that each will become, and no others."""
        for call in self._queue.by_call.keys() - wanted.keys():
            if str(self._queue.by_call[call].id) not in self._busy:
                self._queue.leave(call)
        for call, request in wanted.items():
            if call not in self._queue.by_call:
                self._queue.enter(call, request)

    async def _record_late_files(self, now: datetime) -> None:
        # The clock may have been set back.
        if not timedelta() < self._files_again - now <= timedelta(seconds=SELDOM_S):
            self._files_again = now + timedelta(seconds=SELDOM_S)
            for request in await self.repository.without_file(now - _LATE_FILES) or ():
                record_failure(self.services.recorder, request, now)

    @property
    def _attempts(self) -> int:
        """How many operators call back by attempts of ours."""
        return sum(attempt is not None and attempt.offer is not None for attempt in self._busy.values())

    async def _dialled(self, now: datetime) -> DialCounts | None:
        return await self.repository.dialled(self._midnight(now), talked=counts_minutes(self.services.site))

    def _midnight(self, now: datetime) -> datetime:
        """Return when the site's present day began."""
        return callback_rules.midnight(now, self.services.site.hours.timezone)

    async def _finish_left_over(self, request: CallbackRequest, now: datetime) -> None:
        """Move a request that we hold without an attempt: its call is over, or a restart or the database cut it off."""
        claim = self.repository.claim
        is_up = any(call.state.id == str(request.dialled_call_id) for call in self._connection.calls)
        match request.state:
            case CallbackState.CONNECTED if not is_up:
                await self.repository.move(
                    request, advance(request, RequestEvent.FINISHED, now, by=self.repository.claim)
                )
            case CallbackState.RINGING_OPERATOR:
                await self.repository.move(
                    request, advance(request, RequestEvent.RELEASED, now, by=self.repository.claim)
                )
            case CallbackState.RINGING_CALLER if is_up:
                reached = advance(request, RequestEvent.REACHED, now, by=claim)
                await self.repository.move(request, reached, outcome=TryOutcome.REACHED, at=now)
            case CallbackState.RINGING_CALLER:
                await Progress(self.services, self.repository, request, str(request.dialled_call_id)).missed(
                    TryOutcome.LOST
                )

    # The floor

    def request_of(self, call: str) -> CallbackRequest | None:
        """Return the request that waits under this call's id."""
        return self._queue.by_call.get(call)

    def rings(self, operator: str) -> CallbackRequest | None:
        """Return the request for which an operator is rung, or for which they wait for the caller to answer."""
        for attempt in self._busy.values():
            if attempt is not None and attempt.offer is not None and attempt.offer.operator == operator:
                ringing = (CallbackState.RINGING_OPERATOR, CallbackState.RINGING_CALLER)
                return attempt.request if attempt.request.state in ringing else None
        return None

    def offer(self, offer: floor_protocol.Offer) -> bool:
        """Ring the operator of an offer for a request; return False if the offer is not for one."""
        request = self._queue.by_call.get(offer.call)
        if request is None:
            return False
        if str(request.id) in self._busy or self._volume.is_full(self._attempts):
            if str(request.id) not in self._busy:
                self._queue.leave(offer.call)
            refused = floor_protocol.Refused(offer.id, offer.call, offer.operator, OfferState.WITHDRAWN)
            self.services.to_floor(refused)
        else:
            self._start(self._attempt(request, offer.call, offer))
            if self._volume.is_full(self._attempts):
                self._update_queue({})  # the others are not offered before there is a place again
        return True

    def _attempt(
        self,
        request: CallbackRequest,
        call: str,
        offer: floor_protocol.Offer | None = None,
        legs: CallLegs | None = None,
    ) -> Attempt:
        progress = Progress(self.services, self.repository, request, call)
        return Attempt(self._connection, self._queue, progress, offer, legs)

    def _start(self, attempt: Attempt, found: RunningCallback | None = None) -> None:
        self._busy[str(attempt.request.id)] = attempt
        self._connection.start(self._run_attempt(attempt, found), f"callback {attempt.request.id}")

    async def _run_attempt(self, attempt: Attempt, found: RunningCallback | None) -> None:
        try:
            await attempt.run(found)
        finally:
            self._connection.forget(attempt)
            if attempt.offer is not None and attempt.request.state == CallbackState.CONNECTED:
                self._volume.connected()
            if self._busy.get(str(attempt.request.id)) is attempt:
                del self._busy[str(attempt.request.id)]
            self.look()

    # After a start

    def attach(self, found: Iterable[RunningCallback]) -> None:
        """Go on with the call-backs whose channels are up, and look at the requests until the connection ends."""
        for callback in found:
            self._busy[callback.request] = None
            legs = CallLegs(self.link)
            for channel in callback.channels:
                self.services.route(channel, legs)  # it may be answered while the database is asked
            self._connection.start(self._resume(callback, legs), f"callback {callback.request}")
        self._connection.start_with_retry("calling back", self.run)

    async def _resume(self, found: RunningCallback, legs: CallLegs) -> None:
        try:
            await self._go_on(found, legs)
        except LinkLost:
            pass  # the next connection finds its channels
        except Exception:
            log.exception("A call-back could not be resumed", request=found.request)

    async def _go_on(self, found: RunningCallback, legs: CallLegs) -> None:
        request = await self.repository.request(found.request) if await self.repository.adopt() else None
        # A caller who hears about a case file needs no operator; one who answered goes on after the operator hung up.
        alone = (
            request is not None
            and found.called is not None
            and (request.kind == CallbackKind.CASE or found.called.state == "Up")
        )
        is_ours = (
            request is not None
            and request.claim == self.repository.claim
            and str(request.dialled_call_id or found.call) == found.call
        )
        if request is not None and is_ours and (found.leg is not None or alone):
            offer = None
            if found.leg is not None:
                leg = found.leg[1]
                step = Step(language_of(self.services.site, request))
                ring_s = self.services.site.operators.ring_s
                offer = resumed_offer(leg, ring_s, step)
                self._queue.by_call[found.call] = request
            log.info("A call-back is resumed", request=found.request, state=request.state)
            self._start(self._attempt(request, found.call, offer, legs), found)
            return
        # Its request is not known, or one of the two has hung up meanwhile.
        log.warning("An interrupted call-back is ended", request=found.request)
        self._connection.forget(legs)
        await self.link.send(*(operations.HANG_UP(channel) for channel in found.channels))
        if found.leg is not None:
            leg = found.leg[1]
            self.services.to_floor(floor_protocol.Refused(leg.offer, leg.call, leg.operator, OfferState.WITHDRAWN))
            self.services.recorder.offer_ended(leg.offer, OfferState.WITHDRAWN)
        self._busy.pop(found.request, None)
        self.look()
