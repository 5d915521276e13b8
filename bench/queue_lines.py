"""The lines of the comparison, each with its own Asterisk: app_queue, the bare controller, Hatif."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf import carrier, conf, instance
from asterisk_conf.install import find_or_install
from bench import bare, hatif, queue_conf
from bench.queue_way import CALLERS, Way
from bench.reference_case import LANGUAGES
from bench.sip import Account
from ivr.home import credentials
from ivr.process.process import processes
from routing.states import Operator

COUNTRIES = {"ar": "MA", "fr": "FR", "es": "ES", "it": "IT", "nl": "NL", "de": "DE", "en": "GB"}
NUMBERS = {language: f"+8002120000{place}" for place, language in enumerate(LANGUAGES)}
"""The number that callers of each language dial: for Hatif each is in a country whose first language it is."""
BARE_OPERATORS = tuple(str(1001 + place) for place in range(4))


class LineError(Exception):
    """The reason why a line did not start, as a sentence."""


@asynccontextmanager
async def app_queue(
    home: Path, offset: int, team: Sequence[Operator], plan: queue_conf.Plan, name: str
) -> AsyncIterator[Way]:
    """Run an Asterisk of ours whose dialplan answers and queues. `name`: of the way.

    Raises LineError and AsteriskError."""
    files = {"queues.conf": queue_conf.queues_conf(plan), "extensions.conf": queue_conf.extensions_conf(NUMBERS)}
    async with _asterisk(home, offset, [operator.id for operator in team], files) as (pid, accounts, _, _):
        yield Way(name, ("127.0.0.1", 5060 + offset), accounts, NUMBERS, {"asterisk": pid})


@dataclass(frozen=True, slots=True)
class BareLine:
    server: tuple[str, int]
    accounts: tuple[Account, ...]
    processes: dict[str, int]
    version: str  # of Asterisk
    number: str = "wait"


@asynccontextmanager
async def bare_line(home: Path, offset: int) -> AsyncIterator[BareLine]:
    """Run an Asterisk of ours with the thinnest possible controller. Raises LineError and AsteriskError."""
    files = {"queues.conf": "[general]\n", "extensions.conf": queue_conf.extensions_conf({})}
    async with _asterisk(home, offset, BARE_OPERATORS, files) as (pid, accounts, secrets, version):
        events = f"ws://127.0.0.1:{8088 + offset}/ari/events?app={bare.APP}&api_key=" + (
            f"{secrets.ari_user}:{secrets.ari_password}"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.bare", "sound:beep", "sound:beep", *BARE_OPERATORS,
            stdout=asyncio.subprocess.PIPE, env={**os.environ, "BENCH_ARI": events}, start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stdout
            if (await asyncio.wait_for(process.stdout.readline(), 20)).strip() != b"ready":
                raise LineError("the bare controller could not connect to Asterisk")
            yield BareLine(
                ("127.0.0.1", 5060 + offset), accounts, {"asterisk": pid, "controller": process.pid}, version
            )
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def ours(home: Path, offset: int, team: Sequence[Operator]) -> AsyncIterator[Way]:
    """Run Hatif, set up and started by its own commands. Raises `bench.hatif.UpError`."""
    site = home / "site"
    write_site(site, team)
    share_sounds(home)
    async with hatif.run_hatif(home, site, offset):
        secrets = credentials.load(home, tuple(operator.id for operator in team))
        pids = {name: info.pid for name, info in processes(home / "run").items() if info.alive}
        accounts = tuple(Account(operator.id, secrets.operators[operator.id]) for operator in team)
        yield Way("ours", ("127.0.0.1", 5060 + offset), accounts, NUMBERS, pids)


def write_site(site: Path, team: Sequence[Operator]) -> None:
    """Write a site that is always open, with no wrap-up, a number for each language, and nothing but the queue."""
    site.mkdir(parents=True, exist_ok=True)
    numbers = "".join(
        f'\n[[number]]\nnumber = "{number}"\ncountry = "{COUNTRIES[language]}"\n'
        for language, number in NUMBERS.items()
    ) + "".join(f'\n[countries.{COUNTRIES[language]}]\nlanguages = ["{language}"]\n' for language in NUMBERS)
    spoken = {
        operator.id: " ".join(f"{name}:{level}" for name, level in operator.languages.items()) for operator in team
    }
    rows = "".join(f"{name},Bench {name},{languages},,no\n" for name, languages in spoken.items())
    listed = ", ".join(f'"{language}"' for language in LANGUAGES)
    (site / "site.toml").write_text(SITE.format(languages=listed, host=CALLERS, numbers=numbers))
    (site / "operators.csv").write_text(f"id,name,languages,topics,supervisor\n{rows}")
    (site / "flow.yaml").write_text(FLOW)
    for language in LANGUAGES:
        catalogue = Path("locale", language, "LC_MESSAGES", "hatif.po")
        (site / catalogue).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(hatif.CHECKOUT / "sites" / "consulate" / catalogue, site / catalogue)


def share_sounds(home: Path) -> None:
    """Copy the prompts of the usual Hatif, if there are any: otherwise setup builds those of seven languages."""
    made, here = installed() / "sounds", home / "sounds"
    if made.is_dir() and not here.exists():
        shutil.copytree(made, here, symlinks=True, copy_function=_link)


def installed() -> Path:
    """Return the folder in which the usual Hatif has its Asterisk and its prompts."""
    return Path(os.environ.get("HATIF_INSTALL") or os.environ.get("HATIF_HOME") or hatif.CHECKOUT / "var")


def _link(made: str, here: str) -> None:
    """Copy by hard link where the file system allows it: prompts take a gigabyte."""
    try:
        os.link(made, here)
    except OSError:
        shutil.copy2(made, here)


class Quiet:
    """Discard progress: the program draws its own bar on the screen."""

    def step(self, text: str) -> None: ...
    def update(self, done: int, total: int) -> None: ...


@asynccontextmanager
async def _asterisk(
    home: Path, offset: int, operators: Sequence[str], files: dict[str, str]
) -> AsyncIterator[tuple[int, tuple[Account, ...], credentials.Credentials, str]]:
    """Run a plain Asterisk with Hatif's own pjsip.conf, so that carriers and telephones are the same for all ways."""
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    secrets = credentials.load(home, tuple(operators))
    settings = conf.Conf(
        home=home,
        node="bench",
        ports=conf.Ports.with_offset(offset),
        carriers=(carrier.Carrier("bench", (CALLERS,), ("alaw",)),),
        endpoints=tuple(
            conf.Endpoint(operator, f"Bench {operator}", secrets.operators[operator]) for operator in operators
        ),
        queues=(),
        secrets=conf.Secrets(secrets.ari_user, secrets.ari_password, secrets.ami_user, secrets.ami_password),
        installation=find_or_install(installed(), Quiet()),
        wrap_up_s=0,
    )
    if problems := instance.port_problems(settings):
        raise LineError(" ".join(problems))
    conf.write(settings)
    for name, text in files.items():
        (settings.etc / name).write_text(text)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *instance.command(settings), env=instance.environment(), stdin=quiet, stdout=quiet, stderr=quiet,
        start_new_session=True,
    )  # fmt: skip
    try:
        if not await instance.ready(settings):
            raise LineError(f"Asterisk did not start: {'; '.join(instance.check_log(settings)) or settings.log_file}")
        accounts = tuple(Account(operator, secrets.operators[operator]) for operator in operators)
        yield process.pid, accounts, secrets, settings.installation.version
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


SITE = """name = "bench"
languages = [{languages}]
sip_bind = "127.0.0.1"
probe_s = 0
caller_memory = false

[hours]
timezone = "Africa/Casablanca"

[hours.week]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]

[operators]
wrap_up_s = 0
whisper = false               # app_queue does not announce calls either

[routing]
other_language_s = 0          # no caller is asked to change their language: the comparison is by language
return_min = 0                # every call is from a different caller

[limits]
calls_by_number = 10000
calls_by_source = 10000
calls_in_all = 10000

[[carrier]]
name = "bench"
hosts = ["{host}"]
codecs = ["alaw"]
{numbers}"""

FLOW = """start: operator
operator: operator
change_language: operator
silence_s: 10

nodes:
  operator: {kind: queue, say_first_s: 600, next: goodbye}
  goodbye: {kind: end}
"""
