"""The calls of a day: arrival, language, talk time and the caller's patience.

Each of these is drawn from its own random stream, one number per call, so that a change of one (more calls, another
mix, less patience) leaves the others unchanged: two policies, or two teams, get exactly the same calls.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600.0

Seconds = NDArray[np.float64]


class Spread(StrEnum):
    """The distribution of talk times."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True, slots=True)
class Demand:
    """The parameters from which a day's calls are drawn.

    `calls_per_hour`: one figure for each hour; their number is the length of the day. `mix`: the share of each
    language, in the order of `languages`; one row for the whole day, or one for each hour. `talk_s`: the mean.
    `variation`: the standard deviation divided by the mean, for lognormal talk times. `patience_s`: the mean of an
    exponential distribution; None: nobody gives up. Raises ValueError for invalid parameters.
    """

    languages: tuple[str, ...]
    calls_per_hour: tuple[float, ...]
    mix: tuple[tuple[float, ...], ...]
    talk_s: float = 300.0
    spread: Spread = Spread.EXPONENTIAL
    variation: float = 1.0
    patience_s: float | None = None

    def __post_init__(self) -> None:
        if not self.calls_per_hour or any(not 0 <= calls < math.inf for calls in self.calls_per_hour):
            raise ValueError("the calls per hour must be one figure of 0 or more for each hour")
        if len(self.mix) not in (1, len(self.calls_per_hour)):
            raise ValueError("the mix must be one row of shares, or one row for each hour")
        for row in self.mix:
            if len(row) != len(self.languages) or min(row) < 0 or sum(row) <= 0:
                raise ValueError(f"the mix {row} must have one share for each of {', '.join(self.languages)}")
        if not self.talk_s > 0 or not self.variation > 0:
            raise ValueError("the talk time and its variation must be greater than 0")
        if self.patience_s is not None and not self.patience_s > 0:
            raise ValueError("the patience must be greater than 0 seconds; leave it out if nobody gives up")

    @property
    def length_s(self) -> float:
        return len(self.calls_per_hour) * HOUR_S


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a day by arrival, as columns.

    `language` is an index into `languages`; `patience_s` is infinite for callers who never give up; `length_s` is the
    length of the day.
    """

    languages: tuple[str, ...]
    length_s: float
    arrival: Seconds
    language: NDArray[np.int64]
    talk_s: Seconds
    patience_s: Seconds = field(repr=False)

    def __len__(self) -> int:
        return len(self.arrival)


def draw(demand: Demand, seed: int, day: int = 0) -> Calls:
    """Draw one of the days of this seed. Arrivals are a Poisson process, by thinning: arrivals are drawn at the busiest
    hour's rate for the whole day, and each hour keeps its share of them."""
    busiest = max(demand.calls_per_hour)
    chance = [np.random.default_rng([seed, day, stream]) for stream in range(5)]
    gaps = _gaps(chance[0], busiest, demand.length_s)
    came = np.cumsum(gaps)
    came = came[came < demand.length_s]
    count = len(came)
    hour = (came // HOUR_S).astype(np.int64)
    kept = chance[1].random(count) * busiest < np.array(demand.calls_per_hour)[hour]
    shares = np.cumsum(np.array(demand.mix, dtype=np.float64), axis=1)
    shares /= shares[:, -1:]
    rows = shares[hour] if len(demand.mix) > 1 else shares[np.zeros(count, dtype=np.int64)]
    language = (chance[2].random(count)[:, None] >= rows).sum(axis=1)
    talk = demand.talk_s * _spread(chance[3], count, demand)
    patience = chance[4].exponential(1.0, count) * (demand.patience_s or math.inf)
    return Calls(demand.languages, demand.length_s, came[kept], language[kept], talk[kept], patience[kept])


def _gaps(chance: np.random.Generator, per_hour: float, length_s: float) -> Seconds:
    """Return times between arrivals, enough of them for the whole day."""
    if not per_hour:
        return np.empty(0)
    expected = per_hour * length_s / HOUR_S
    gaps = chance.exponential(1.0, int(expected + 6 * math.sqrt(expected) + 20)) * (HOUR_S / per_hour)
    while gaps.sum() < length_s:
        gaps = np.concatenate([gaps, chance.exponential(HOUR_S / per_hour, 1000)])
    return gaps


def _spread(chance: np.random.Generator, count: int, demand: Demand) -> Seconds:
    """Return talk times with mean 1."""
    if demand.spread is Spread.EXPONENTIAL:
        return chance.exponential(1.0, count)
    sigma = math.sqrt(math.log1p(demand.variation**2))
    return np.exp(sigma * chance.standard_normal(count) - sigma**2 / 2)
