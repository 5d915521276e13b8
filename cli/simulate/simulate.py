"""`hatif simulate`: a simulated day of the call centre, on the engine that routes real calls."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import typer

from cli.composition import Composition
from cli.output import JSON, Bar, as_json, console
from cli.simulate import format_simulation
from cli.simulate.format_simulation import Scenario
from cli.simulate.scenario import make_scenario
from cli.simulate.wanted import PolicyOption, SpreadOption, Wanted
from routing.engine import Engine
from routing.simulation.advice import advise
from routing.simulation.day import Day
from routing.simulation.day import simulate as simulate_day
from routing.simulation.team import Team
from routing.simulation.totals import Totals

_MANY_DAYS = 20


def register(app: typer.Typer) -> None:
    app.command()(simulate)


def simulate(
    operators: int | None = typer.Option(
        None,
        "--operators",
        min=1,
        max=10_000,
        help="Simulate this many operators, with languages spread by the mix.  [default: operators.csv]",
    ),
    languages_each: int | None = typer.Option(
        None, min=1, help="Languages of each operator.  [default: 3 with --operators]"
    ),
    calls_per_hour: str | None = typer.Option(
        None, help="Calls per hour: one number, or one for each hour, 300,400,350.  [default: 10 per operator]"
    ),
    mix: str | None = typer.Option(
        None, help="Shares of the languages: ar=34,fr=30,es=12.  [default: as the first languages in operators.csv]"
    ),
    handling: float = typer.Option(
        300, min=1, help="Mean seconds that an operator spends on a call, wrap-up included."
    ),
    wrap_up: float | None = typer.Option(
        None, min=0, help="Seconds of --handling after the conversation.  [default: site.toml]"
    ),
    spread: SpreadOption = typer.Option(
        SpreadOption.EXPONENTIAL, help="Distribution of talking times around their mean."
    ),
    variation: float = typer.Option(
        1.0, min=0.01, max=10, help="Standard deviation divided by the mean, for lognormal."
    ),
    ring: float = typer.Option(0, min=0, max=120, help="Seconds until an operator answers, part of the wait."),
    patience: float | None = typer.Option(None, min=1, help="Mean seconds until callers give up.  [default: never]"),
    level: int = typer.Option(5, min=1, max=5, help="Level of the further languages of --operators."),
    slower_per_level: float = typer.Option(
        0, min=0, max=1, help="Extend conversations by this share for each level below 5, such as .1."
    ),
    roster: Path | None = typer.Option(
        None, help="Shifts as CSV operator,from,to (1001,08:00,14:30).  [default: everybody all day]", dir_okay=False
    ),
    planned: str | None = typer.Option(
        None, metavar="DAY", help="Take the shifts of this day, such as 2026-11-30, from the site's roster.csv."
    ),
    hours: int | None = typer.Option(None, min=1, max=24, help="Hours of the day.  [default: the opening hours]"),
    days: int | None = typer.Option(
        None, min=1, max=10_000, help="Days to simulate and add up.  [default: 1; with --advise, 10]"
    ),
    seed: int = typer.Option(
        1, min=0, help="Seed of the calls: the same seed gives the same calls for any team and policy."
    ),
    policy: PolicyOption = typer.Option(
        PolicyOption.SITE, help="site: the site's routing. plain: longest wait, first language, longest idle."
    ),
    within: float = typer.Option(20, min=0, help="Seconds within which a call should be answered."),
    advise: bool = typer.Option(
        False, "--advise", help="Show which language to teach which operator next, and the gain."
    ),
    teach_level: int = typer.Option(3, min=1, max=5, help="The level that --advise assumes for the taught language."),
    from_history: bool = typer.Option(
        False, "--from-history", help="Repeat the calls of the database: their times, languages and talking times."
    ),
    begin: str | None = typer.Option(None, "--from", help="First day of the history.  [default: six days before --to]"),
    end: str | None = typer.Option(None, "--to", help="Last day of the history, included.  [default: yesterday]"),
    more: list[str] = typer.Option(
        [], "--more", metavar="LANGUAGES", help="One operator more, with these languages: fr:5,ar:3. May be repeated."
    ),
    teach: list[str] = typer.Option(
        [], "--teach", metavar="WHOM", help="An operator has learnt a language: 1002=es:3. May be repeated."
    ),
    progress_lines: bool = typer.Option(False, "--progress", hidden=True),
    picture: Path | None = typer.Option(
        None, "--picture", dir_okay=False, help="Draw the service level by hour and language into this SVG file."
    ),
    as_csv: bool = typer.Option(False, "--csv", help="Print comma-separated values, one line per language and hour."),
    json: bool = JSON,
) -> None:
    """Simulate a day of calls, routed by the same engine as real ones, and show how many are answered in time.

    \b
    hatif simulate                                    the site's operators, on a typical day
    hatif simulate --operators 40 --languages-each 2  another team
    hatif simulate --policy plain                     the same calls, routed by the plain policy
    hatif simulate --patience 180 --days 20           callers give up; more days for less variation
    hatif simulate --advise                           which operator should learn which language
    hatif simulate --from-history --from 2026-11-16   past calls

    See docs/simulate.md for everything else, docs/figures.md for what the figures mean.
    """
    run(Wanted(**locals()))  # locals: the options, by their names


def run(wanted: Wanted) -> None:
    """Simulate and print what is wanted. Raises SimulationError, TimeError."""
    parts = Composition(bound=False)
    scenario = make_scenario(parts, wanted)
    if wanted.advise:
        names = {operator.id: operator.name for operator in parts.operators} if wanted.own_team else {}
        _advise(scenario, wanted.teach_level, names, json=wanted.json, quiet=wanted.quiet)
        return
    with _bar(wanted.quiet, f"{scenario.days} days", lines=wanted.progress_lines) as progress:
        totals = _totals(scenario)
        for at, simulated in enumerate(_days(scenario)):
            totals.add(simulated)
            progress(at + 1, scenario.days)
    if wanted.picture:
        format_simulation.draw(wanted.picture, scenario, totals)
    if wanted.json:
        as_json(format_simulation.build_document(scenario, totals))
    elif wanted.as_csv:
        format_simulation.write_csv(scenario, totals)
    else:
        format_simulation.show(scenario, totals)
        if wanted.picture:
            console.print(f"Picture: {wanted.picture}", markup=False)


def _totals(scenario: Scenario) -> Totals:
    return Totals(scenario.languages, scenario.hours, scenario.limits)


def _day(scenario: Scenario, team: Team, at: int) -> Day:
    return simulate_day(scenario.calls(at), team, Engine(scenario.policy, explains=False), scenario.needs)


@contextmanager
def _bar(quiet: bool, what: str, *, lines: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show progress on a terminal, unless `quiet`; with `lines`, write it to standard error for a program."""
    if lines:
        yield lambda done, total: print(done, total, file=sys.stderr, flush=True)
        return
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    with Bar() as bar:
        bar.step(what)
        yield bar.update


