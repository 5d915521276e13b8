"""A wish that has been due for too long: nobody is called for it any more, and somebody finds it among the files.

No operator took it, or its number could not be dialled: hours that never meet, limits of a day, no trunk any more.
"""

from dataclasses import replace
from datetime import datetime

import structlog

from db.wishes import Wish
from db.words import CallbackKind, CallbackState
from ivr.callbacks import rules
from ivr.callbacks.book import Book
from ivr.callbacks.facts import expires_of
from ivr.callbacks.wish import Happening, after
from ivr.records import Recorder
from ivr.records_callbacks import failed, happened
from ivr.site import Site

log = structlog.get_logger()


async def expired(
    wish: Wish, why: rules.Not | None, now: datetime, *, site: Site, book: Book, recorder: Recorder
) -> bool:
    """Whether it is too late to call, so that nobody is to be offered it. `why`: it is not dialled now.

    One update of the row decides, as for every step: whoever has claimed it meanwhile goes on, and of several
    controllers one opens the file.
    """
    ends = expires_of(site, wish)
    if wish.state != CallbackState.WISHED or ends is None or now < ends:
        return False
    reason = f"not within {site.callbacks.give_up_h:g} h: {_because(wish, why)}"
    moved = after(wish, Happening.EXPIRED, now, reason=reason)
    if wish.kind != CallbackKind.CASE:
        if (reference := recorder.new_case_reference()) is None:
            return True  # the disk is full, and nothing is to be lost: the next look finds it as it is
        moved = replace(moved, case_reference=reference)
    if await book.move(wish, moved):
        log.info("A wish to be called back is given up", wish=str(wish.id), why=reason)
        happened(recorder, wish, "expired", {"reason": reason})
        failed(recorder, moved, now)
    return True


def _because(wish: Wish, why: rules.Not | None) -> str:
    if why is not None and why is not rules.Not.NOT_DUE:
        because = rules.IN_WORDS[why]
    else:
        because = "no call came of it" if wish.kind == CallbackKind.CASE else "no operator took it"
    return f"{because} (last: {wish.reason})" if wish.reason else because
