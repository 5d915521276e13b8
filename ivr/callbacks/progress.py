"""A call-back request on its way: each step is written to the database before its effect."""

from dataclasses import replace
from datetime import timedelta

import structlog

from db.callback_requests import CallbackRequest, DialCounts
from db.enums import CallbackKind, CallbackState, TryOutcome
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.operations import Request
from ivr.call.services import Services
from ivr.callbacks.channels import Part
from ivr.callbacks.facts import due_of, facts_of, line_of
from ivr.callbacks.repository import CallbackRepository
from ivr.callbacks.request_states import Happening, after
from ivr.model import clock
from ivr.records.callback_records import failed, happened
from ivr.site import callback_rules

log = structlog.get_logger()


class Progress:
    """`wish` is the request as it stands now; `call` the id of the call that it is to become."""

    def __init__(self, services: Services, repository: CallbackRepository, wish: CallbackRequest, call: str) -> None:
        self.services, self.repository, self.wish, self.call = services, repository, wish, call
        self.site = services.site

    async def claim(self) -> bool:
        """Claim the request for this controller; False if another one has it."""
        return await self.step(Happening.CLAIMED)

    async def step(
        self,
        what: Happening,
        *,
        reason: str | None = None,
        wait: timedelta = timedelta(0),
        outcome: TryOutcome | None = None,
    ) -> bool:
        now = clock.now()
        moved = after(self.wish, what, now, by=self.repository.claim, wait=wait, reason=reason)
        done = await self.repository.move(self.wish, moved, outcome=outcome, at=now)
        if done:
            self.wish = moved
        return done

    async def dial(self, operator: str | None) -> bool:
        """Whether the number may be dialled now: looked at again, and written first. What was dialled today is counted
        where it is written, under the lock of the database."""
        now, wish = clock.now(), self.wish
        facts = facts_of(self.site, self.services.opening, wish, DialCounts({}, 0), now)
        due = wish.due if operator is not None else due_of(wish)
        why: str | None = callback_rules.why_not(wish.number, due=due, tries=wish.tries, ended=False, facts=facts)
        moved = after(wish, Happening.DIALLED, now, by=self.repository.claim)
        if why is None and moved is not wish:
            limits = self.site.callbacks
            why = await self.repository.dial(
                wish,
                moved,
                operator=operator,
                since=callback_rules.midnight(now, self.site.hours.timezone),
                a_number=limits.most_a_number,
                a_day=limits.most_a_day,
            )
            if why == "yes":
                self.wish = moved
                self.told("dialled", operator=operator, number=wish.number, try_number=moved.tries)
                return True
        log.info("A call back is not dialled", wish=str(wish.id), why=why)
        return False

    def create_called(self, channel: str) -> Request:
        """Return the request that rings the caller, who becomes `channel`."""
        wish, trunk = self.wish, self.site.callbacks.trunk
        return leg_dialing.create(
            channel,
            leg_dialing.CALLED,
            endpoint=f"PJSIP/{wish.number}@trunk-{trunk}",
            shown=f"<{line_of(self.site, wish)}>",
            ring_s=self.site.callbacks.ring_s,
            variables={"HATIF": Part(str(wish.id), self.call).encode()},
        )

    async def missed(self, outcome: TryOutcome) -> None:
        """A try that reached nobody; after the last one there is a file, or a note in the one that it was about."""
        now, wish = clock.now(), self.wish
        moved = after(
            wish, Happening.MISSED, now, by=self.repository.claim, wait=self.site.callbacks.again, reason=outcome.value
        )
        if moved.state == CallbackState.FAILED and wish.kind != CallbackKind.CASE:
            moved = replace(moved, case_reference=self.services.recorder.new_case_reference())
        if await self.repository.move(wish, moved, outcome=outcome, at=now):
            self.wish = moved
            self.told("missed", outcome=outcome.value, try_number=wish.tries, again=moved.ended is None)
            if moved.state == CallbackState.FAILED:
                failed(self.services.recorder, moved, now)

    def told(self, what: str, **data: object) -> None:
        """For the story of the call in which it was wished."""
        happened(self.services.recorder, self.wish, what, data)
