"""Which operator should learn which language next, and what it would bring.

Every lesson is tried on the same days, so that two differ by what they change and not by chance. Not all are tried on
all days: the best third goes on to twice the days, until few are left (after successive halving: Jamieson and
Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from routing.figures import ratio
from routing.simulation.team import Team
from routing.simulation.totals import Totals, standard_error
from routing.states import Operator

Tried = Callable[[Team, int], Totals]
"""The figures of a team on the day of this number."""

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lesson:
    operator: str
    language: str


@dataclass(frozen=True, slots=True)
class Advice:
    """`overall` and `worst`: what the lesson adds to the service level of all calls, and to that of the language that
    is served worst (before and after, whichever that is then), as shares; the errors are those of the differences."""

    lesson: Lesson
    overall: float
    overall_error: float | None
    worst: float
    worst_error: float | None
    worst_language: str  # afterwards
    days: int


@dataclass(slots=True)
class _Trial:
    lesson: Lesson
    team: Team
    days: list[Totals]


def lessons(team: Team, languages: Sequence[str]) -> list[Lesson]:
    """Each language that an operator has not, for one operator of each kind: who speaks the same, on duty at the same
    time, would bring the same."""
    kinds: dict[object, Operator] = {}
    for operator in team.operators:
        spoken = tuple(operator.languages.items())
        kinds.setdefault((spoken, operator.topics, team.shifts.get(operator.id)), operator)
    return [
        Lesson(operator.id, language)
        for operator in kinds.values()
        for language in languages
        if language not in operator.languages
    ]


def advise(
    team: Team,
    languages: Sequence[str],
    tried: Tried,
    *,
    level: int,
    days: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Advice]:
    """The best lessons, best first; `days` at most for each. A lesson is the better, the more it adds to the service
    level of all and to that of the worst-served language, taken together."""
    before = [tried(team, day) for day in range(days)]
    trials = [_Trial(each, team.taught(each.operator, each.language, level), []) for each in lessons(team, languages)]
    rounds = _rounds(len(trials), days)
    total, done = sum(count * more for count, more in rounds), 0
    for count, more in rounds:
        trials = sorted(trials, key=lambda trial: -_gain(before, trial.days))[:count]
        for trial in trials:
            for _ in range(more):
                trial.days.append(tried(trial.team, len(trial.days)))
                done += 1
                progress(done, total)
    found = [_advice(before, trial) for trial in trials]
    return sorted(found, key=lambda each: -(each.overall + each.worst))[:SHOWN]


def _rounds(count: int, days: int) -> list[tuple[int, int]]:
    """How many lessons are tried in each round, and on how many more days."""
    rounds, had, more = [], 0, 1
    while had < days and count:
        more = min(more, days - had)
        if count <= SHOWN:
            more = days - had
        rounds.append((count, more))
        had += more
        count, more = max(min(count, SHOWN), count // 3), had
    return rounds


def _worst(days: Sequence[Totals]) -> tuple[str, float]:
    """The language served worst over all these days."""
    levels = []
    for language in days[0].languages:
        counts = [day.counts(language) for day in days]
        within = sum(each.answered_within for each in counts)
        level = ratio(within, sum(each.answered + each.abandoned for each in counts))
        if level is not None:
            levels.append((level, language))
    level, language = min(levels, default=(1.0, days[0].languages[0]))
    return language, level


def _overall(day: Totals) -> float:
    return day.level() or 0.0


def _gain(before: Sequence[Totals], after: Sequence[Totals]) -> float:
    if not after:
        return 0.0
    same = before[: len(after)]
    overall = sum(_overall(then) - _overall(now) for now, then in zip(same, after, strict=True)) / len(after)
    return overall + _worst(after)[1] - _worst(same)[1]


def _advice(before: Sequence[Totals], trial: _Trial) -> Advice:
    same = before[: len(trial.days)]
    pairs = list(zip(same, trial.days, strict=True))
    overall = [_overall(then) - _overall(now) for now, then in pairs]
    now_worst, level_before = _worst(same)
    then_worst, level_after = _worst(trial.days)
    by_day = [(then.level(then_worst) or 0.0) - (now.level(now_worst) or 0.0) for now, then in pairs]
    return Advice(
        lesson=trial.lesson,
        overall=sum(overall) / len(overall),
        overall_error=standard_error(overall),
        worst=level_after - level_before,
        worst_error=standard_error(by_day),
        worst_language=then_worst,
        days=len(pairs),
    )
