"""Rows that a former controller left open for calls that Asterisk does not have any more.

Found in the database once it has all that was written before, and closed through the journal like everything else.
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

from db.delivery import lag
from db.engine import DatabaseError, async_engine
from db.enums import CaseKind
from db.orphaned_calls import LastKnown, last_known
from db.read import Call, NotFoundError, OpenRows, call, open_rows
from ivr.call import conversation_recording
from ivr.records import orphaned_records
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox, parse_name

log = structlog.get_logger()

_AGAIN_S = 0.5
_LOOK_LIMIT_S = 10.0

_THREAD = ThreadPoolExecutor(1, "lost rows")


@dataclass(frozen=True, slots=True)
class Up:
    """What goes on at this moment: ids of calls that somebody has, and of all of Asterisk's channels."""

    calls: Set[str]
    channels: Set[str]


async def close_lost(
    journal: Path,
    url: str,
    node: str,
    recorder: Recorder,
    *,
    began: float,
    known: datetime | None,
    up: Callable[[], Awaitable[Up]],
    legs: Collection[str],
    mailbox: Mailbox,
    names: Sequence[str],
) -> None:
    """End what was open before `began` (POSIX seconds) and is neither `up` nor among the `legs` that are.

    `known`: when Asterisk was last known to answer a controller before that. When a call was cut nobody saw, so it ends
    then, or with the last thing that is known of it; a night's outage is no conversation.

    `names`: the recordings that lay in the mailbox before anything began; those that are nobody's any more are brought
    to where they are kept. Waits for the deliverer and for a database that is away; the calls that go on do not notice.
    """
    wanted = {message[2] for name in names if (message := parse_name(name)) is not None}
    found = await _rows(journal, url, node, began, wanted)
    rows, left_by = found.open, found.wanted
    # Looked at after that, which may have taken hours: a call on its way to the dialplan was nobody's for a moment.
    going_on = await up()
    calls = going_on.calls | {str(each) for each, last in found.last.items() if last.channel in going_on.channels}
    messages = {
        name: message for name in names if (message := parse_name(name)) is not None and message[2] not in calls
    }
    before = datetime.fromtimestamp(began, UTC)
    ends = {row.id: _end(row, known, found.last.get(row.id), before) for row in rows.calls}
    for offer in rows.offers:
        if offer.offered < before and str(offer.id) not in legs:
            recorder.offer_lost(str(offer.id), max(offer.offered, ends.get(offer.call_id, known or before)))
    for pairing in rows.pairings:
        if pairing.began < before and str(pairing.id) not in legs:
            end = max(pairing.began, ends.get(pairing.call_id, known or before))
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
        if name != leg and leg not in legs and await conversation_recording.keep_found(mailbox, name, recorder):
            cut.add(leg)
    for recording in rows.recordings:
        leg = str(recording.id)
        if recording.started < before and leg not in legs:
            of_call = left_by.get(str(recording.call_id))
            await conversation_recording.close(mailbox, recording, of_call, recorder, cut=leg in cut)
    if ended:
        log.info("Calls that ended without a controller were closed in the records", calls=ended)


async def keep_messages(
    journal: Path, url: str, node: str, recorder: Recorder, mailbox: Mailbox, calls: Collection[str]
) -> None:
    """Keep what callers of these calls left who were then given to the dialplan, and hung up there."""
    names = await asyncio.to_thread(mailbox.names)
    messages = {name: message for name in names if (message := parse_name(name)) is not None and message[2] in calls}
    if messages:
        wanted = {call for _, _, call in messages.values()}
        found = await _rows(journal, url, node, time.time(), wanted)
        await _keep(messages, found.wanted, recorder, mailbox)


async def _keep(
    messages: Mapping[str, tuple[CaseKind, str, str]], left_by: Mapping[str, Call], recorder: Recorder, mailbox: Mailbox
) -> None:
    """`messages`: kind, category and call by the name of the recording."""
    for name, (kind, category, identity) in messages.items():
        left = await mailbox.keep(name) if identity in left_by else None
        if left is not None:
            orphaned_records.record_message(recorder, left_by[identity], left, category, kind)


def _end(row: Call, known: datetime | None, last: LastKnown | None, before: datetime) -> datetime:
    """When a call that was cut ended, as near as that is known; never before what is known to have happened in it."""
    happened = (row.started, row.line_answered, row.queued, row.connected, last.event if last is not None else None)
    latest = max(each for each in happened if each is not None)
    return max(latest, min(known or before, before))


@dataclass(frozen=True, slots=True)
class _Found:
    open: OpenRows
    wanted: dict[str, Call]
    last: dict[UUID, LastKnown]  # by open call


async def _rows(journal: Path, url: str, node: str, began: float, wanted: Collection[str]) -> _Found:
    """What is open, and the `wanted` calls and those of open recordings, which may have ended since."""
    loop = asyncio.get_running_loop()
    while True:
        # In a thread with a loop of its own, since reading may take long and this loop has callers; of its own, so that
        # a database that hangs takes no thread from what callers wait for.
        found = await loop.run_in_executor(_THREAD, lambda: asyncio.run(_look(journal, url, node, began, wanted)))
        if found is not None:
            return found
        await asyncio.sleep(_AGAIN_S)


async def _look(journal: Path, url: str, node: str, began: float, wanted: Collection[str]) -> _Found | None:
    """None while the database is away, or has not all that was written before `began`."""
    try:
        async with asyncio.timeout(_LOOK_LIMIT_S):
            behind = await lag(journal, url)
            if behind.records and behind.seconds >= time.time() - began:
                return None
            engine = async_engine(url)
            try:
                rows = await open_rows(engine, node)
                last = await last_known(engine, [row.id for row in rows.calls])
                calls = {*wanted, *(str(each.call_id) for each in rows.recordings)}
                return _Found(rows, await _calls(engine, calls), last)
            finally:
                await engine.dispose()
    except (DatabaseError, TimeoutError) as error:
        log.debug("The database is away; open rows are looked at when it is back", error=str(error))
        return None


async def _calls(engine: AsyncEngine, wanted: Collection[str]) -> dict[str, Call]:
    found = {}
    for identity in wanted:
        with contextlib.suppress(NotFoundError):
            found[identity] = (await call(engine, identity)).call
    return found
