"""Requests for a procedure of the guide in writing: recorded by calls, ended by people. Nothing is sent by itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from db.enums import GuideOutcome
from db.guide_request_data import GuideRequest
from db.ids import call_id
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.model.e164 import country_of
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.repository import Repository


def record_guide_request(recorder: Recorder, state: CallState, procedure: str, number: str, due_h: int) -> None:
    """Record that a caller wants a procedure in writing, due in `due_h` hours. Idempotent within a call."""
    now, call = clock.now(), UUID(state.id)
    recorder.journal.put(
        "guide_request",
        id=call_id("guide", f"{state.id}-{procedure}-{number}", call.int >> 80),
        call_id=call,
        procedure=procedure,
        number=number,
        country=country_of(number),
        language=state.language,
        topic=state.topic,
        requested=now,
        due=now + timedelta(hours=due_h),
    )


def record_guide_audit(recorder: Recorder, request: GuideRequest, outcome: GuideOutcome, by: str, why: str) -> None:
    """Record who ended a request, and how."""
    data = {"number": request.number, "procedure": request.procedure, "outcome": outcome.value}
    recorder.journal.put(
        "audit", by=by, act="guide_request_ended", about=f"guide_request:{request.id}", reason=why or None, data=data
    )


class GuideRequestRepository(Repository):
    """The requests in the database, as the control API reads and ends them."""

    def __init__(self, shared: SharedEngine) -> None:
        super().__init__(shared, "guide requests")

    async def list_latest(self, last: int) -> Sequence[GuideRequest] | None:
        """Return the requests that have not ended, the first due first, then the `last` ones that have."""
        return await self._client.ask("db.guide_requests", lambda requests, engine: requests.latest(engine, last))

    async def find(self, prefix: str) -> GuideRequest | str | None:
        """Return the request whose id begins with `prefix`, or a sentence that says why there is none."""
        return await self._client.find("db.guide_requests", lambda requests, engine: requests.find(engine, prefix))

    async def end(self, request: GuideRequest, outcome: GuideOutcome, by: str, why: str, at: datetime) -> bool | None:
        """End a request; False if somebody else has ended it."""
        return await self._client.ask(
            "db.guide_requests",
            lambda requests, engine: requests.end(engine, request.id, outcome, by=by, why=why, at=at),
        )

    async def take(self, request: GuideRequest, by: str, at: datetime) -> bool | None:
        """Give a request to somebody; False if somebody else has it, or it has ended."""
        return await self._client.ask(
            "db.guide_requests", lambda requests, engine: requests.take(engine, request.id, by, at)
        )

    async def release(self, request: GuideRequest, by: str | None) -> bool | None:
        """Let others take a request again; False if it is not `by` who has it (None: whoever), or it has ended."""
        return await self._client.ask(
            "db.guide_requests", lambda requests, engine: requests.release(engine, request.id, by)
        )
