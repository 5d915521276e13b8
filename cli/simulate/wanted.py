"""What somebody wants `hatif simulate` to do: its options, and which of them exclude each other."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cli.simulate.simulation_input import SimulationError

ADVICE_DAYS = 10


class PolicyOption(StrEnum):
    PLAIN = "plain"
    SITE = "site"


class SpreadOption(StrEnum):
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of the command, as its help describes them."""

    operators: int | None
    languages_each: int | None
    calls_per_hour: str | None
    mix: str | None
    handling: float
    wrap_up: float | None
    spread: SpreadOption
    variation: float
    ring: float
    patience: float | None
    level: int
    slower_per_level: float
    roster: Path | None
    planned: str | None
    hours: int | None
    days: int | None
    seed: int
    policy: PolicyOption
    within: float
    advise: bool
    teach_level: int
    from_history: bool
    begin: str | None
    end: str | None
    more: list[str]
    teach: list[str]
    progress_lines: bool
    picture: Path | None
    as_csv: bool
    json: bool

    def __post_init__(self) -> None:
        """Raise SimulationError for options that exclude each other."""
        if self.json and self.as_csv:
            raise SimulationError("--json and --csv exclude each other; use one of them.")
        if (self.begin or self.end) and not self.from_history:
            raise SimulationError("--from and --to are days of the history; add --from-history.")
        if self.advise and (self.as_csv or self.picture):
            raise SimulationError("--advise prints a table or, with --json, a document; leave out --csv and --picture.")
        if self.planned and (self.roster or self.from_history or not self.own_team):
            others = "--roster, --from-history, --operators and --languages-each"
            raise SimulationError(f"--planned takes the site's own operators and roster; leave out {others}.")
        drawn = {
            "--calls-per-hour": self.calls_per_hour,
            "--hours": self.hours,
            "--days": self.days,
            "--patience": self.patience,
        }
        if self.from_history and (options := [name for name, value in drawn.items() if value is not None]):
            raise SimulationError(f"--from-history sets the calls; leave out {' and '.join(options)}.")

    @property
    def own_team(self) -> bool:
        """Whether the operators are those of the site, for whom its plan of shifts is."""
        return self.operators is None and self.languages_each is None

    @property
    def quiet(self) -> bool:
        """Whether a program reads what is printed."""
        return self.json or self.as_csv

    @property
    def count(self) -> int:
        """How many days are drawn."""
        return self.days or (ADVICE_DAYS if self.advise else 1)
