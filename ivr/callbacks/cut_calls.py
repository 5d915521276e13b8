"""Call-back requests for callers who waited or talked when Asterisk ended, if the site wants them (`cut_off`).

Such a caller has asked for nothing, so they get a minute to call again, which most do at once: then the dispatcher
cancels the request.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from db.callback_requests import CUT_OFF
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.records.caller_limits import CallerLimits
from ivr.records.recorder import Recorder
from ivr.site import callback_numbers
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.services import Opening

log = structlog.get_logger()

CALLS_AGAIN = timedelta(minutes=1)
"""How long a caller who was cut off has to call again."""


@dataclass(frozen=True, slots=True)
class CutCall:
    """A call that ended with Asterisk while its caller waited or talked. `since`: their age in the queue."""

    id: str
    number: str  # dialled
    caller: str  # E.164
    language: str
    topic: str | None
    country: str | None
    since: datetime
    ended: datetime


async def request(
    calls: Iterable[CutCall], site: Site, limits: CallerLimits, recorder: Recorder, opening: "Opening"
) -> list[str]:
    """Record a call-back request for each caller who may be called and has none; return their numbers.

    The limits and the rules are those of requests that callers make. A call that was cut off longer ago than a request
    may wait gets none.
    """
    now, requested = clock.now(), []
    for call in calls:
        if not callback_numbers.may_be_called(call.caller, site) or now - call.ended > site.callbacks.give_up:
            continue
        if (why := await limits.why_no_callback(call.caller, call.caller)) is not None:
            log.info("A caller who was cut off is not called back", call=call.id, why=why.value)
            continue
        state = CallState(
            id=call.id,
            flow="",
            node="",
            number=call.number,
            caller=call.caller,
            language=call.language,
            country=call.country,
            topic=call.topic,
            since=call.since.timestamp(),
        )
        opens = opening.opens_next(line=call.number, language=call.language)
        due = max(opens or now, now + CALLS_AGAIN)
        made = recorder.callback(state, call.caller, due, reason=CUT_OFF)
        limits.callback_requested(made, call.caller, call.caller)
        recorder.call_event(call.id, "cut_off", "", {"request": str(made)})
        requested.append(call.caller)
    if requested:
        log.warning("Callers whose calls Asterisk has cut off will be called back", callers=len(requested))
    return requested
