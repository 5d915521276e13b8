"""Rows that an earlier controller left open for calls that Asterisk no longer has.

They are read from the database once it has all that was written before, and closed through the journal.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.delivery import count_behind, positions
from db.engine import DatabaseError
from db.enums import CaseKind
from db.orphaned_calls import LastKnown, last_known
from db.read import Call, OpenRows, call, open_rows
from db.rows import NotFoundError
from ivr.call import conversation_recording
from ivr.records import orphaned_records
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox, parse_name
from routing.states import OfferState

log = structlog.get_logger()

_RETRY_S = 0.5
_READ_LIMIT_S = 10.0

_THREAD = ThreadPoolExecutor(1, "orphaned rows")


@dataclass(frozen=True, slots=True)
class Up:
    """The live calls: the ids of calls that are being handled, and of all of Asterisk's channels."""

    calls: Set[str]
    channels: Set[str]


async def close_orphaned(
    journal: Path,
    shared: SharedEngine,
    node: str,
    recorder: Recorder,
    *,
    began: float,
    last_answer: datetime | None,
    up: Callable[[], Awaitable[Up]],
    legs: Collection[str],
    mailbox: Mailbox,
    names: Sequence[str],
) -> None:
    """Close the rows that were open before `began` and belong to no call that is up.

    Waits for the journal's delivery and for a database that is away; the calls that are up do not notice.

    Args:
        began: When the connection began, POSIX seconds.
        last_answer: When Asterisk last answered a controller before that. Nobody saw when a call was cut, so it ends
            then, or with the last thing that is known of it: a night's outage is not part of a conversation.
        up: Returns what is up.
        legs: The channels of offers and conversations that are up.
        names: The recordings that were in the mailbox before the connection began. Those that belong to no call any
            more are moved to where they are kept.
    """
    wanted = {message[2] for name in names if (message := parse_name(name)) is not None}
    found = await _rows(journal, shared, node, began, wanted)
    rows, left_by = found.open, found.wanted
    # Asked after that, which may have taken hours: a call on its way to the dialplan was nobody's for a moment.
    going_on = await up()
    calls = going_on.calls | {str(call) for call, last in found.last.items() if last.channel in going_on.channels}
    messages = {
        name: message for name in names if (message := parse_name(name)) is not None and message[2] not in calls
    }
    before = datetime.fromtimestamp(began, UTC)
    ends = {row.id: _end(row, last_answer, found.last.get(row.id), before) for row in rows.calls}
    for offer in rows.offers:
        if offer.offered < before and str(offer.id) not in legs:
            at = max(offer.offered, ends.get(offer.call_id, last_answer or before))
            recorder.offer_ended(str(offer.id), OfferState.WITHDRAWN, at)  # it does not count against the operator
    for pairing in rows.pairings:
        if pairing.began < before and str(pairing.id) not in legs:
            end = max(pairing.began, ends.get(pairing.call_id, last_answer or before))
            recorder.pairing_ended(str(pairing.id), "lost", end)
    ended = 0
    for row in rows.calls:
        if row.started < before and str(row.id) not in calls:
            recorder.call_lost(str(row.id), row.queued is not None, row.connected is not None, ends[row.id])
            ended += 1
    await _keep(messages, left_by, recorder, mailbox)
    cut = set()
    for name in names:
        leg = name.removeprefix(conversation_recording.PREFIX)
        if name != leg and leg not in legs and await conversation_recording.keep_leftover(mailbox, name, recorder):
            cut.add(leg)
    for recording in rows.recordings:
        leg = str(recording.id)
        if recording.started < before and leg not in legs:
            of_call = left_by.get(str(recording.call_id))
            await conversation_recording.close(mailbox, recording, of_call, recorder, cut=leg in cut)
    if ended:
        log.info("Rows of calls that ended without a controller were closed", calls=ended)


async def keep_messages(
    journal: Path, shared: SharedEngine, node: str, recorder: Recorder, mailbox: Mailbox, calls: Collection[str]
) -> None:
    """Keep the messages of callers who were then given to the dialplan and hung up there."""
    names = await asyncio.to_thread(mailbox.names)
    messages = {name: message for name in names if (message := parse_name(name)) is not None and message[2] in calls}
    if messages:
        wanted = {call for _, _, call in messages.values()}
        found = await _rows(journal, shared, node, time.time(), wanted)
        await _keep(messages, found.wanted, recorder, mailbox)


async def _keep(
    messages: Mapping[str, tuple[CaseKind, str, str]], left_by: Mapping[str, Call], recorder: Recorder, mailbox: Mailbox
) -> None:
    """Keep messages.

    Args:
        messages: Kind, category and call, by the name of the recording.
    """
    for name, (kind, category, identity) in messages.items():
        left = await mailbox.keep(name) if identity in left_by else None
        if left is not None:
            orphaned_records.record_message(recorder, left_by[identity], left, category, kind)


def _end(row: Call, last_answer: datetime | None, last: LastKnown | None, before: datetime) -> datetime:
    """Return when a call that was cut ended, as nearly as that is known; never before anything that happened in it."""
    happened = (row.started, row.line_answered, row.queued, row.connected, last.event if last is not None else None)
    latest = max(instant for instant in happened if instant is not None)
    return max(latest, min(last_answer or before, before))


@dataclass(frozen=True, slots=True)
class _Found:
    open: OpenRows
    wanted: dict[str, Call]
    last: dict[UUID, LastKnown]  # by open call


async def _rows(journal: Path, shared: SharedEngine, node: str, began: float, wanted: Collection[str]) -> _Found:
    """Return what is open, the `wanted` calls and those of open recordings; these calls may have ended since."""
    while True:
        async with shared.places:
            found = await _read(journal, shared, node, began, wanted)
        if found is not None:
            return found
        await asyncio.sleep(_RETRY_S)


async def _read(journal: Path, shared: SharedEngine, node: str, began: float, wanted: Collection[str]) -> _Found | None:
    """Return None while the database is away or lacks something that was written before `began`."""
    try:
        async with asyncio.timeout(_READ_LIMIT_S):
            engine = await shared.engine()
            delivered = await positions(engine)
            # In a thread of its own: reading the journals may take seconds, in which calls need this loop and others.
            behind = await asyncio.get_running_loop().run_in_executor(_THREAD, count_behind, journal, delivered)
            if behind.records and behind.seconds >= time.time() - began:
                return None
            rows = await open_rows(engine, node)
            last = await last_known(engine, [row.id for row in rows.calls])
            calls = {*wanted, *(str(recording.call_id) for recording in rows.recordings)}
            return _Found(rows, await _calls(engine, calls), last)
    except (DatabaseError, TimeoutError) as error:
        log.debug("The database is away; orphaned rows are closed when it is back", error=str(error))
        return None


async def _calls(engine: AsyncEngine, wanted: Collection[str]) -> dict[str, Call]:
    found = {}
    for identity in wanted:
        with contextlib.suppress(NotFoundError):
            found[identity] = (await call(engine, identity)).call
    return found
