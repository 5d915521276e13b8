"""Measure the accuracy of wait estimates, and how often the announced class is right, on a simulated week.

The engine routes the calls of a week; a waiting caller hears an announcement after 20 s and then every minute, as on
the line. `python -m bench.estimate` prints a table for each week and one for all of them, with --json one document.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import description
from routing.callers_ahead import callers_ahead
from routing.engine import Engine
from routing.estimate import CLASS_LIMITS_S, Estimates, QueuePosition, WaitClass
from routing.figures import percentile
from routing.match import Decisions, Waiting
from routing.simulation.day import CallOutcome, Day, simulate
from routing.simulation.demand import Demand, Spread, draw
from routing.simulation.team import Team, spread_team
from routing.states import Operator

LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")
MIX = (0.34, 0.30, 0.12, 0.10, 0.07, 0.04, 0.03)
OPERATORS, EACH = 40, 3
TALK_S, WRAP_UP_S, PATIENCE_S = 280.0, 20.0, 900.0
FIRST_S, EVERY_S = 20.0, 60.0
WANTED = 0.8
"""The share of announcements of each class that must be right."""
SHAPE = (0.55, 0.85, 1.05, 1.1, 1.0, 0.8, 0.75, 0.95, 1.1, 1.0, 0.75, 0.5)
"""Calls from hour to hour, as a share of what all operators together can just serve."""
DAYS = (1.15, 1.05, 1.0, 1.0, 0.95, 0.8, 0.6)
"""The same from Monday to Sunday."""
LUNCH = ((4.0, 4.75), (4.75, 5.5), (5.5, 6.25))
"""The hours of the day in each of which a third of the operators are away."""


@dataclass(frozen=True, slots=True)
class Announcement:
    call: int
    at: float
    place: QueuePosition


class Watching(Engine):
    """The engine, with an observer that asks for callers' positions whenever an announcement is due. `begins`: of the
    day, in seconds of the week."""

    def __init__(self, estimates: Estimates, begins: float) -> None:
        super().__init__(explains=False)
        self.estimates, self.begins = estimates, begins
        self._instant = 0.0
        self.announcements: list[Announcement] = []
        self._asks: list[tuple[float, str]] = []
        self._there: set[str] = set()
        self._left: list[str] = []

    def set_operator(self, operator: Operator) -> None:
        super().set_operator(operator)
        # Operators who go home after their call keep their data: `since` is when that call began, not now.
        self._instant = max(self._instant, operator.since)
        self.estimates.set_operator(operator, self.begins + self._instant)

    def wait(self, waiting: Waiting) -> None:
        super().wait(waiting)
        self.estimates.wait(self._name(waiting.call), waiting.steps[0].language, self.begins + waiting.since)
        self._there.add(waiting.call)
        heappush(self._asks, (waiting.since + FIRST_S, waiting.call))

    def leave(self, call: str) -> None:
        super().leave(call)
        self._there.discard(call)
        self._left.append(call)

    def decide(self, now: float) -> Decisions:
        self._instant = now
        for call in self._left:  # at this instant
            self.estimates.leave(self._name(call), self.begins + now)
        self._left.clear()
        decisions = super().decide(now)
        for pair in decisions.pairs:
            self._there.discard(pair.call)
            self.estimates.accept(self._name(pair.call), pair.operator, self.begins + now)
        while self._asks and (self._asks[0][0] <= now or self._asks[0][1] not in self._there):
            at, call = heappop(self._asks)
            if call in self._there:
                language, before = callers_ahead(self.ranking, call, now)
                place = self.estimates.locate(self._name(call), language, before, self.begins + now)
                self.announcements.append(Announcement(int(call), now, place))
                heappush(self._asks, (at + EVERY_S, call))
        look = [item for item in (decisions.look_again, self._asks[0][0] if self._asks else None) if item is not None]
        return Decisions(decisions.pairs, min(look, default=None))

    def _name(self, call: str) -> str:
        return f"{self.begins}-{call}"


@dataclass(slots=True)
class Counts:
    """Announcements of one class, or of all, and their outcomes. Counts only while the class was accurate enough to be
    announced."""

    announced: int = 0
    right: int = 0
    lost: int = 0  # unknown: the caller gave up before the estimate could be right or wrong
    errors: list[float] = field(default_factory=list)  # seconds, estimated wait minus actual wait
    waits: list[float] = field(default_factory=list)

    def add(self, estimate_s: float, came_s: float, right: bool | None) -> None:
        self.announced += 1
        self.lost += right is None
        self.right += right is True
        if right is not None and math.isfinite(came_s):
            self.errors.append(estimate_s - came_s)
            self.waits.append(came_s)

    def document(self) -> dict[str, Any]:
        known = self.announced - self.lost
        size = len(self.errors)
        return {
            "told": self.announced,
            "known": known,
            "right": round(self.right / known, 3) if known else None,
            "mean_error_s": round(math.fsum(self.errors) / size, 1) if size else None,
            "mean_absolute_error_s": round(math.fsum(map(abs, self.errors)) / size, 1) if size else None,
            "p90_absolute_error_s": round(percentile([abs(error) for error in self.errors], 90) or 0.0, 1)
            if size
            else None,
            "mean_wait_s": round(math.fsum(self.waits) / size, 1) if size else None,
        }


def actual_wait(day: Day, announcement: Announcement) -> tuple[float, float]:
    """Return how much longer the caller waited, and the remaining wait until the answer: infinite if they gave up."""
    waited_on = float(day.calls.arrival[announcement.call] + day.wait_s[announcement.call]) - announcement.at
    answered = day.outcome[announcement.call] == CallOutcome.ANSWERED
    return waited_on, waited_on if answered else math.inf


def right(wait: WaitClass, waited_on: float, came: float) -> bool | None:
    """Return whether the announcement was right; None if the caller gave up while it could still have been."""
    least, most = CLASS_LIMITS_S[wait]
    if came < math.inf:
        return least <= came < most
    if waited_on >= most:
        return False
    return True if most == math.inf and waited_on >= least else None


def week(
    seed: int, days: int, load: float, patience_s: float | None = PATIENCE_S
) -> Iterator[tuple[Day, list[Announcement]]]:
    estimates = Estimates()
    capacity = OPERATORS * 3600 / (TALK_S + WRAP_UP_S)
    operators = spread_team(LANGUAGES, MIX, OPERATORS, EACH)
    length_s = 3600.0 * len(SHAPE)
    shifts = {}
    for place, item in enumerate(operators):
        first, last = LUNCH[place % len(LUNCH)]
        shifts[item.id] = ((0.0, first * 3600), (last * 3600, length_s + 3600))
    team = Team(operators, wrap_up_s=WRAP_UP_S, shifts=shifts)
    for day in range(days):
        rates = tuple(load * DAYS[day % len(DAYS)] * part * capacity for part in SHAPE)
        calls = draw(Demand(LANGUAGES, rates, (MIX,), TALK_S, Spread.LOGNORMAL, 0.9, patience_s), seed, day)
        engine = Watching(estimates, begins=86_400.0 * day)
        yield simulate(calls, team, engine), engine.announcements


def measure_week(seed: int, days: int, load: float, patience_s: float | None = PATIENCE_S) -> dict[str, Any]:
    """Return a week as one document. `patience_s`: None if nobody gives up."""
    by_class = {item: Counts() for item in WaitClass}
    every, unearned = Counts(), Counts()
    asked = without = 0
    for day, announcements in week(seed, days, load, patience_s):
        for item in announcements:
            asked += 1
            estimate = item.place.estimate
            if estimate.seconds is None or estimate.wait is None:
                without += 1
                continue
            waited_on, came = actual_wait(day, item)
            outcome = right(estimate.wait, waited_on, came)
            counts = (by_class[estimate.wait], every) if estimate.earned else (unearned,)
            for count in counts:
                count.add(estimate.seconds, came, outcome)
    return {
        "load": load,
        "patience_s": patience_s,
        "days": days,
        "seed": seed,
        "times_due": asked,
        "without_estimate": without,
        "said": round(every.announced / asked, 3) if asked else None,
        "classes": {item.value: count.document() for item, count in by_class.items()},
        "all": every.document(),
        "not_earned": unearned.document(),
    }


def together(weeks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the totals of all weeks: the share of due announcements that were made, how often each class was right,
    and in how many of its weeks it was right less often than required."""
    due = sum(item["times_due"] for item in weeks)
    found = {}
    for name in [*(item.value for item in WaitClass), "all"]:
        rows = [item["all"] if name == "all" else item["classes"][name] for item in weeks]
        known = sum(row["known"] for row in rows)
        seen = [row["right"] for row in rows if row["known"]]
        found[name] = {
            "said": round(sum(row["told"] for row in rows) / due, 4) if due else None,
            "known": known,
            "right": round(sum(row["right"] * row["known"] for row in rows if row["known"]) / known, 3)
            if known
            else None,
            "weeks": len(seen),
            "weeks_below": sum(item < WANTED for item in seen),
            "worst_week": min(seen, default=None),
        }
    return {"times_due": due, "wanted": WANTED, "classes": found}


