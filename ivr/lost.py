"""Rows that a former controller left open for calls that Asterisk does not have any more.

Found in the database once it has all that was written before, and closed through the journal like everything else.
"""

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.deliver import lag
from db.engine import DatabaseError, async_engine
from db.read import OpenRows, open_rows, reference_floor
from db.words import CaseKind
from ivr import conversations, messages_left
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
    recordings: Path,
    home: Path,
) -> None:
    """Ends what was open before `began` (POSIX seconds) and is neither among the `calls` nor the `legs` that are up.

    Recordings in Asterisk's folder `recordings` that are nobody's any more are brought to where `home` keeps them.
    Waits for the deliverer and for a database that is away; the calls that go on do not notice.
    """
    # In a thread with a loop of its own: reading may take long, and this loop has callers.
    rows = await asyncio.to_thread(asyncio.run, _open_rows(journal, url, node, began))
    before = datetime.fromtimestamp(began, UTC)
    for offer in rows.offers:
        if offer.offered < before and str(offer.id) not in legs:
            recorder.offer_lost(str(offer.id))
    for pairing in rows.pairings:
        if pairing.began < before and str(pairing.id) not in legs:
            recorder.pairing_ended(str(pairing.id), "lost")
    ended = 0
    for call in rows.calls:
        if call.started < before and str(call.id) not in calls:
            recorder.call_lost(str(call.id), queued=call.queued is not None, connected=call.connected is not None)
            ended += 1
    await _recordings(recordings, home, rows, calls, legs, recorder)
    if ended:
        log.info("Calls that ended without a controller were closed in the records", calls=ended)


async def _recordings(
    recordings: Path,
    home: Path,
    rows: OpenRows,
    calls: Collection[str],
    legs: Collection[str],
    recorder: Recorder,
) -> None:
    lost = {str(call.id): call for call in rows.calls}
    for path in await asyncio.to_thread(lambda: sorted(recordings.glob(f"*.{messages_left.FORMAT}"))):
        name = path.stem
        message = messages_left.named(name)
        if message is not None and message[2] in lost and message[2] not in calls:
            kind, category, identity = message
            left = await messages_left.keep(recordings, home, name)
            if left is not None:
                recorder.message_of_lost_call(lost[identity], left, category, CaseKind(kind))
        elif name.startswith(conversations.PREFIX) and name.removeprefix(conversations.PREFIX) not in legs:
            await conversations.keep(recordings, home, name, recorder)


async def _open_rows(journal: Path, url: str, node: str, began: float) -> OpenRows:
    while True:
        try:
            behind = await lag(journal, url)
            if not behind.records or behind.seconds < time.time() - began:
                engine = async_engine(url)
                try:
                    return await open_rows(engine, node)
                finally:
                    await engine.dispose()
        except DatabaseError as error:
            log.debug("The database is away; open rows are looked at when it is back", error=str(error))
        await asyncio.sleep(_AGAIN_S)


async def highest_reference(url: str, node_number: int) -> int:
    """The highest counter of this node's case references in the database; 0 if there is none, or no database yet."""
    engine = async_engine(url)
    try:
        return await reference_floor(engine, node_number)
    except (DatabaseError, SQLAlchemyError) as error:
        log.info("The database knows no case references yet", why=str(error).splitlines()[0])
        return 0
    finally:
        await engine.dispose()
