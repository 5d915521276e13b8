"""Make the scenario of `hatif simulate` from what is wanted: the team, its shifts, and the calls of each day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cli.composition import Composition
from cli.simulate import simulation_history, simulation_input
from cli.simulate.format_simulation import Scenario
from cli.simulate.simulation_input import SimulationError
from cli.simulate.wanted import PolicyOption, Wanted
from routing.figures import Limits
from routing.policy import Policy, usual_steps
from routing.simulation.demand import Demand, Spread, draw
from routing.simulation.team import Team
from routing.states import Operator

Shifts = Mapping[str, tuple[tuple[float, float], ...]]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What drawn calls and those of the history share. `shares`: of the languages, among the calls; `added`: the
    operators of --more, who are in the team as well."""

    parts: Composition
    wanted: Wanted
    shares: tuple[float, ...]
    team: Team
    added: tuple[Operator, ...]
    policy: Policy

    @property
    def names(self) -> list[str]:
        return [operator.id for operator in self.team.operators]

    @property
    def talking_s(self) -> float:
        return self.wanted.handling - self.team.wrap_up_s

    @property
    def facts(self) -> dict[str, Any]:
        wanted = self.wanted
        facts: dict[str, Any] = {"seed": wanted.seed, "policy": wanted.policy.value}
        facts |= {"operators": len(self.team.operators), "within_s": wanted.within}
        if wanted.more or wanted.teach:
            facts |= {"more": list(wanted.more), "teach": list(wanted.teach)}
        return facts

    def with_shifts(self, shifts: Shifts) -> Team:
        """Return the team with these shifts; operators of --more are on duty all day."""
        return replace(self.team, shifts=simulation_input.all_day(shifts, self.added))


def make_scenario(parts: Composition, wanted: Wanted) -> Scenario:
    """Return the scenario. Raises SimulationError, TimeError."""
    site, policy = parts.site, wanted.policy
    shares = simulation_input.mix(wanted.mix, site.languages, parts.operators)
    wrap_up_s = site.operators.wrap_up_s if wanted.wrap_up is None else wanted.wrap_up
    if wrap_up_s >= wanted.handling:
        raise SimulationError(
            f"--handling {wanted.handling:g} leaves no time to talk after {wrap_up_s:g} s of wrap-up; make --wrap-up"
            " shorter."
        )
    chosen = simulation_input.team_members(
        parts.operators, site.languages, shares, wanted.operators, wanted.languages_each, wanted.level
    )
    chosen = simulation_input.taught(chosen, wanted.teach, site.languages)
    added = simulation_input.newcomers(wanted.more, site.languages, chosen)
    team = Team((*chosen, *added), wanted.ring, wrap_up_s, wanted.slower_per_level)
    chosen_policy = Policy.plain() if policy is PolicyOption.PLAIN else site.routing.policy
    ground = _Ground(parts, wanted, shares, team, added, chosen_policy)
    return _repeated(ground) if wanted.from_history else _drawn(ground)


def _repeated(ground: _Ground) -> Scenario:
    """Return a scenario of the calls in the database."""
    parts, wanted = ground.parts, ground.wanted
    past = simulation_history.read(parts, wanted.begin, wanted.end)
    planned = simulation_input.roster(wanted.roster, ground.names, past.first_hour) if wanted.roster else None

    def shifts(at: int) -> Shifts:
        if planned is not None:
            return planned
        return past.shifts(at, ground.names) if wanted.own_team else {}

    return Scenario(
        parts.site.languages, past.first_hour, past.hours, len(past.days),
        lambda at: past.calls(at, parts.site.languages, ground.talking_s, wanted.seed),
        lambda at: ground.with_shifts(shifts(at)),
        ground.policy, _needs(ground), _limits(wanted),
        {**ground.facts, **past.facts, **(past.team if wanted.own_team else {})},
    )  # fmt: skip


def _drawn(ground: _Ground) -> Scenario:
    """Return a scenario of calls that are drawn by lot."""
    parts, wanted, team = ground.parts, ground.wanted, ground.team
    languages, on = parts.site.languages, simulation_input.planned_day(wanted.planned)
    day = simulation_input.day(parts.site, wanted.hours, on)
    if wanted.roster:
        team = ground.with_shifts(simulation_input.roster(wanted.roster, ground.names, day.first))
    elif on is not None:
        planned = simulation_input.planned(parts.settings.site, parts.site, ground.names, on, day.first)
        team = ground.with_shifts(planned)
    per_hour = simulation_input.calls_per_hour(wanted.calls_per_hour, len(team.operators), day.hours)
    demand = Demand(
        languages, per_hour, (ground.shares,), ground.talking_s, Spread(wanted.spread.value), wanted.variation,
        wanted.patience,
    )  # fmt: skip
    facts = ground.facts | {
        "calls_per_hour": list(per_hour),
        "handling_s": wanted.handling,
        "wrap_up_s": team.wrap_up_s,
        "ring_s": wanted.ring,
        "patience_s": wanted.patience,
        "mix": dict(zip(languages, ground.shares, strict=True)),
    }
    return Scenario(
        languages, day.first, day.hours, wanted.count,
        lambda at: draw(demand, wanted.seed, at), lambda _: team,
        ground.policy, _needs(ground), _limits(wanted), facts,
    )  # fmt: skip


def _needs(ground: _Ground) -> dict[str, Any]:
    site = ground.parts.site
    return {
        language: usual_steps(language, site.operators.level, None, policy=ground.policy) for language in site.languages
    }


def _limits(wanted: Wanted) -> Limits:
    return replace(Limits(), within_s=wanted.within)
