"""Rows of calls whose end no controller has recorded: closed through the journal, from what is known of the calls.

They are read from the database once it has all that was written before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db import orphaned_calls
from db.delivery import count_behind, positions
from db.engine import DatabaseError
from db.enums import CaseKind
from db.orphaned_calls import Story
from db.read import Call, Event, OpenRows, open_rows
from ivr.asterisk.fallback_records import FallbackCall
from ivr.call import conversation_recording
from ivr.records import orphaned_records
from ivr.records.call_conclusion import Conclusion, conclude
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox, parse_name
from routing.states import OfferState

log = structlog.get_logger()

T = TypeVar("T")

_RETRY_S = 0.5
_READ_LIMIT_S = 10.0

_UNKNOWN = datetime.min.replace(tzinfo=UTC)

_THREAD = ThreadPoolExecutor(1, "orphaned rows")


@dataclass(frozen=True, slots=True)
class Records:
    """Where a node's records are: the folder of its journal, and the database to which that is delivered."""

    journal: Path
    shared: SharedEngine
    node: str


@dataclass(frozen=True, slots=True)
class Up:
    """The live calls: the ids of calls that are being handled, and of all of Asterisk's channels."""

    calls: Set[str]
    channels: Set[str]


@dataclass(frozen=True, slots=True)
class Concluded:
    """A call whose row was closed. `row`: as it was before; None: there was none. `record`: that of the dialplan, if it
    had the call last. `caller`: E.164."""

    id: str
    row: Call | None
    end: Conclusion
    caller: str | None
    record: FallbackCall | None = None


async def close_orphaned(
    records: Records,
    recorder: Recorder,
    *,
    began: float,
    last_answer: datetime | None,
    up: Callable[[], Awaitable[Up]],
    legs: Collection[str],
    mailbox: Mailbox,
    names: Sequence[str],
) -> list[Concluded]:
    """Close the rows that were open before `began` and belong to no call that is up; return the calls.

    Waits for the journal's delivery and for a database that is away; the calls that are up do not notice.

    Args:
        began: An instant, POSIX seconds, such as when the connection began.
        last_answer: When Asterisk last answered a controller before that, if that is known. Nobody saw when a call was
            cut, so it ends then, or with the last thing that is known of it: a night's outage is not part of a
            conversation.
        up: Returns what is up.
        legs: The channels of offers and conversations that are up.
        names: The recordings that were in the mailbox at `began`. Those that belong to no call any more are moved to
            where they are kept.
    """
    messages = _messages_in(names)
    # A call may have ended after `began`, and before it was asked what is up: its end is recorded by now.
    recorder.journal.flush()
    written = time.time()

    async def read(engine: AsyncEngine) -> tuple[OpenRows, dict[UUID, str]]:
        rows = await open_rows(engine, records.node)
        return rows, await orphaned_calls.channels(engine, [row.id for row in rows.calls])

    rows, channels = await _read(records, written, read)
    # Asked after that, which may have taken hours: a call on its way to the dialplan was nobody's for a moment.
    going_on = await up()
    before = datetime.fromtimestamp(began, UTC)
    up_calls = going_on.calls | {str(call) for call, channel in channels.items() if channel in going_on.channels}
    up_legs = {*legs, *going_on.channels}
    lost = {row.id for row in rows.calls if row.started < before and str(row.id) not in up_calls}
    messages = {name: message for name, message in messages.items() if message.call not in up_calls}
    wanted = {message.call for message in messages.values()} | {str(recording.call_id) for recording in rows.recordings}
    stories = await _stories(records, written, {*map(str, lost), *wanted})

    kept = await _keep(messages, stories, recorder, mailbox)
    last_seen = min(last_answer, before) if last_answer is not None else _UNKNOWN
    concluded = []
    for call in sorted(lost & stories.keys()):
        story = stories[call]
        if story.call.ended is not None:
            continue  # it was closed meanwhile
        end = conclude(story.call, [*story.events, *kept.get(call, ())], None, last_seen)
        recorder.concluded(str(call), story.call, end)
        concluded.append(Concluded(str(call), story.call, end, story.call.caller))
    ends = {UUID(call.id): call.end.ended for call in concluded}
    for offer in rows.offers:
        if offer.offered < before and str(offer.id) not in up_legs:
            at = max(offer.offered, ends.get(offer.call_id, last_answer or before))
            recorder.offer_ended(str(offer.id), OfferState.WITHDRAWN, at)  # it does not count against the operator
    for pairing in rows.pairings:
        if pairing.began < before and str(pairing.id) not in up_legs:
            at = max(pairing.began, ends.get(pairing.call_id, last_answer or before))
            recorder.pairing_ended(str(pairing.id), "lost", at)
    cut = set()
    for name in names:
        leg = name.removeprefix(conversation_recording.PREFIX)
        if name != leg and leg not in up_legs and await conversation_recording.keep_leftover(mailbox, name, recorder):
            cut.add(leg)
    for recording in rows.recordings:
        leg = str(recording.id)
        stays = mailbox.recording(f"{conversation_recording.PREFIX}{leg}").exists()  # it cannot be kept now
        if recording.started < before and leg not in up_legs and not stays:
            of_call = stories.get(recording.call_id)
            row = of_call.call if of_call is not None else None
            await conversation_recording.close(mailbox, recording, row, recorder, cut=leg in cut)
    if concluded:
        log.info("Rows of calls whose end was not recorded were closed", calls=len(concluded))
    return concluded


