"""A wish that has been due for too long: nobody is called for it any more, and somebody finds it among the files.

No operator took it, or its number could not be dialled: hours that never meet, limits of a day, no trunk any more.
Counted are the hours in which somebody could have been called, those of the open line.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState
from ivr.callbacks.facts import first_due_of, who_is_at
from ivr.callbacks.repository import CallbackRepository
from ivr.callbacks.request_states import Happening, after
from ivr.records.callback_records import failed, happened
from ivr.records.recorder import Recorder
from ivr.site import callback_rules
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.call import Opening

log = structlog.get_logger()

_CHANCE = timedelta(minutes=10)
"""So long a wish that waited while nobody looked is there for the operators first."""
_BREAK = timedelta(minutes=5)
"""Looks that are farther apart are not one time: the database was away, or the machine stood still."""
_LONGEST = timedelta(days=366)
"""After it a wish is too late, however seldom the line was open; so counting the hours has an end."""
_WHATEVER_ELSE = (callback_rules.Not.NO_TRUNK, callback_rules.Not.NUMBER)
"""Why nobody is called even where no other wish of the number is in the way."""


class Chances:
    """Since when each wish is looked at without a break while its line is open: that long it could have been taken.
    Pure; `look` before the wishes of each look, then `since` for those that nobody is at."""

    def __init__(self) -> None:
        self._since: dict[UUID, datetime] = {}
        self._looked: datetime | None = None

    def look(self, wishes: Sequence[CallbackRequest], now: datetime) -> None:
        broken = self._looked is None or now - self._looked > _BREAK
        there = set() if broken else {each.id for each in wishes}
        self._since = {each: since for each, since in self._since.items() if each in there}
        self._looked = now

    def since(self, wish: CallbackRequest, now: datetime, *, is_open: bool) -> datetime | None:
        """None: its line is closed now."""
        if is_open:
            return self._since.setdefault(wish.id, now)
        self._since.pop(wish.id, None)
        return None


def is_too_late(wish: CallbackRequest, chance: datetime | None, now: datetime, site: Site, opening: "Opening") -> bool:
    """Whether it has been due for so many hours of the open line, or for a year, and has had its chance (`chance`: as
    `Chances.since` has it): ten minutes, or a tenth of those hours where that is less."""
    due, give_up = first_due_of(wish), site.callbacks.give_up
    if due is None or chance is None or now - chance < min(_CHANCE, give_up / 10):
        return False
    if now < due + give_up:
        return False  # whenever it was open: fewer hours than that have passed
    if now >= due + _LONGEST:
        return True
    return opening.open_for(due, now, give_up, language=wish.language) >= give_up


async def expired(
    wish: CallbackRequest,
    why: callback_rules.Not | None,
    now: datetime,
    *,
    chance: datetime | None,
    other: CallbackRequest | None,
    site: Site,
    opening: "Opening",
    repository: CallbackRepository,
    recorder: Recorder,
) -> bool:
    """Whether it is too late to call, so that nobody is to be offered it. `why`: it is not dialled now; `chance`: as in
    `is_too_late`; `other`: the wish of its number that is at work.

    One update of the row decides, as for every step: whoever has claimed it meanwhile goes on, and of several
    controllers one opens the file.
    """
    if wish.state != CallbackState.REQUESTED or not is_too_late(wish, chance, now, site, opening):
        return False
    reason = f"not within {site.callbacks.give_up_h:g} open hours: {_because(wish, why, other, site.node)}"
    moved = after(wish, Happening.EXPIRED, now, reason=reason)
    if wish.kind != CallbackKind.CASE:
        if (reference := recorder.new_case_reference()) is None:
            return True  # the disk is full, and nothing is to be lost: the next look finds it as it is
        moved = replace(moved, case_reference=reference)
    if await repository.move(wish, moved):
        log.info("A wish to be called back is given up", wish=str(wish.id), why=reason)
        happened(recorder, wish, "expired", {"reason": reason})
        failed(recorder, moved, now)
    return True


def _because(wish: CallbackRequest, why: callback_rules.Not | None, other: CallbackRequest | None, here: str) -> str:
    if other is not None and why not in _WHATEVER_ELSE:
        because = f"another wish of its number was at work ({who_is_at(other, here)})"
    elif why is not None and why is not callback_rules.Not.NOT_DUE:
        because = callback_rules.REASONS[why]
    else:
        because = "no call came of it" if wish.kind == CallbackKind.CASE else "no operator took it"
    return f"{because} (last: {wish.reason})" if wish.reason else because
