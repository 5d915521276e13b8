"""Erlang C: a single pool in which every operator can serve every caller, in order of arrival, and nobody gives up.

The formula holds for Poisson arrivals and exponential handling times: A. K. Erlang, "Solution of some problems in the
theory of probabilities of significance in automatic telephone exchanges", 1917. The simulation must agree with it where
it applies.
"""

import math
from heapq import heapreplace

import numpy as np

from routing.simulation.demand import Calls, Seconds


def wait_probability(operators: int, load: float) -> float:
    """Return the share of callers who wait at all.

    `load`: calls per hour times handling time in hours. Raises ValueError if it is not below `operators`, because the
    queue would grow forever.
    """
    if not 0 <= load < operators:
        raise ValueError(f"a load of {load:g} needs more than {operators} operators")
    blocked = 1.0  # Erlang B, one operator more at a time
    for count in range(1, operators + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / operators * (1 - blocked))


def share_answered_within(seconds: float, operators: int, load: float, handling_s: float) -> float:
    """Return the share of callers who are answered within `seconds`."""
    return 1 - wait_probability(operators, load) * math.exp(-(operators - load) * seconds / handling_s)


def mean_wait_s(operators: int, load: float, handling_s: float) -> float:
    return wait_probability(operators, load) * handling_s / (operators - load)


def pool_waits(calls: Calls, operators: int) -> Seconds:
    """Return the waits of these calls in one pool, first come, first served, without wrap-up."""
    free = [0.0] * operators  # a heap of the instants at which operators become free
    waits = []
    for arrival, talk in zip(calls.arrival.tolist(), calls.talk_s.tolist(), strict=True):
        begins = max(arrival, free[0])
        heapreplace(free, begins + talk)
        waits.append(begins - arrival)
    return np.array(waits, dtype=np.float64)
