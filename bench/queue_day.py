"""The calls of the comparison with app_queue, drawn once for all ways, and the engine's own prediction.

Pure: no clock, no network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.reference_case import HANDLING_S, LANGUAGES, MIX, WITHIN_S
from routing.simulation.day import Routing, simulate
from routing.simulation.demand import HOUR_S, Calls, Demand, draw
from routing.simulation.team import Team, spread_team
from routing.states import Operator

FILLS_S = 10.0
"""The time within which the calls arrive that fill the floor at the beginning."""


@dataclass(frozen=True, slots=True)
class Case:
    """The parameters of the comparison. The first `warm_minutes` do not count; `pick_up_s`: until an operator answers.

    Raises ValueError with what would be right.
    """

    calls_per_hour: float = 400.0
    operators: int = 40
    languages_each: int = 3
    minutes: float = 30.0
    warm_minutes: float = 5.0
    pick_up_s: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.warm_minutes * 60 <= FILLS_S:
            raise ValueError(f"the warm-up must be longer than {FILLS_S:g} s, in which the floor is filled")
        if self.load >= self.operators:
            raise ValueError(
                f"{self.load:.1f} operators would have to talk all the time and there are {self.operators}: take more "
                "operators or fewer calls"
            )

    @property
    def load(self) -> float:
        """The load in erlangs."""
        return self.calls_per_hour * (HANDLING_S + self.pick_up_s) / HOUR_S

    @property
    def warm_s(self) -> float:
        return self.warm_minutes * 60

    @property
    def length_s(self) -> float:
        return self.warm_s + self.minutes * 60

    def team(self) -> tuple[Operator, ...]:
        return spread_team(LANGUAGES, MIX, self.operators, self.languages_each)


@dataclass(frozen=True, slots=True)
class Planned:
    """A call: its arrival, its language, and how long the operator talks, whichever operator it is. Seconds."""

    at_s: float
    language: str
    talk_s: float


def plan_calls(case: Case) -> list[Planned]:
    """Return the calls in the order of their arrival. Raises ValueError as `Case` and `spread_team` do.

    At the beginning as many calls arrive as talk at once on average. This is fair because conversations are
    exponential: the rest of one in progress is distributed as a whole one.
    """
    hours = math.ceil(case.length_s / HOUR_S)
    demand = Demand(LANGUAGES, (case.calls_per_hour,) * hours, (MIX,), HANDLING_S)
    coming = draw(demand, case.seed)
    fill = round(case.load)
    # Ten hours have far more calls than that; another day of the same seed is independent of the first.
    before = draw(Demand(LANGUAGES, (max(case.calls_per_hour, 100.0),) * 10, (MIX,), HANDLING_S), case.seed, 1)
    calls = [
        Planned(FILLS_S * n / fill, LANGUAGES[before.language[n]], float(before.talk_s[n])) for n in range(fill)
    ] + [
        Planned(float(at), LANGUAGES[language], float(talk))
        for at, language, talk in zip(coming.arrival, coming.language, coming.talk_s, strict=True)
        if at < case.length_s
    ]
    return sorted(calls, key=lambda call: call.at_s)


def is_counted(case: Case, call: Planned) -> bool:
    return call.at_s >= case.warm_s


@dataclass(frozen=True, slots=True)
class Predicted:
    """The engine's results on the same calls, without telephones: shares within 20 s, mean wait in seconds."""

    within: float
    worst: float
    mean_s: float


def predict(case: Case, calls: Sequence[Planned], routing: Routing) -> Predicted:
    """Return the results of a fresh `routing`."""
    arrival = np.array([call.at_s for call in calls])
    language = np.array([LANGUAGES.index(call.language) for call in calls], dtype=np.int64)
    talk = np.array([call.talk_s for call in calls])
    drawn = Calls(LANGUAGES, case.length_s, arrival, language, talk, np.full(len(calls), np.inf))
    day = simulate(drawn, Team(case.team(), ring_s=case.pick_up_s), routing)
    inside = arrival >= case.warm_s
    if not inside.any():
        return Predicted(math.nan, math.nan, math.nan)
    in_time = day.wait_s <= WITHIN_S
    worst = min(float(in_time[inside & (language == item)].mean()) for item in np.unique(language[inside]))
    return Predicted(float(in_time[inside].mean()), worst, float(day.wait_s[inside].mean()))
