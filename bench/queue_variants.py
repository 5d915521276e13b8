"""Simulate each configuration of app_queue on the reference case with the same calls, to find the best one.

`python -m bench.queue_variants`. The model is app_queue's rule for pairing, without the half second that app_queue
needs to look: `bench.app_queue` measures app_queue itself.
"""

import argparse
import random
import statistics
import sys
from collections import deque
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench import machine, queue_day
from bench.queue_conf import VARIANTS, Plan, plan_of
from bench.reference_case import BATCH_H, LANGUAGES, WARM_H, Case
from routing.engine import Engine
from routing.match import Decision, Decisions, Reason, Waiting
from routing.policy import Policy
from routing.simulation.day import Routing, simulate
from routing.simulation.demand import HOUR_S, draw
from routing.simulation.totals import Totals, standard_error
from routing.states import Operator, OperatorState

EQUAL = 1e-9


class AppQueue:
    """A queue per language, first come first served. An operator who could serve several gets a caller of the heaviest;
    of equally heavy queues the one that happens to look first, which is chance. Of several operators the lowest penalty
    goes first, then the least recent."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan, self._chance = plan, random.Random(seed)
        self._waiting: dict[str, deque[str]] = {language: deque() for language in plan.penalties}
        self._free: dict[str, Operator] = {}

    def set_operator(self, operator: Operator) -> None:
        if operator.state is OperatorState.READY:
            self._free[operator.id] = operator
        else:
            self._free.pop(operator.id, None)

    def wait(self, waiting: Waiting) -> None:
        self._waiting[waiting.steps[0].language].append(waiting.call)

    def leave(self, call: str) -> None:
        raise NotImplementedError("nobody gives up in the reference case")

    def decide(self, now: float) -> Decisions:
        pairs: list[Decision] = []
        while True:
            able = [
                language
                for language, calls in self._waiting.items()
                if calls and any(language in item.languages for item in self._free.values())
            ]
            if not able:
                return Decisions(tuple(pairs), None)
            heaviest = max(self._plan.weights[language] for language in able)
            language = self._chance.choice([item for item in able if self._plan.weights[item] == heaviest])
            penalties = self._plan.penalties[language]
            able_to = [item for item in self._free.values() if language in item.languages]
            operator = min(able_to, key=lambda item: (penalties[item.id], item.since))
            del self._free[operator.id]
            call = self._waiting[language].popleft()
            pairs.append(Decision(call, operator.id, _reason(language, now - operator.since)))


def _reason(language: str, idle_s: float) -> Reason:
    """A value that the simulation does not read."""
    return Reason(0.0, 0, 1, idle_s, 1, 0, language, 5, None)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--hours", type=int, default=400, help="hours counted for each variant")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--languages-each", type=int, default=3)
    options.add_argument(
        "--half-hours",
        type=int,
        help="instead: the differences between ours and app_queue's rule in so many half hours",
    )
    given = options.parse_args()
    if given.half_hours is not None:
        if given.half_hours < 2:
            options.error("--half-hours must be 2 or more: one half hour has no spread")
        _half_hours(given.half_hours, given.seed, given.languages_each)
        return
    if given.hours < 2 * BATCH_H:
        options.error(f"--hours must be {2 * BATCH_H} or more: an error needs two batches of {BATCH_H} hours")
    case = Case(str(given.languages_each), given.languages_each)
    demand, team = case.demand(), case.team()
    plans = {title: plan_of(name, LANGUAGES, team.operators) for name, title in VARIANTS.items()}
    batches: dict[str, list[Totals]] = {name: [] for name in (*plans, "ours, plain", "ours")}
    together = {name: _totals() for name in batches}
    for batch in range(given.hours // BATCH_H):
        calls = draw(demand, given.seed, batch)
        for name, found in batches.items():
            routing: Routing
            if name in plans:
                routing = AppQueue(plans[name], batch)
            else:
                routing = Engine(Policy() if name == "ours" else Policy.plain())
            day = simulate(calls, team, routing)
            alone = _totals()
            for totals in (alone, together[name]):
                totals.add(day)
            found.append(alone)
    console = _console()
    console.print(f"{_machine()}; seed {given.seed}, {given.hours} hours each")
    table = Table("", "within 20 s, %", *LANGUAGES, "mean wait", "p99.9", "passed by", box=None, pad_edge=False)
    for name, found in batches.items():
        overall = _percent([item.level() for item in found])
        shares = [_percent([item.level(language) for item in found]) for language in LANGUAGES]
        waits = [item.group().figures.average_speed_of_answer_s or 0.0 for item in found]
        late = together[name].group().wait_p999_s or 0.0
        table.add_row(
            name, overall, *shares, f"{sum(waits) / len(waits):.1f}", f"{late:.0f}",
            f"{together[name].longest_passing_s:.0f}",
        )  # fmt: skip
    console.print(table)


def _half_hours(count: int, seed: int, languages_each: int) -> None:
    """Print what one run of `bench.app_queue` can show: its calls, without telephones, for successive seeds."""
    console = _console()
    console.print(f"{_machine()}; seeds {seed} to {seed + count - 1}: ours, more than app_queue's rule")
    table = Table("", "within 20 s, points", "worst language, points", "mean wait, s", box=None, pad_edge=False)
    for name, title in VARIANTS.items():
        found: list[tuple[float, float, float]] = []
        for each_seed in range(seed, seed + count):
            case = queue_day.Case(seed=each_seed, languages_each=languages_each)
            calls = queue_day.plan_calls(case)
            ours = queue_day.predict(case, calls, Engine())
            theirs = queue_day.predict(case, calls, AppQueue(plan_of(name, LANGUAGES, case.team()), each_seed))
            better = (ours.within - theirs.within, ours.worst - theirs.worst, ours.mean_s - theirs.mean_s)
            found.append((better[0] * 100, better[1] * 100, better[2]))
        columns = list(zip(*found, strict=True))
        table.add_row(
            title,
            _difference(columns[0]),
            _difference(columns[1]),
            _difference(columns[2], less=True),
        )
    console.print(table)


def _difference(values: Sequence[float], *, less: bool = False) -> str:
    """Return mean and standard deviation, and in how many cases ours is no worse."""
    fine = sum(value <= EQUAL if less else value >= -EQUAL for value in values) / len(values)
    return f"{statistics.mean(values):+.1f} ± {statistics.stdev(values):.1f}, no worse in {100 * fine:.0f} %"


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _machine() -> str:
    about = machine.description()
    return f"{about['cpu']}, Python {about['python']}"


def _totals() -> Totals:
    return Totals(LANGUAGES, WARM_H + BATCH_H, from_s=WARM_H * HOUR_S)


def _percent(levels: list[float | None]) -> str:
    values = [level for level in levels if level is not None]
    return f"{100 * sum(values) / len(values):.1f} ± {100 * (standard_error(values) or 0):.1f}"


if __name__ == "__main__":
    main()
