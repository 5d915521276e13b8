"""A call-back request on its way: each step is written to the database before its effect."""

from dataclasses import replace
from datetime import timedelta

import structlog

from db.callback_requests import NOT_ASKED, CallbackRequest, DialCounts
from db.callback_states import RequestEvent, advance, due_of
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.operations import Request
from ivr.call.services import Services
from ivr.callbacks.channels import CalledState
from ivr.callbacks.repository import CallbackRepository
from ivr.model import clock
from ivr.records.callback_records import record_failure, record_request_event
from ivr.records.limit_counts import Limit
from ivr.site import callback_rules
from ivr.site.callback_facts import country_limit, facts_of, shown_number

log = structlog.get_logger()


class Progress:
    """The progress of one attempt to call somebody back.

    `request` is the request as it stands now, and `call` the id of the call that it will become.
    """

    def __init__(self, services: Services, repository: CallbackRepository, request: CallbackRequest, call: str) -> None:
        self.services, self.repository, self.request, self.call = services, repository, request, call
        self.site = services.site

    async def claim(self) -> bool:
        """Claim the request for this controller; False if another one has it."""
        return await self.step(RequestEvent.CLAIMED)

    async def step(
        self,
        event: RequestEvent,
        *,
        reason: str | None = None,
        wait: timedelta = timedelta(0),
        outcome: TryOutcome | None = None,
    ) -> bool:
        """Move the request by an event; False if something else has moved it, or the database is away."""
        now = clock.now()
        moved = advance(self.request, event, now, by=self.repository.claim, wait=wait, reason=reason)
        done = bool(await self.repository.move(self.request, moved, outcome=outcome, at=now))
        if done:
            self.request = moved
        return done

    async def dial(self, operator: str | None) -> bool:
        """Return whether the number may be dialled now; then the database has it already.

        The rules are checked once more. The database counts what was dialled today where it writes the new attempt,
        under its lock.
        """
        now, request = clock.now(), self.request
        is_open = self.services.opening.answer(now, language=request.language).open
        facts = facts_of(self.site, request, DialCounts({}, 0), now, is_open=is_open)
        due = request.due if operator is not None else due_of(request)
        why: str | None = callback_rules.why_not(request.number, due=due, tries=request.tries, ended=False, facts=facts)
        moved = advance(request, RequestEvent.DIALLED, now, by=self.repository.claim)
        if why is None and moved is not request:
            limits = self.site.callbacks
            why = await self.repository.dial(
                request,
                moved,
                operator=operator,
                since=callback_rules.midnight(now, self.site.hours.timezone),
                a_number=limits.most_a_number,
                a_day=limits.most_a_day,
                country=country_limit(self.site, request.number),
            )
            if why == "yes":
                self.request = moved
                self.record_event("dialled", operator=operator, number=request.number, try_number=moved.tries)
                return True
        log.info("A call-back is not dialled", request=str(request.id), why=why)
        return False

    @property
    def servers(self) -> int:
        """How many servers the carrier has that the call may go to."""
        trunk = self.site.callbacks.carrier_for(self.request.number)
        return next((len(carrier.dial) for carrier in self.site.carrier if carrier.name == trunk), 1)

    def create_called(self, channel: str, server: int = 1) -> Request:
        """Return the request that rings the caller, who becomes `channel`.

        Asterisk sends the call to the first server that is there, or else to the given one (asterisk_conf/carrier.py).
        """
        request = self.request
        trunk = self.site.callbacks.carrier_for(request.number)
        place = f"/trunk-{trunk}.{server}" if server > 1 else ""
        return leg_dialing.create(
            channel,
            leg_dialing.CALLED,
            endpoint=f"PJSIP/{request.number}@trunk-{trunk}{place}",
            shown=f"<{shown_number(self.site, request, trunk)}>",
            ring_s=self.site.callbacks.ring_s,
            variables={"HATIF": CalledState(str(request.id), self.call).encode()},
        )

    async def missed(self, outcome: TryOutcome) -> None:
        """Record an attempt that did not reach the caller.

        After the last one there is a case file, or a note in the file that the request was about.
        """
        now, request = clock.now(), self.request
        moved = advance(
            request,
            RequestEvent.MISSED,
            now,
            by=self.repository.claim,
            wait=self.site.callbacks.again,
            reason=outcome.value,
        )
        if moved.state == CallbackState.FAILED and request.kind != CallbackKind.CASE:
            moved = replace(moved, case_reference=self.services.recorder.new_case_reference())
        if await self.repository.move(request, moved, outcome=outcome, at=now):
            self.request = moved
            self.record_event("missed", outcome=outcome.value, try_number=request.tries, again=moved.ended is None)
            if moved.state == CallbackState.FAILED:
                record_failure(self.services.recorder, moved, now)

    async def not_asked(self) -> None:
        """Record that whoever was called had not asked for it: the request is over."""
        self.services.recorder.counts.limits.reach(Limit.CALLBACKS_NOT_ASKED)
        self.record_event("not_asked", number=self.request.number)
        await self.step(RequestEvent.NOT_ASKED, reason=NOT_ASKED, outcome=TryOutcome.REACHED)

    def record_event(self, event: str, **data: object) -> None:
        """Add an event to the story of the call in which the request was made."""
        record_request_event(self.services.recorder, self.request, event, data)
