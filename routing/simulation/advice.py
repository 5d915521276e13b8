"""Advice on which operator should learn which language next, and what it would gain.

All lessons are tried on the same days, so that they differ by their effect and not by chance. Not every lesson is tried
on all days: the best third goes on to twice as many days, until few are left (after successive halving: Jamieson and
Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from routing.figures import ratio
from routing.simulation.team import Team
from routing.simulation.totals import Totals, standard_error
from routing.states import Operator

RunDay = Callable[[Team, int], Totals]
"""Simulates a team on the day with this number."""

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lesson:
    """A language for an operator to learn."""

    operator: str
    language: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A lesson and its effect.

    `overall` and `worst`: the gain in the service level of all calls, and in that of the worst-served language (before
    and after, each time whichever language that is), as shares. The errors are standard errors of the differences.
    """

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
    """Return each language that an operator lacks, for one operator of each kind: operators with the same languages,
    topics and shifts would gain the same."""
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
    run_day: RunDay,
    *,
    level: int,
    days: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    each: Callable[..., Iterable[Totals]] = map,
) -> list[Advice]:
    """Return the best lessons, best first, each tried on `days` days at most. Lessons are ranked by the sum of their
    gains in the overall service level and in that of the worst-served language.

    `each`: calls `run_day` for many days, as `map` does; such as the `map` of several processes.
    """
    before = list(each(run_day, [team] * days, range(days)))
    trials = [
        _Trial(lesson, team.with_language(lesson.operator, lesson.language, level), [])
        for lesson in lessons(team, languages)
    ]
    rounds = _rounds(len(trials), days)
    total, done = sum(count * more for count, more in rounds), 0
    for count, more in rounds:
        trials = sorted(trials, key=lambda trial: -_gain(before, trial.days))[:count]
        tried = [(trial, len(trial.days) + further) for trial in trials for further in range(more)]
        found = each(run_day, [trial.team for trial, _ in tried], [day for _, day in tried])
        for (trial, _), totals in zip(tried, found, strict=True):
            trial.days.append(totals)
            done += 1
            progress(done, total)
    advice = [_advice(before, trial) for trial in trials]
    return sorted(advice, key=lambda item: -(item.overall + item.worst))[:SHOWN]


def _rounds(count: int, days: int) -> list[tuple[int, int]]:
    """Return for each round the number of lessons and the number of further days."""
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
    """Return the worst-served language over all these days, and its service level."""
    levels = []
    for language in days[0].languages:
        counts = [day.counts(language) for day in days]
        within = sum(count.answered_within for count in counts)
        level = ratio(within, sum(count.answered + count.abandoned for count in counts))
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
