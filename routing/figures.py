"""The figures of a call centre, defined once: for the simulation and for reports from the database.

docs/figures.md says each in words, with its source. Percentages come from sums: tallies of several hours, languages or
days are added, and the figure is taken from the sum; an average of averages is none. Seconds everywhere. A figure of
nobody is None, not 0.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

WITHIN_S = 20.0
SHORT_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`within_s`: T, what a caller is promised. `short_s`: s, whoever hangs up within it hardly waited."""

    within_s: float = WITHIN_S
    short_s: float = SHORT_S


@dataclass(frozen=True, slots=True)
class Counts:
    """What the service level is made of. "Within" counts who waited exactly so long as well."""

    answered: int = 0  # N
    answered_within: int = 0  # N within T
    abandoned: int = 0  # A
    abandoned_within: int = 0  # A within T
    abandoned_short: int = 0  # A within s


def service_level_offered(counts: Counts) -> float | None:
    """N within T / (N + A)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned)


def service_level_without_short(counts: Counts) -> float | None:
    """N within T / (N + A - A within s)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned - counts.abandoned_short)


def service_level_by_target(counts: Counts) -> float | None:
    """N within T / (N + A after T)."""
    return ratio(counts.answered_within, counts.answered + counts.abandoned - counts.abandoned_within)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of a group of calls. Waits and handling times are those of the answered; ratios are 0 to 1.

    `waited`: all that began to wait; `offered`: those of them who were answered or gave up; the others are `elsewhere`,
    by their outcome (call back, message, closed).
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
    """Calls as they are counted, one by one. It keeps 8 bytes of each answered one, for the percentiles."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.elsewhere: Counter[str] = Counter()
        self.waits = array("d")
        self.abandoned_waits = array("d")
        self.handling_s = 0.0

    def answered(self, wait_s: float, handling_s: float = 0.0) -> None:
        """`handling_s`: talk, hold and wrap-up together."""
        self.waits.append(wait_s)
        self.handling_s += handling_s

    def abandoned(self, wait_s: float) -> None:
        self.abandoned_waits.append(wait_s)

    def went_elsewhere(self, outcome: str) -> None:
        """He waited, and ended with a wish to be called back, a message, or because the line closed."""
        self.elsewhere[outcome] += 1

    def add(self, other: "Tally") -> None:
        """The calls of `other` as well. ValueError if it was counted by other limits."""
        if other.limits != self.limits:
            raise ValueError(f"tallies by {other.limits} and {self.limits} cannot be added; count both by the same")
        self.waits.extend(other.waits)
        self.abandoned_waits.extend(other.abandoned_waits)
        self.elsewhere.update(other.elsewhere)
        self.handling_s += other.handling_s

    @property
    def counts(self) -> Counts:
        limits = self.limits
        return Counts(
            answered=len(self.waits),
            answered_within=sum(wait <= limits.within_s for wait in self.waits),
            abandoned=len(self.abandoned_waits),
            abandoned_within=sum(wait <= limits.within_s for wait in self.abandoned_waits),
            abandoned_short=sum(wait <= limits.short_s for wait in self.abandoned_waits),
        )

    def figures(self) -> Figures:
        counts, waits = self.counts, sorted(self.waits)
        offered = counts.answered + counts.abandoned
        waited = offered + self.elsewhere.total()
        return Figures(
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


@dataclass(frozen=True, slots=True)
class Work:
    """What operators did, in seconds. Pauses and ringing are in none of the three."""

    talking_s: float = 0.0
    wrapping_up_s: float = 0.0
    ready_s: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def occupancy(self) -> float | None:
        """(talk + wrap-up) / (talk + wrap-up + ready)."""
        busy = self.talking_s + self.wrapping_up_s
        return ratio(busy, busy + self.ready_s)


def together(tallies: Iterable[Tally]) -> Tally:
    """One tally of all their calls."""
    found: Tally | None = None
    for each in tallies:
        if found is None:
            found = Tally(each.limits)
        found.add(each)
    return found or Tally()


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest value that at least `percent` of them do not exceed; None where there are none."""
    return percentile_of_sorted(sorted(values), percent)


def percentile_of_sorted(values: Sequence[float], percent: float) -> float | None:
    # Rounded first: 99.9 % of 1,000 is 999, and not the 1000th because of a binary fraction.
    return values[max(0, math.ceil(round(len(values) * percent / 100, 6)) - 1)] if values else None


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