_shared: list[Scenario] = []
"""The scenario, which each of several processes has from the one that started it."""


def _days(scenario: Scenario) -> Iterator[Day]:
    """Yield the scenario's days in their order. Many are simulated on all cores."""
    if scenario.days < _MANY_DAYS:
        yield from (_day(scenario, scenario.team(at), at) for at in range(scenario.days))
        return
    _shared[:] = [scenario]
    with _processes() as processes:
        yield from processes.map(_shared_day, range(scenario.days), chunksize=4)


def _shared_day(at: int) -> Day:
    (scenario,) = _shared
    return _day(scenario, scenario.team(at), at)


def _processes() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")  # so that they have the scenario, the history's too
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), context)


def _try_team(team: Team, at: int) -> Totals:
    (scenario,) = _shared
    totals = _totals(scenario)
    totals.add(_day(scenario, replace(scenario.team(at), operators=team.operators), at))
    return totals


def _advise(scenario: Scenario, level: int, names: dict[str, str], *, json: bool, quiet: bool) -> None:
    team = scenario.team(0)
    _shared[:] = [replace(scenario, calls=cache(scenario.calls))]  # the same days for every lesson
    with (
        _processes() as processes,
        _bar(quiet, "every lesson on the same days") as progress,
    ):
        advice = advise(
            team, scenario.languages, _try_team, level=level, days=scenario.days, progress=progress, each=processes.map
        )
    if json:
        as_json(format_simulation.build_advice_document(scenario, team, level, advice))
    else:
        format_simulation.show_advice(scenario, team, level, advice, names)
