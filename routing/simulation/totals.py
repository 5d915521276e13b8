"""Metrics of one or more simulated days, as defined in `routing.figures`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.figures import (
    Counts,
    Figures,
    Limits,
    Tally,
    Work,
    merge_tallies,
    percentile,
    ratio,
    service_level_offered,
)
from routing.simulation.day import STATES, CallOutcome, Day
from routing.simulation.demand import HOUR_S

LEFT = "left"
"""The outcome of callers who were still waiting when the last operator had gone off duty for good."""


@dataclass(frozen=True, slots=True)
class Group:
    """The metrics of a group of calls. `occupancy`: of all operators who speak the language."""

    figures: Figures
    occupancy: float | None
    wait_p999_s: float | None


class Totals:
    """The sums over simulated days, from which the metrics are taken. All days have the same languages and hours.

    `from_s`: earlier calls and work are not counted, because a day that begins with nobody waiting and all operators
    idle is not representative until it has warmed up.
    """

    def __init__(self, languages: Sequence[str], hours: int, limits: Limits | None = None, from_s: float = 0.0) -> None:
        self.languages, self.hours, self.from_s = tuple(languages), hours, from_s
        self.limits = limits or Limits()
        self.days = 0
        self.calls = 0
        self.passed = 0
        self.longest_passing_s = 0.0
        self.in_first_language = 0
        self.mean_waiting = 0.0
        self.levels: list[float] = []  # the service level of each day, for the error of their mean
        self._tallies = [[Tally(self.limits) for _ in range(hours)] for _ in self.languages]
        self._work = np.zeros((len(self.languages), hours, len(STATES)))
        self._all_work = np.zeros((hours, len(STATES)))

    def add(self, day: Day) -> None:
        counted = day.calls.arrival >= self.from_s
        self._count_calls(day, counted)
        self._count_work(day)
        passed = day.passed_s[counted]
        self.passed += int((passed > 0).sum())
        self.longest_passing_s = max(self.longest_passing_s, float(np.max(passed, initial=0.0)))
        self.mean_waiting += (day.mean_waiting - self.mean_waiting) / (self.days + 1)
        self.days += 1

    def _count_calls(self, day: Day, counted: NDArray[np.bool_]) -> None:
        hour = np.minimum(day.calls.arrival // HOUR_S, self.hours - 1).astype(np.int64)
        firsts = [next(iter(operator.languages), None) for operator in day.team.operators]
        columns = (hour, day.calls.language, day.outcome, day.wait_s, day.handling_s, day.operator)
        today = Tally(self.limits)
        for at, language, outcome, wait, handling, operator in zip(
            *(column[counted].tolist() for column in columns), strict=True
        ):
            tally = self._tallies[language][at]
            self.calls += 1
            if outcome == CallOutcome.ANSWERED:
                tally.add_answered(wait, handling)
                today.add_answered(wait)
                self.in_first_language += firsts[operator] == self.languages[language]
            elif outcome == CallOutcome.ABANDONED:
                tally.add_abandoned(wait)
                today.add_abandoned(wait)
            else:
                tally.add_elsewhere(LEFT)
        level = service_level_offered(today.counts)
        if level is not None:
            self.levels.append(level)

    def _count_work(self, day: Day) -> None:
        """Add the operators' work by hour; a span counts in each hour with the part inside it."""
        spans, people = day.spans, len(day.team.operators)
        speaks = np.array(
            [[language in operator.languages for operator in day.team.operators] for language in self.languages]
        )
        cell = spans.operator * len(STATES) + spans.state
        first = np.maximum(spans.begins, self.from_s)
        for hour in range(self.hours):
            inside = np.minimum(spans.ends, (hour + 1) * HOUR_S) - np.maximum(first, hour * HOUR_S)
            done = np.bincount(cell, np.maximum(inside, 0.0), people * len(STATES)).reshape(people, len(STATES))
            self._work[:, hour] += speaks.astype(np.float64) @ done
            self._all_work[hour] += done.sum(axis=0)

    @property
    def passed_share(self) -> float | None:
        """The share of callers who were passed: an operator who could have served them took a later caller."""
        return ratio(self.passed, self.calls)

    @property
    def first_language_share(self) -> float | None:
        """The share of answered calls that were in the operator's first language."""
        return ratio(self.in_first_language, len(self._merge().waits))

    @property
    def level_error(self) -> float | None:
        """The standard error of the overall service level over the days."""
        return standard_error(self.levels)

    def group(self, language: str | None = None, hour: int | None = None) -> Group:
        """Return the metrics of one language or all, in one hour or all."""
        chosen = self._merge(language, hour)
        work = self._all_work if language is None else self._work[self.languages.index(language)]
        seconds = work.sum(axis=0) if hour is None else work[hour]
        occupancy = Work(*seconds.tolist()).occupancy
        return Group(chosen.figures(), occupancy, percentile(chosen.waits, 99.9))

    def level(self, language: str | None = None) -> float | None:
        """Return the service level, by offered calls, of one language or of all together."""
        return service_level_offered(self.counts(language))

    def counts(self, language: str | None = None) -> Counts:
        return self._merge(language).counts

    def _merge(self, language: str | None = None, hour: int | None = None) -> Tally:
        rows = self._tallies if language is None else [self._tallies[self.languages.index(language)]]
        return merge_tallies(tally for row in rows for tally in (row if hour is None else [row[hour]]))

    def worst(self) -> tuple[str, float] | None:
        """Return the worst-served language and its service level; None if there were no calls."""
        levels = [(level, language) for language in self.languages if (level := self.level(language)) is not None]
        if not levels:
            return None
        level, language = min(levels)
        return language, level


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
