"""`hatif simulate`: a simulated day of the call centre, on the engine that routes real calls."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, Bar, as_json, console
from ivr.cli.simulate import simulation_input
from ivr.cli.simulate.simulation_input import SimulationError
from routing.figures import Limits
from routing.policy import Policy, usual_steps
from routing.simulation.team import Team

# Imports in functions: the simulation is needed by this command only.
if TYPE_CHECKING:
    from ivr.cli.simulate.format_simulation import Scenario
    from routing.simulation.day import Day
    from routing.simulation.team import Team
    from routing.simulation.totals import Totals

_ADVICE_DAYS = 10
_MANY_DAYS = 20


class PolicyOption(StrEnum):
    PLAIN = "plain"
    SITE = "site"


class SpreadOption(StrEnum):
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


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
    from ivr.cli.simulate import format_simulation
    from ivr.cli.simulate.format_simulation import Scenario
    from routing.simulation.demand import Demand, Spread, draw

    if json and as_csv:
        raise SimulationError("--json and --csv exclude each other; use one of them.")
    if (begin or end) and not from_history:
        raise SimulationError("--from and --to are days of the history; add --from-history.")
    if advise and (as_csv or picture):
        raise SimulationError("--advise prints a table or, with --json, a document; leave out --csv and --picture.")
    if planned and (roster or from_history or operators is not None or languages_each is not None):
        others = "--roster, --from-history, --operators and --languages-each"
        raise SimulationError(f"--planned takes the site's own operators and roster; leave out {others}.")
    drawn = {"--calls-per-hour": calls_per_hour, "--hours": hours, "--days": days, "--patience": patience}
    if from_history and (options := [name for name, value in drawn.items() if value is not None]):
        raise SimulationError(f"--from-history sets the calls; leave out {' and '.join(options)}.")
    parts = Composition(bound=False)
    site, listed = parts.site, parts.operators
    shares = simulation_input.mix(mix, site.languages, listed)
    on = simulation_input.planned_day(planned)
    day = simulation_input.day(site, hours, on)
    wrap_up_s = site.operators.wrap_up_s if wrap_up is None else wrap_up
    if wrap_up_s >= handling:
        raise SimulationError(
            f"--handling {handling:g} leaves no time to talk after {wrap_up_s:g} s of wrap-up; make --wrap-up shorter."
        )
    own = operators is None and languages_each is None  # the plan of shifts is for these operators
    chosen = simulation_input.team_members(listed, site.languages, shares, operators, languages_each, level)
    chosen = simulation_input.taught(chosen, teach, site.languages)
    added = simulation_input.newcomers(more, site.languages, chosen)
    chosen = (*chosen, *added)
    team = Team(chosen, ring, wrap_up_s, slower_per_level)
    chosen_policy = Policy.plain() if policy is PolicyOption.PLAIN else site.routing.policy
    needs = {
        language: usual_steps(language, site.operators.level, None, policy=chosen_policy) for language in site.languages
    }
    limits = replace(Limits(), within_s=within)
    facts: dict[str, Any] = {"seed": seed, "policy": policy.value, "operators": len(chosen), "within_s": within}
    names = [operator.id for operator in chosen]
    if more or teach:
        facts |= {"more": list(more), "teach": list(teach)}
    count = days or (_ADVICE_DAYS if advise else 1)
    if from_history:
        from ivr.cli.simulate import simulation_history as history

        past = history.read(parts, begin, end)
        first, length = past.first_hour, past.hours
        shifts = simulation_input.roster(roster, names, first) if roster else None
        scenario = Scenario(
            site.languages, first, length, len(past.days),
            lambda at: past.calls(at, site.languages, handling - wrap_up_s, seed),
            lambda at: replace(
                team,
                shifts=simulation_input.all_day(
                    shifts if shifts is not None else past.shifts(at, names) if own else {}, added
                ),
            ),
            chosen_policy, needs, limits, {**facts, **past.facts, **(past.team if own else {})},
        )  # fmt: skip
    else:
        if roster:
            team = replace(
                team, shifts=simulation_input.all_day(simulation_input.roster(roster, names, day.first), added)
            )
        elif on is not None:
            planned_shifts = simulation_input.planned(parts.settings.site, site, names, on, day.first)
            team = replace(team, shifts=simulation_input.all_day(planned_shifts, added))
        per_hour = simulation_input.calls_per_hour(calls_per_hour, len(chosen), day.hours)
        demand = Demand(
            site.languages, per_hour, (shares,), handling - wrap_up_s, Spread(spread.value), variation, patience
        )
        facts |= {"calls_per_hour": list(per_hour), "handling_s": handling, "wrap_up_s": wrap_up_s, "ring_s": ring}
        facts |= {"patience_s": patience, "mix": dict(zip(site.languages, shares, strict=True))}
        scenario = Scenario(
            site.languages, day.first, day.hours, count,
            lambda at: draw(demand, seed, at), lambda at: team, chosen_policy, needs, limits, facts,
        )  # fmt: skip
    quiet = json or as_csv
    if advise:
        _advise(
            scenario,
            teach_level,
            {operator.id: operator.name for operator in listed} if own else {},
            json=json,
            quiet=quiet,
        )
        return
    with _bar(quiet, f"{scenario.days} days", lines=progress_lines) as progress:
        totals = _totals(scenario)
        for at, simulated in enumerate(_days(scenario)):
            totals.add(simulated)
            progress(at + 1, scenario.days)
    if picture:
        format_simulation.draw(picture, scenario, totals)
    if json:
        as_json(format_simulation.build_document(scenario, totals))
    elif as_csv:
        format_simulation.write_csv(scenario, totals)
    else:
        format_simulation.show(scenario, totals)
        if picture:
            console.print(f"Picture: {picture}", markup=False)


def _totals(scenario: "Scenario") -> "Totals":
    from routing.simulation.totals import Totals

    return Totals(scenario.languages, scenario.hours, scenario.limits)


def _day(scenario: "Scenario", team: "Team", at: int) -> "Day":
    from routing.engine import Engine
    from routing.simulation.day import simulate as run

    return run(scenario.calls(at), team, Engine(scenario.policy, explains=False), scenario.needs)


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


_shared: "list[Scenario]" = []
"""The scenario, which each of several processes has from the one that started it."""


def _days(scenario: "Scenario") -> "Iterator[Day]":
    """Yield the scenario's days in their order. Many are simulated on all cores."""
    if scenario.days < _MANY_DAYS:
        yield from (_day(scenario, scenario.team(at), at) for at in range(scenario.days))
        return
    _shared[:] = [scenario]
    with _processes() as processes:
        yield from processes.map(_shared_day, range(scenario.days), chunksize=4)


def _shared_day(at: int) -> "Day":
    (scenario,) = _shared
    return _day(scenario, scenario.team(at), at)


def _processes() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")  # so that they have the scenario, the history's too
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), context)


def _try_team(team: "Team", at: int) -> "Totals":
    (scenario,) = _shared
    totals = _totals(scenario)
    totals.add(_day(scenario, replace(scenario.team(at), operators=team.operators), at))
    return totals


def _advise(scenario: "Scenario", level: int, names: dict[str, str], *, json: bool, quiet: bool) -> None:
    from ivr.cli.simulate import format_simulation
    from routing.simulation.advice import advise

    team = scenario.team(0)
    _shared[:] = [replace(scenario, calls=cache(scenario.calls))]  # the same days for every lesson
    with (
        _processes() as processes,
        _bar(quiet, "every lesson on the same days") as progress,
    ):
        found = advise(
            team, scenario.languages, _try_team, level=level, days=scenario.days, progress=progress, each=processes.map
        )
    if json:
        as_json(format_simulation.build_advice_document(scenario, team, level, found))
    else:
        format_simulation.show_advice(scenario, team, level, found, names)
