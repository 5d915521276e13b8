"""Rows that a former controller left open for calls that Asterisk does not have any more.

Found in the database once it has all that was written before, and closed through the journal like everything else.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.deliver import lag
from db.engine import DatabaseError, async_engine
from db.read import Call, NotFoundError, OpenRows, call, open_rows
from db.words import CaseKind
from ivr import conversations, records_lost
from ivr.messages_left import Mailbox, named
from ivr.records import Recorder

log = structlog.get_logger()

_AGAIN_S = 0.5


async def close_lost(
    journal: Path,
    url: str,
    node: str,
    recorder: Recorder,
    *,
    began: float,
    calls: Collection[str],
    legs: Collection[str],
    mailbox: Mailbox,
    names: Sequence[str],
) -> None:
    """Ends what was open before `began` (POSIX seconds) and is neither among the `calls` nor the `legs` that are up.

    `names`: the recordings that lay in the mailbox before anything began; those that are nobody's any more are brought
    to where they are kept. Waits for the deliverer and for a database that is away; the calls that go on do not notice.
    """
    # In a thread with a loop of its own: reading may take long, and this loop has callers.
    messages = {name: message for name in names if (message := named(name)) is not None and message[2] not in calls}
    wanted = {call for _, _, call in messages.values()}
    rows, left_by = await asyncio.to_thread(asyncio.run, _rows(journal, url, node, began, wanted))
    before = datetime.fromtimestamp(began, UTC)
    for offer in rows.offers:
        if offer.offered < before and str(offer.id) not in legs:
            recorder.offer_lost(str(offer.id))
    for pairing in rows.pairings:
        if pairing.began < before and str(pairing.id) not in legs:
            recorder.pairing_ended(str(pairing.id), "lost")
    ended = 0
    for row in rows.calls:
        if row.started < before and str(row.id) not in calls:
            recorder.call_lost(str(row.id), queued=row.queued is not None, connected=row.connected is not None)
            ended += 1
    await _keep(messages, left_by, recorder, mailbox)
    cut = set()
    for name in names:
        leg = name.removeprefix(conversations.PREFIX)
        if name != leg and leg not in legs and await conversations.keep_found(mailbox, name, recorder):
            cut.add(leg)
    for recording in rows.recordings:
        leg = str(recording.id)
        if recording.started < before and leg not in legs:
            of_call = left_by.get(str(recording.call_id))
            await conversations.close(mailbox, recording, of_call, recorder, cut=leg in cut)
    if ended:
        log.info("Calls that ended without a controller were closed in the records", calls=ended)


async def keep_messages(
    journal: Path, url: str, node: str, recorder: Recorder, mailbox: Mailbox, calls: Collection[str]
) -> None:
    """Keep what callers of these calls left who were then given to the dialplan, and hung up there."""
    names = await asyncio.to_thread(mailbox.names)
    messages = {name: message for name in names if (message := named(name)) is not None and message[2] in calls}
    if messages:
        wanted = {call for _, _, call in messages.values()}
        _, left_by = await asyncio.to_thread(asyncio.run, _rows(journal, url, node, time.time(), wanted))
        await _keep(messages, left_by, recorder, mailbox)


async def _keep(
    messages: Mapping[str, tuple[CaseKind, str, str]], left_by: Mapping[str, Call], recorder: Recorder, mailbox: Mailbox
) -> None:
    """`messages`: kind, category and call by the name of the recording."""
    for name, (kind, category, identity) in messages.items():
        left = await mailbox.keep(name) if identity in left_by else None
        if left is not None:
            records_lost.message(recorder, left_by[identity], left, category, kind)


async def _rows(
    journal: Path, url: str, node: str, began: float, wanted: Collection[str]
) -> tuple[OpenRows, dict[str, Call]]:
    """What is open, and the `wanted` calls and those of open recordings, which may have ended since."""
    while True:
        try:
            behind = await lag(journal, url)
            if not behind.records or behind.seconds < time.time() - began:
                engine = async_engine(url)
                try:
                    rows = await open_rows(engine, node)
                    return rows, await _calls(engine, {*wanted, *(str(each.call_id) for each in rows.recordings)})
                finally:
                    await engine.dispose()
        except DatabaseError as error:
            log.debug("The database is away; open rows are looked at when it is back", error=str(error))
        await asyncio.sleep(_AGAIN_S)


async def _calls(engine: AsyncEngine, wanted: Collection[str]) -> dict[str, Call]:
    found = {}
    for identity in wanted:
        with contextlib.suppress(NotFoundError):
            found[identity] = (await call(engine, identity)).call
    return found
