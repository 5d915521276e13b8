"""One pool: every operator can serve every caller, who waits his turn and never gives up.

Erlang's formula is for Poisson arrivals and exponential handling times.

A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges", 1917. The simulation must agree with it where it applies.
"""

import math
from heapq import heapreplace

import numpy as np

from routing.simulation.demand import Calls, Seconds


def waits(operators: int, load: float) -> float:
    """The share of callers who wait at all. `load`: calls an hour times handling time in hours; ValueError from
    `operators` on: the line would never end."""
    if not 0 <= load < operators:
        raise ValueError(f"a load of {load:g} needs more than {operators} operators")
    blocked = 1.0  # Erlang B, one operator more at a time
    for count in range(1, operators + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / operators * (1 - blocked))


def within(seconds: float, operators: int, load: float, handling_s: float) -> float:
    """The share of callers who are answered within `seconds`."""
    return 1 - waits(operators, load) * math.exp(-(operators - load) * seconds / handling_s)


def mean_wait_s(operators: int, load: float, handling_s: float) -> float:
    return waits(operators, load) * handling_s / (operators - load)


def pool_waits(calls: Calls, operators: int) -> Seconds:
    """The waits of these calls in one pool without wrap-up: first come, first served."""
    free = [0.0] * operators  # when each is free next
    found = []
    for arrival, talk in zip(calls.arrival.tolist(), calls.talk_s.tolist(), strict=True):
        begins = max(arrival, free[0])
        heapreplace(free, begins + talk)
        found.append(begins - arrival)
    return np.array(found, dtype=np.float64)
