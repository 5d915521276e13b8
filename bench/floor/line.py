"""The line of this measurement: the example site with a team of any size, and Hatif on an Asterisk of its own."""

import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import hatif
from bench.queue_lines import share_sounds
from bench.reference_case import LANGUAGES, MIX
from bench.sip import Account
from ivr.home import credentials
from ivr.process.process import processes
from routing.simulation.team import spread_team

CARRIER, PHONES = "127.0.0.2", "127.0.0.5"
NUMBER = "+33800212000"
RING_S, WRAP_UP_S = 8, 5
TOPICS = ("file", "documents", "travel", "complaint")
PAUSES = 4  # reasons

CHANGES = (
    ("site.toml", r"^ring_s = 15", f"ring_s = {RING_S}"),
    ("site.toml", r"^wrap_up_s = \d+", f"wrap_up_s = {WRAP_UP_S}"),
    ("site.toml", r"^wrap_up_more_s = \d+", "wrap_up_more_s = 10"),
    ("site.toml", r"^wrap_up_longest_s = \d+", "wrap_up_longest_s = 30"),
    ("site.toml", r'"08:00-20:00"', '"00:00-24:00"'),
    ("site.toml", r"^holidays = .*\n", ""),
    ("site.toml", r"^probe_s = \d+", "probe_s = 0"),  # the line's own calls would be counted
    ("site.toml", r'^trunk = "example".*\n', ""),  # the bench calls nobody
    # All callers use one carrier.
    ("site.toml", r"^calls_by_number = \d+", "calls_by_number = 10000"),
    ("site.toml", r"^calls_by_source = \d+", "calls_by_source = 10000"),
    ("flow.yaml", r"^silence_s: \S+", "silence_s: 2"),  # a caller who presses no key hears silence no longer than this
)
"""Settings that are too slow for a run of ten minutes: file, pattern, text."""


RECORDED = ("site.toml", r"^conversations = false", "conversations = true")


class LineError(Exception):
    """The reason why the line cannot be measured, as a sentence."""


@dataclass(frozen=True, slots=True)
class Team:
    """Operators' ids. `listeners`: supervisors who take no callers; `speaks`: the languages of the others."""

    operators: tuple[str, ...]
    listeners: tuple[str, ...]
    consuls: tuple[str, ...]
    speaks: dict[str, tuple[str, ...]]

    @property
    def everybody(self) -> tuple[str, ...]:
        return (*self.operators, *self.listeners)


@dataclass(frozen=True, slots=True)
class Line:
    """A line. `home` is its HATIF_HOME; `url` its database's, None for SQLite there."""

    home: Path
    offset: int
    team: Team
    accounts: dict[str, Account]
    token: str
    ari_user: str
    ari_password: str
    running: hatif.Running
    url: str | None = None

    @property
    def server(self) -> tuple[str, int]:
        return ("127.0.0.1", 5060 + self.offset)

    @property
    def control(self) -> str:
        return f"http://127.0.0.1:{8070 + self.offset}"

    @property
    def ari(self) -> str:
        return f"http://127.0.0.1:{8088 + self.offset}/ari"

    @property
    def database(self) -> str:
        return self.url or f"sqlite:///{self.home / 'hatif.db'}"

    def kill_controller(self) -> bool:
        """Kill the controller with `kill -9`; `hatif up` starts another one. False if there was none."""
        return self.kill(hatif.CONTROLLER)

    def kill(self, process: str) -> bool:
        """Kill a process, named as in `hatif status`, with `kill -9`. False if there was none."""
        found = processes(self.home / "run").get(process)
        if found is None or not found.alive:
            return False
        os.kill(found.pid, signal.SIGKILL)
        return True


def team(operators: int) -> Team:
    """Return a team with three languages each, in proportion to the calls; one in twenty is a supervisor who takes
    callers, and as many only listen."""
    few = operators < 2 * len(LANGUAGES)
    spoken: dict[str, tuple[str, ...]]
    if few:
        spoken = {str(1001 + place): LANGUAGES for place in range(operators)}
    else:
        spoken = {operator.id: tuple(operator.languages) for operator in spread_team(LANGUAGES, MIX, operators, 3)}
    ids = tuple(spoken)
    some = max(1, operators // 20)
    return Team(ids, tuple(str(1901 + place) for place in range(some)), ids[-some:], spoken)


def write_site(site: Path, of: Team, *, recorded: bool = False) -> None:
    """Write the site. Raises LineError if the example site differs from what is expected here. `recorded`:
    conversations are recorded, with consent."""
    shutil.copytree(hatif.CHECKOUT / "sites" / "consulate", site)
    change_site(site, (*CHANGES, *((RECORDED,) if recorded else ())))
    (site / "roster.csv").unlink(missing_ok=True)  # it names other operators
    rows = ["id,name,languages,topics,supervisor"]
    for item, languages in of.speaks.items():
        levels = " ".join(f"{language}:5" for language in languages)
        rows.append(f"{item},Bench {item},{levels},,{'yes' if item in of.consuls else 'no'}")
    rows += [f"{listener},Bench {listener},en:5 fr:5,,yes" for listener in of.listeners]
    (site / "operators.csv").write_text("\n".join(rows) + "\n")


def change_site(site: Path, changes: Iterable[tuple[str, str, str]]) -> None:
    """Change the files of a copy of the example site: file, pattern, text.

    Raises LineError if the site differs from what is expected here.
    """
    for name, pattern, text in changes:
        changed, count = re.subn(pattern, text, (site / name).read_text(), flags=re.MULTILINE)
        if not count:
            raise LineError(f"sites/consulate/{name} has nothing like {pattern!r} any more; see the bench's line.py")
        (site / name).write_text(changed)


@asynccontextmanager
async def up(home: Path, offset: int, of: Team, *, recorded: bool = False) -> AsyncIterator[Line]:
    """Start the line. Raises LineError and `bench.hatif.UpError`."""
    site = home / "site"
    write_site(site, of, recorded=recorded)
    share_sounds(home)
    async with hatif.run_hatif(home, site, offset) as running:
        yield line_of(home, offset, of, running)


def line_of(home: Path, offset: int, of: Team, running: hatif.Running, url: str | None = None) -> Line:
    """Return the line that runs in `home`, with its secrets."""
    secrets = credentials.load(home, of.everybody)
    accounts = {operator: Account(operator, secrets.operators[operator]) for operator in of.everybody}
    return Line(home, offset, of, accounts, secrets.control_token, secrets.ari_user, secrets.ari_password, running, url)
