"""How often each limit of volume was reached, for alarms, `hatif status` and monitoring. docs/limits.md lists them."""

import math
import time
from collections import Counter
from enum import StrEnum

import structlog

log = structlog.get_logger()

ALARM_S = 900.0
"""How long a limit that was reached once counts as something that a person should look at."""
_LOG_S = 10.0


class Limit(StrEnum):
    """A limit that was reached. The limits on calls at once are Asterisk's (`ivr.asterisk.refused_calls`)."""

    MENUS = "menus"
    MESSAGES_BY_NUMBER = "messages_by_number"
    DISK = "disk"
    CALLBACKS_OF_NUMBER = "callbacks_of_number"
    CALLBACKS_OF_CALLER = "callbacks_of_caller"
    CALLBACKS_UNWANTED = "callbacks_unwanted"
    CALLBACKS_NOT_ASKED = "callbacks_not_asked"
    CALLBACKS_SHARE = "callbacks_share"
    OUTGOING_NUMBER = "outgoing_number"
    OUTGOING_DAY = "outgoing_day"
    OUTGOING_COUNTRY = "outgoing_country"


SENTENCES: dict[Limit, str] = {
    Limit.MENUS: "callers were in the menus for too long, and their calls were ended",
    Limit.MESSAGES_BY_NUMBER: "messages were refused: too many of one number today",
    Limit.DISK: "messages or recordings were refused: too little room on the disk",
    Limit.CALLBACKS_OF_NUMBER: "call-back requests were refused: their number had one already",
    Limit.CALLBACKS_OF_CALLER: "call-back requests were refused: their caller had one for another number",
    Limit.CALLBACKS_UNWANTED: "call-back requests were refused: one before them was not asked for",
    Limit.CALLBACKS_NOT_ASKED: "people were called back who said that they had not asked for it",
    Limit.CALLBACKS_SHARE: "call-back requests waited: enough operators were calling back",
    Limit.OUTGOING_NUMBER: "call-back requests waited: their number was called too often today",
    Limit.OUTGOING_DAY: "call-back requests waited: too many calls were made today",
    Limit.OUTGOING_COUNTRY: "call-back requests waited: too many calls, or too long ones, to their country today",
}
"""Clauses for alarms and the log; each follows a number and a space."""


class LimitCounts:
    """How often each limit was reached since the process began, and when last.

    Durations are by the monotonic clock: the other one can be set.
    """

    def __init__(self) -> None:
        self.reached: Counter[Limit] = Counter()
        self._last: dict[Limit, tuple[float, float]] = {}  # monotonic, POSIX
        self._logged: dict[Limit, float] = {}

    def reach(self, limit: Limit) -> None:
        """Count that a limit was reached, and log it at most once in ten seconds. Nobody's number is in the log."""
        now = time.monotonic()
        self.reached[limit] += 1
        self._last[limit] = now, time.time()
        if now - self._logged.get(limit, -math.inf) >= _LOG_S:
            self._logged[limit] = now
            log.warning("A limit was reached (docs/limits.md)", limit=limit.value, times=self.reached[limit])

    def lately(self) -> dict[Limit, float]:
        """Return the limits that were reached lately, with the instant of the last time in POSIX seconds."""
        now = time.monotonic()
        return {limit: at for limit, (since, at) in self._last.items() if now - since < ALARM_S}
