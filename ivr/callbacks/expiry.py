"""Requests that have been due for too long: they are not dialled any more, and a case file is opened for each.

No operator took them, or their number could not be dialled: hours that never meet, limits of a day, no trunk any more.
Only the hours in which the line is open count, since only then the caller could have been called.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from db.callback_requests import CallbackRequest
from db.callback_states import RequestEvent, advance, describe_holder, first_due_of
from db.enums import CallbackKind, CallbackState
from ivr.callbacks.repository import CallbackRepository
from ivr.records.callback_records import record_failure, record_request_event
from ivr.records.recorder import Recorder
from ivr.site import callback_rules
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.services import Opening

log = structlog.get_logger()

_CHANCE = timedelta(minutes=10)
"""How long operators can take a request that fell due while nobody looked, before it expires."""
_BREAK = timedelta(minutes=5)
"""Looks farther apart than this are not continuous: the database was away, or the machine was suspended."""
_LONGEST = timedelta(days=366)
"""A request older than this is too late even if the line was seldom open, so that counting its hours has an end."""
_WHATEVER_ELSE = (callback_rules.Not.NO_TRUNK, callback_rules.Not.NUMBER)
"""Reasons that hold even if no other request of the number is being worked on."""


class Chances:
    """Since when each request has been looked at without a break while its line was open, so that it could be taken.

    Pure. Call `look` at the beginning of each look, then `since` for the requests that no controller holds.
    """

    def __init__(self) -> None:
        self._since: dict[UUID, datetime] = {}
        self._looked: datetime | None = None

    def look(self, requests: Sequence[CallbackRequest], now: datetime) -> None:
        broken = self._looked is None or now - self._looked > _BREAK
        present = set() if broken else {request.id for request in requests}
        self._since = {identity: since for identity, since in self._since.items() if identity in present}
        self._looked = now

    def since(self, request: CallbackRequest, now: datetime, *, is_open: bool) -> datetime | None:
        """Return since when the request could have been taken; None if its line is closed now."""
        if is_open:
            return self._since.setdefault(request.id, now)
        self._since.pop(request.id, None)
        return None


def is_too_late(
    request: CallbackRequest, chance: datetime | None, now: datetime, site: Site, opening: "Opening"
) -> bool:
    """Return whether a request has been due for the site's hours of open line, or for a year, and had its chance.

    The chance is that operators could take it for ten minutes, or a tenth of those hours where that is less; `chance`
    is the beginning, from `Chances.since`.
    """
    due, give_up = first_due_of(request), site.callbacks.give_up
    if due is None or chance is None or now - chance < min(_CHANCE, give_up / 10):
        return False
    if now < due + give_up:
        return False  # whenever it was open: fewer hours than that have passed
    if now >= due + _LONGEST:
        return True
    return opening.open_for(due, now, give_up, language=request.language) >= give_up


async def expire_if_late(
    request: CallbackRequest,
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
    """Expire a request if it is too late to call; return whether it is, so that it is not offered any more.

    One update of the row decides, as for every step: a controller that has claimed it meanwhile goes on, and only one
    of several controllers opens the case file.

    Args:
        why: Why it is not dialled now.
        chance: As in `is_too_late`.
        other: The request of the same number that is being worked on.
    """
    if request.state != CallbackState.REQUESTED or not is_too_late(request, chance, now, site, opening):
        return False
    reason = f"not within {site.callbacks.give_up_h:g} open hours: {_explain(request, why, other, site.node)}"
    moved = advance(request, RequestEvent.EXPIRED, now, reason=reason)
    if request.kind != CallbackKind.CASE:
        if (reference := recorder.new_case_reference()) is None:
            return True  # the disk is full; the request stays as it is for the next look
        moved = replace(moved, case_reference=reference)
    if await repository.move(request, moved):
        log.info("A call-back request has expired", request=str(request.id), why=reason)
        record_request_event(recorder, request, "expired", {"reason": reason})
        record_failure(recorder, moved, now)
    return True


def _explain(request: CallbackRequest, why: callback_rules.Not | None, other: CallbackRequest | None, here: str) -> str:
    if other is not None and why not in _WHATEVER_ELSE:
        because = f"another request of its number was at work ({describe_holder(other, here)})"
    elif why is not None and why is not callback_rules.Not.NOT_DUE:
        because = callback_rules.REASONS[why]
    else:
        because = "no call came of it" if request.kind == CallbackKind.CASE else "no operator took it"
    return f"{because} (last: {request.reason})" if request.reason else because
