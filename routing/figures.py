"""Call centre metrics, defined once for the simulation and for reports from the database.

docs/figures.md describes each one with its source. Ratios are computed from sums: tallies of several hours, languages
or days are added first, because an average of averages is wrong. All durations are in seconds. A metric of an empty
group is None, not 0.
"""

import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

WITHIN_S = 20.0
SHORT_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the service level.

    `within_s`: T, the target answer time. `short_s`: s, the limit of a short abandonment: a caller who hangs up within
    it hardly waited.
    """

    within_s: float = WITHIN_S
    short_s: float = SHORT_S


class Counts(NamedTuple):  # a report by half-hour has thousands, and they are made in a fifth of a dataclass's time
    """The counts behind the service level. "Within" includes callers who waited exactly that long."""

    answered: int = 0  # N
    answered_within: int = 0  # N within T
    abandoned: int = 0  # A
    abandoned_within: int = 0  # A within T
    abandoned_short: int = 0  # A within s


def service_level_offered(counts: Counts) -> float | None:
    """Return N within T / (N + A)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned)


def service_level_without_short(counts: Counts) -> float | None:
    """Return N within T / (N + A - A within s)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned - counts.abandoned_short)


def service_level_by_target(counts: Counts) -> float | None:
    """Return N within T / (N + A after T)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned - counts.abandoned_within)


class Figures(NamedTuple):
    """The metrics of a group of calls. Waits and handling times are of answered calls; ratios are 0 to 1.

    `waited`: all calls that began to wait. `offered`: those that were answered or abandoned. The rest are in
    `elsewhere`, by outcome (callback, message, closed).
    """

    waited: int
    offered: int
    answered: int
    abandoned: int
    elsewhere: dict[str, int]
    service_level_offered: float | None
    service_level_without_short: float | None
    service_level_by_target: float | None
    abandonment: float | None
    average_speed_of_answer_s: float | None
    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_p99_s: float | None
    longest_wait_s: float | None
    handling_s: float | None


class Tally:
    """A running count of calls. Keeps 8 bytes for each answered and each abandoned call, for the percentiles."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.elsewhere: Counter[str] = Counter()
        self.waits = array("d")
        self.abandoned_waits = array("d")
        self.handling_s = 0.0

    def add_answered(self, wait_s: float, handling_s: float = 0.0) -> None:
        """Count an answered call. `handling_s`: talk, hold and wrap-up together."""
        self.waits.append(wait_s)
        self.handling_s += handling_s

    def add_abandoned(self, wait_s: float) -> None:
        self.abandoned_waits.append(wait_s)

    def add_elsewhere(self, outcome: str) -> None:
        """Count a caller who waited and ended with a callback request, a message, or because the line closed."""
        self.elsewhere[outcome] += 1

    def add(self, other: "Tally") -> None:
        """Add the calls of `other`. Raises ValueError if the limits differ."""
        if other.limits != self.limits:
            raise ValueError(f"cannot add a tally with {other.limits} to one with {self.limits}; use the same limits")
        self.waits.extend(other.waits)
        self.abandoned_waits.extend(other.abandoned_waits)
        self.elsewhere.update(other.elsewhere)
        self.handling_s += other.handling_s

    @property
    def counts(self) -> Counts:
        return self._count(sorted(self.waits))

    def _count(self, waits: Sequence[float]) -> Counts:
        limits, abandoned = self.limits, sorted(self.abandoned_waits)
        return Counts(
            answered=len(waits),
            answered_within=bisect_right(waits, limits.within_s),
            abandoned=len(abandoned),
            abandoned_within=bisect_right(abandoned, limits.within_s),
            abandoned_short=bisect_right(abandoned, limits.short_s),
        )

    def figures(self) -> Figures:
        return self.figures_and_counts()[0]

    def figures_and_counts(self) -> tuple[Figures, Counts]:
        """Return the figures, and the counts that their ratios are computed from."""
        waits = sorted(self.waits)
        counts = self._count(waits)
        offered = counts.answered + counts.abandoned
        waited = offered + self.elsewhere.total()
        figures = Figures(
            waited=waited,
            offered=offered,
            answered=counts.answered,
            abandoned=counts.abandoned,
            elsewhere=dict(self.elsewhere),
            service_level_offered=service_level_offered(counts),
            service_level_without_short=service_level_without_short(counts),
            service_level_by_target=service_level_by_target(counts),
            abandonment=ratio(counts.abandoned, waited),
            average_speed_of_answer_s=ratio(math.fsum(waits), counts.answered),
            wait_p50_s=percentile_of_sorted(waits, 50),
            wait_p90_s=percentile_of_sorted(waits, 90),
            wait_p99_s=percentile_of_sorted(waits, 99),
            longest_wait_s=waits[-1] if waits else None,
            handling_s=ratio(self.handling_s, counts.answered),
        )
        return figures, counts


@dataclass(frozen=True, slots=True)
class Work:
    """Operators' working time in seconds. Pauses and ringing count in none of the three."""

    talking_s: float = 0.0
    wrapping_up_s: float = 0.0
    ready_s: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    @property
    def occupancy(self) -> float | None:
        """The ratio (talk + wrap-up) / (talk + wrap-up + ready)."""
        busy = self.talking_s + self.wrapping_up_s
        return ratio(busy, busy + self.ready_s)


def merge_tallies(tallies: Iterable[Tally]) -> Tally:
    """Return one tally of all their calls."""
    total: Tally | None = None
    for tally in tallies:
        if total is None:
            total = Tally(tally.limits)
        total.add(tally)
    return total or Tally()


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return the smallest value that at least `percent` % of the values do not exceed; None if there are none."""
    return percentile_of_sorted(sorted(values), percent)


def percentile_of_sorted(values: Sequence[float], percent: float) -> float | None:
    return values[_place(len(values), percent)] if values else None


@lru_cache(10_000)
def _place(number: int, percent: float) -> int:
    # Rounded first, so that 99.9 % of 1,000 values is the 999th and not, by a binary fraction, the 1,000th.
    return max(0, math.ceil(round(number * percent / 100, 6)) - 1)


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