async def conclude_fallback(
    records: Records, recorder: Recorder, mailbox: Mailbox, calls: Mapping[str, tuple[FallbackCall, str | None]]
) -> list[Concluded]:
    """Record calls that have ended in the dialplan, and keep their messages; return the calls. Idempotent.

    Args:
        calls: The dialplan's record and the caller in E.164, by the call's id.
    """
    names = await asyncio.to_thread(mailbox.names)
    messages = {name: message for name, message in _messages_in(names).items() if message.call in calls}
    stories = await _stories(records, time.time(), calls)
    kept = await _keep(messages, stories, recorder, mailbox)
    concluded = []
    for identity, (record, caller) in calls.items():
        story = stories.get(UUID(identity))
        row, events = (story.call, story.events) if story is not None else (None, [])
        end = conclude(row, [*events, *kept.get(UUID(identity), ())], record, record.ended)
        recorder.concluded(identity, row, end, record, caller)
        concluded.append(Concluded(identity, row, end, row.caller if row is not None else caller, record))
    return concluded


@dataclass(frozen=True, slots=True)
class _Message:
    kind: CaseKind
    category: str
    call: str


def _messages_in(names: Sequence[str]) -> dict[str, _Message]:
    """Return the messages among the recordings, by the recording's name."""
    return {name: _Message(*found) for name in names if (found := parse_name(name)) is not None}


async def _keep(
    messages: Mapping[str, _Message], stories: Mapping[UUID, Story], recorder: Recorder, mailbox: Mailbox
) -> dict[UUID, list[Event]]:
    """Keep messages; return the events of those that were kept, by call.

    While nothing can be recorded they stay where they are: a message without a row would be found by nobody.
    """
    kept: dict[UUID, list[Event]] = {}
    for name, message in messages.items():
        call = UUID(message.call)
        if call not in stories or not recorder.writes_to_disk():
            continue
        if (left := await mailbox.keep(name)) is not None:
            row = stories[call].call
            orphaned_records.record_message(recorder, row, left, message.category, message.kind)
            kept.setdefault(call, []).append(Event(row.started, "message", "", {}))
    return kept


async def _stories(records: Records, written: float, calls: Collection[str]) -> dict[UUID, Story]:
    """Return what the database has of these calls."""
    ids = [UUID(call) for call in calls]
    return await _read(records, written, lambda engine: orphaned_calls.stories(engine, ids)) if ids else {}


async def _read(records: Records, written: float, read: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """Return what `read` finds once the database has everything that was recorded before `written`."""
    while True:
        async with records.shared.places:
            found = await _try(records, written, read)
        if found is not None:
            return found
        await asyncio.sleep(_RETRY_S)


async def _try(records: Records, written: float, read: Callable[[AsyncEngine], Awaitable[T]]) -> T | None:
    """Return None while the database is away or lacks something that was recorded before `written`."""
    try:
        async with asyncio.timeout(_READ_LIMIT_S):
            engine = await records.shared.engine()
            delivered = await positions(engine)
            # In a thread of its own: reading the journals may take seconds, in which calls need this loop and others.
            behind = await asyncio.get_running_loop().run_in_executor(_THREAD, count_behind, records.journal, delivered)
            if behind.has_from_before(written):
                return None
            return await read(engine)
    except (DatabaseError, TimeoutError) as error:
        log.debug("The database is away; orphaned rows are closed when it is back", error=str(error))
        return None