def table(found: dict[str, Any]) -> Table:
    patience = "nobody gives up" if found["patience_s"] is None else f"patience {found['patience_s']:g} s"
    title = f"{found['days']} days, load {found['load']}, {patience}, seed {found['seed']}:"
    share = "" if found["said"] is None else f", {found['said']:.1%} said"
    made = Table(title=f"{title} {found['times_due']} announcements due{share}")
    for heading in ("class", "told", "known", "right", "mean error", "mean |error|", "p90 |error|", "mean wait"):
        made.add_column(heading, justify="left" if heading == "class" else "right")
    rows = {**found["classes"], "all": found["all"], "kept back": found["not_earned"]}
    names = ("told", "known", "right", "mean_error_s", "mean_absolute_error_s", "p90_absolute_error_s", "mean_wait_s")
    for name, row in rows.items():
        made.add_row(name, *("-" if row[item] is None else str(row[item]) for item in names))
    return made


def build_total_table(found: dict[str, Any]) -> Table:
    made = Table(title=f"all weeks: {found['times_due']} announcements due")
    for heading in ("class", "said", "known", "right", "weeks", f"below {found['wanted']}", "worst week"):
        made.add_column(heading, justify="left" if heading == "class" else "right")
    for name, row in found["classes"].items():
        made.add_row(name, *("-" if item is None else str(item) for item in row.values()))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--load", type=float, action="append", help="a factor for all calls; may be repeated")
    parser.add_argument(
        "--patience",
        type=float,
        action="append",
        help="mean seconds until callers give up, 0: nobody does; may be repeated",
    )
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    weeks = [
        measure_week(seed, asked.days, load, patience or None)
        for patience in asked.patience or [PATIENCE_S]
        for load in asked.load or [0.9, 1.0, 1.1]
        for seed in asked.seed or [1]
    ]
    every = together(weeks)
    document = {"machine": description(), "first_s": FIRST_S, "every_s": EVERY_S, "weeks": weeks, "all": every}
    if asked.json:
        print(json.dumps(document, indent=2))
        return
    console = Console()
    for item in weeks:
        console.print(table(item))
    if len(weeks) > 1:
        console.print(build_total_table(every))
    console.print("Seconds. Error: estimated wait minus actual wait, of callers who were answered.")
    console.print("Known: without callers who gave up while the estimate could still have come true.")


if __name__ == "__main__":
    main()
