"""Alarms by a site's limits: too many callers wait, one waits too long, too few are answered in time, too many give up.

Pure: instants are POSIX seconds, passed in as arguments.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from routing.figures import Counts, ratio, service_level_offered

CALM_S = 30.0
"""An alarm ends once nothing has exceeded its limit for this time; otherwise it would come and go with each caller."""

LEAST_CALLS = 10
"""With fewer calls in the half hour, a share says nothing."""


class Exceeded(StrEnum):
    """A figure that has a limit."""

    MANY_WAITING = "many_waiting"
    LONG_WAIT = "long_wait"
    SERVICE_LEVEL = "service_level"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A site's limits; 0 switches one off.

    `waiting`: callers at once, `waiting_s`: the longest wait, `service_level` and `abandoned`: shares of the calls of
    the last half hour, if there were at least `LEAST_CALLS`.
    """

    waiting: int = 0
    waiting_s: float = 0.0
    service_level: float = 0.0
    abandoned: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The callers who wait in a language. `since`: the first of them."""

    callers: int
    since: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """A limit that is exceeded, or was within `CALM_S`. `since`: when that began; `figure`: the latest value over it.

    For a long wait, `figure` is the instant since which the caller waits; None once nobody waits that long any more.
    """

    what: Exceeded
    language: str | None
    since: float
    figure: float | None


class ThresholdWatch:
    """Remembers since when each limit is exceeded."""

    def __init__(self, limits: Thresholds) -> None:
        self._limits = limits
        self._crossed: dict[tuple[Exceeded, str | None], tuple[Crossing, float]] = {}

    def look(self, now: float, waiting: Mapping[str, Waiting], latest: Counts) -> list[Crossing]:
        """Return what is exceeded. `waiting`: by language; `latest`: the waits that ended in the last half hour."""
        for what, language, since, figure in self._exceeded(now, waiting, latest):
            known = self._crossed.get((what, language))
            began = known[0].since if known is not None else since
            self._crossed[what, language] = Crossing(what, language, began, figure), now
        self._crossed = {key: found for key, found in self._crossed.items() if 0 <= now - found[1] < CALM_S}
        return [_shown(crossing, exceeds=at == now) for crossing, at in self._crossed.values()]

    def _exceeded(
        self, now: float, waiting: Mapping[str, Waiting], latest: Counts
    ) -> Iterator[tuple[Exceeded, str | None, float, float]]:
        limits = self._limits
        callers = sum(row.callers for row in waiting.values())
        if 0 < limits.waiting <= callers:
            yield Exceeded.MANY_WAITING, None, now, float(callers)
        for language, row in waiting.items():
            if limits.waiting_s and now - row.since >= limits.waiting_s:
                yield Exceeded.LONG_WAIT, language, row.since + limits.waiting_s, row.since
        if latest.answered + latest.abandoned < LEAST_CALLS:
            return
        level = service_level_offered(latest)
        if level is not None and level < limits.service_level:
            yield Exceeded.SERVICE_LEVEL, None, now, round(level, 3)
        share = ratio(latest.abandoned, latest.answered + latest.abandoned)
        if share is not None and 0 < limits.abandoned < share:
            yield Exceeded.ABANDONED, None, now, round(share, 3)


def _shown(crossing: Crossing, *, exceeds: bool) -> Crossing:
    """Return a crossing as it is now: the wait of a caller who waits no longer would go on counting on pages."""
    return crossing if exceeds or crossing.what is not Exceeded.LONG_WAIT else replace(crossing, figure=None)
