"""The output of `hatif simulate`: tables for people, a document or CSV for programs, the picture."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.output import as_table, console
from cli.simulate.simulation_input import SimulationError
from cli.simulate.simulation_picture import Row, draw_levels
from reports.sheet import to_csv
from routing.figures import Limits
from routing.match import Step
from routing.policy import Policy
from routing.simulation.advice import Advice
from routing.simulation.demand import Calls
from routing.simulation.team import Team
from routing.simulation.totals import Group, Totals

ALL = "all"


@dataclass(frozen=True)
class Scenario:
    """What is simulated. `calls(n)`, `team(n)`: the calls and the team of the n-th day; `facts`: the options used."""

    languages: tuple[str, ...]
    first_hour: int
    hours: int
    days: int
    calls: Callable[[int], Calls]
    team: Callable[[int], Team]
    policy: Policy
    needs: Mapping[str, tuple[Step, ...]]
    limits: Limits
    facts: dict[str, Any]


def build_advice_document(scenario: Scenario, team: Team, level: int, found: Sequence[Advice]) -> dict[str, Any]:
    """Return the advice for `--json`."""
    known = _spoken(team)
    return {
        **scenario.facts,
        "days": scenario.days,
        "level": level,
        "advice": [
            {**asdict(advice.lesson), "speaks": known[advice.lesson.operator], **_without(asdict(advice), "lesson")}
            for advice in found
        ],
    }


def show_advice(scenario: Scenario, team: Team, level: int, found: Sequence[Advice], names: Mapping[str, str]) -> None:
    """Print the advice as a table."""
    known = _spoken(team)
    as_table(
        "What to teach next",
        ("operator", "name", "speaks", "learns", "all", "worst", "then worst"),
        (
            (
                advice.lesson.operator, names.get(advice.lesson.operator), known[advice.lesson.operator],
                f"{advice.lesson.language}:{level}", _points(advice.overall, advice.overall_error),
                _points(advice.worst, advice.worst_error), advice.worst_language,
            )
            for advice in found
        ),
        empty="everybody speaks every language",
    )  # fmt: skip
    console.print(
        f"Gain in calls answered within {scenario.limits.within_s:g} s, in percentage points: of all calls, and of "
        f"those in the language served worst. ± is the standard error over {scenario.days} days with the same calls. "
        "Sorted by the sum of the two.",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def _spoken(team: Team) -> dict[str, str]:
    return {
        operator.id: " ".join(f"{code}:{level}" for code, level in operator.languages.items())
        for operator in team.operators
    }


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field != name}


def build_document(scenario: Scenario, totals: Totals) -> dict[str, Any]:
    """Return the results for `--json`."""
    worst = totals.worst()
    return {
        **scenario.facts,
        "days": totals.days,
        "calls": totals.calls,
        "service_level_error": totals.level_error,
        "worst_language": None if worst is None else {"language": worst[0], "service_level_offered": worst[1]},
        "passed_share": totals.passed_share,
        "longest_passing_s": totals.longest_passing_s,
        "first_language_share": totals.first_language_share,
        "mean_waiting": totals.mean_waiting,
        ALL: _group(totals.group()),
        "languages": {language: _group(totals.group(language)) for language in totals.languages},
        "by_hour": [_cell(scenario, totals, None, hour) for hour in range(scenario.hours)],
        "by_hour_and_language": [_cell(scenario, totals, *cell) for cell in _cells(scenario)],
    }


def _cells(scenario: Scenario) -> Iterator[tuple[str, int]]:
    return ((language, hour) for hour in range(scenario.hours) for language in scenario.languages)


def _cell(scenario: Scenario, totals: Totals, language: str | None, hour: int) -> dict[str, Any]:
    clock = f"{(scenario.first_hour + hour) % 24:02d}:00"
    return {"hour": clock, "language": language or ALL, **_group(totals.group(language, hour))}


def _group(group: Group) -> dict[str, Any]:
    return {**group.figures._asdict(), "wait_p999_s": group.wait_p999_s, "occupancy": group.occupancy}


def write_csv(scenario: Scenario, totals: Totals) -> None:
    """Write one line per language and hour to standard output."""
    rows = [_cell(scenario, totals, *cell) for cell in _cells(scenario)]
    for row in rows:
        row["elsewhere"] = sum(row["elsewhere"].values())
    rounded = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    sys.stdout.write(to_csv(list(rows[0]), rounded))


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


_NAMED = 8
"""How many operators a sentence names."""

_COLUMNS = ("calls", "answered", "gave up", "in time", "no short", "by target", "speed", "p90", "p99", "occupancy")


def show(scenario: Scenario, totals: Totals) -> None:
    """Print the results as tables by language and by hour, with a summary."""
    worst = totals.worst()
    if worst is None:
        console.print("There were no calls.")
        return
    hours = [(f"{(scenario.first_hour + hour) % 24:02d}:00", totals.group(hour=hour)) for hour in range(scenario.hours)]
    languages = [(ALL, totals.group()), *((language, totals.group(language)) for language in totals.languages)]
    as_table("By language", ("language", *_COLUMNS), ((name, *_row(group)) for name, group in languages))
    console.print()
    as_table("By hour", ("from", *_COLUMNS), ((name, *_row(group)) for name, group in hours))
    error = f" ± {totals.level_error * 100:.1f}" if totals.level_error is not None else ""
    longest = f", by {totals.longest_passing_s:.0f} s at most" if totals.passed else ""
    console.print(
        f"\nWithin {scenario.limits.within_s:g} s: {_percent(totals.level())}{error}; served worst: {worst[0]} "
        f"{_percent(worst[1])}. Passed by a later caller: {_percent(totals.passed_share)}{longest}. In the operator's "
        f"first language: {_percent(totals.first_language_share)}. Longest wait: "
        f"{_seconds(languages[0][1].figures.longest_wait_s)} s.",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"{totals.days} day(s), {len(scenario.team(0).operators)} operators, policy {scenario.facts['policy']}, "
        f"seed {scenario.facts['seed']}. Seconds and per cent; docs/figures.md defines each figure.",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if other := _other_operators(scenario.facts):
        console.print(other, markup=False, soft_wrap=True)


def _other_operators(facts: dict[str, Any]) -> str | None:
    """Return how the operators of past calls differ from those who are simulated; None if they do not."""
    gone, new = facts.get("operators_no_longer_listed"), facts.get("operators_without_past_calls")
    parts = [f"{_some(gone)} talked with these callers and {_be(gone)} not in operators.csv any more"] if gone else []
    parts += [f"{_some(new)} {_be(new)} in operators.csv and had none of these calls"] if new else []
    if not parts:
        return None
    sentence = "; ".join(parts)
    return f"Simulated are the operators of today, not those of then: {sentence}."


def _some(operators: list[str]) -> str:
    named = ", ".join(operators[:_NAMED])
    return named if len(operators) <= _NAMED else f"{named} and {len(operators) - _NAMED} more"


def _be(operators: list[str]) -> str:
    return "is" if len(operators) == 1 else "are"


def _row(group: Group) -> tuple[object, ...]:
    figures = group.figures
    return (
        figures.waited, figures.answered, figures.abandoned, _percent(figures.service_level_offered),
        _percent(figures.service_level_without_short), _percent(figures.service_level_by_target),
        _seconds(figures.average_speed_of_answer_s), _seconds(figures.wait_p90_s), _seconds(figures.wait_p99_s),
        _percent(group.occupancy),
    )  # fmt: skip


def draw(file: Path, scenario: Scenario, totals: Totals) -> None:
    """Write the service level by hour and language as SVG. Raises SimulationError if the file cannot be written."""
    hours = range(scenario.hours)
    rows = [
        Row(
            name or ALL,
            [totals.group(name, hour).figures.service_level_offered for hour in hours],
            totals.level(name),
        )
        for name in (None, *totals.languages)
    ]
    title = f"Calls answered within {scenario.limits.within_s:g} s, per cent"
    subtitle = (
        f"{totals.calls} calls in {totals.days} day(s), {len(scenario.team(0).operators)} operators, policy "
        f"{scenario.facts['policy']}, seed {scenario.facts['seed']}"
    )
    try:
        file.write_text(
            draw_levels(title, subtitle, [scenario.first_hour + hour for hour in hours], rows), encoding="utf-8"
        )
    except OSError as error:
        raise SimulationError(
            f"The picture cannot be written to {file} ({error.strerror}); name another file."
        ) from None


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share * 100:.1f}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _points(share: float, error: float | None) -> str:
    return f"{share * 100:+.1f}" + (f" ± {error * 100:.1f}" if error is not None else "")
