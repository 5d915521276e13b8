"""Hatif's line for the measurement: a site with one menu and two tones, set up and run by Hatif's own commands."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench import media
from bench.asterisk import Asterisk, Prompts
from ivr.home import credentials
from ivr.process.process import processes
from ivr.site import operators
from prompts import manifest

CHECKOUT = Path(__file__).resolve().parent.parent
SITE = CHECKOUT / "bench" / "site"
LOCALE = Path("locale/en/LC_MESSAGES/hatif.po")
CARRIER, NUMBER = "127.0.0.2", "+33800212000"  # as in site/site.toml
MENU_KEY, OPERATOR_KEYS = "1", "0"  # as in site/flow.yaml
CONTROLLER = "ivr"  # its process, as `hatif status` names it
UP_S = 60.0
SETUP_LOG, UP_LOG = "bench-setup.log", "bench-up.log"
TEXTS = {"bench_menu": "For the measurement,", "bench_next": "This is the next prompt."}
TONES = {"bench_menu": 400.0, "bench_next": 1000.0}  # Hz; whole periods in 20 ms, so all packets of one are alike


class UpError(Exception):
    """The reason why Hatif did not start, as a sentence."""


@dataclass(frozen=True, slots=True)
class Line:
    """A running Hatif and the way to call it."""

    asterisk: Asterisk
    prompts: Prompts
    processes: dict[str, int]  # name to pid, without Asterisk; "controller" is `hatif ivr`
    callers: str  # the address of its carrier
    number: str
    menu_key: str
    operator_keys: str  # the keys that lead a caller from the menu to the queue
    accounts: tuple[tuple[str, str], ...]  # of the operators' telephones


@asynccontextmanager
async def up(home: Path, offset: int) -> AsyncIterator[Line]:
    """Set up a HATIF_HOME, start all of Hatif there and stop it at the end. Raises UpError."""
    site = home / "site"
    write_site(site)
    async with run_hatif(home, site, offset):
        yield _line(home, site, offset)


@dataclass(slots=True)
class Running:
    """A Hatif that runs: `hatif up`, and the environment in which its commands run."""

    home: Path
    environment: Mapping[str, str]
    up: asyncio.subprocess.Process

    async def start_again(self) -> None:
        """Start `hatif up` once more if it has ended: it takes over what still runs. Does not wait until it serves."""
        if self.up.returncode is not None:
            self.up = await _start_up(self.home, self.environment)

    async def stop(self) -> None:
        """Stop everything, also what a killed `hatif up` has left."""
        if self.up.returncode is None:
            self.up.send_signal(signal.SIGTERM)
            self.up.send_signal(signal.SIGCONT)  # it may be stopped
        try:
            await asyncio.wait_for(self.up.wait(), 20)
        except TimeoutError:
            self.up.kill()
            await self.up.wait()
        for info in processes(self.home / "run").values():
            if info.alive:
                with suppress(ProcessLookupError):
                    os.kill(info.pid, signal.SIGKILL)


@asynccontextmanager
async def run_hatif(
    home: Path,
    site: Path,
    offset: int,
    *,
    quick: bool = True,
    database: str | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Running]:
    """Run all of Hatif in `home`, with the site in `site`, until a call can be served. Raises UpError.

    `quick`: whether only quick voices speak, so that nothing is made in the background. `database`: a URL, if not
    SQLite in `home`. `variables`: more of the environment.
    """
    if not Path(*command()).is_file():  # noqa: ASYNC240 - before anything runs
        raise UpError(
            f"{sys.executable} has no Hatif beside it: run scripts/setup, then .venv/bin/python -m bench.menu"
        )
    environment = {
        **os.environ,
        "HATIF_HOME": str(home),
        "HATIF_SITE": str(site),
        "HATIF_PORT_OFFSET": str(offset),
        "HATIF_VOICES": "quick" if quick else "",
        # The private Asterisk is that of the usual HATIF_HOME, where the next run finds it as well.
        "HATIF_INSTALL": os.environ.get("HATIF_INSTALL") or os.environ.get("HATIF_HOME") or str(CHECKOUT / "var"),
        **({"HATIF_DATABASE": database} if database is not None else {}),
        **variables,
    }
    await _command("setup", environment, home)
    running = Running(home, environment, await _start_up(home, environment))
    try:
        await _ready(running.up, environment, home / UP_LOG)
        yield running
    finally:
        await running.stop()


async def _start_up(home: Path, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    with (home / UP_LOG).open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command("up"), env=environment, stdout=output, stderr=output, start_new_session=True
        )


def write_site(site: Path) -> None:
    """Write the site's own files, the English texts of the example site, and the two tones as recordings."""
    shutil.copytree(SITE, site, dirs_exist_ok=True)
    catalogue = site / LOCALE
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    added = "".join(f'\nmsgctxt "{key}"\nmsgid "{text}"\nmsgstr "{text}"\n' for key, text in TEXTS.items())
    catalogue.write_text((CHECKOUT / "sites" / "consulate" / LOCALE).read_text() + added)
    for key, hertz in TONES.items():
        media.write_tone(site / "recordings" / "en" / f"{key}.wav", hertz, 6.0)


def _line(home: Path, site: Path, offset: int) -> Line:
    entries = operators.load(site, ["en"])
    secrets = credentials.load(home, tuple(entry.id for entry in entries))
    pids = {name: info.pid for name, info in processes(home / "run").items() if info.alive}
    if missing := {"asterisk", CONTROLLER} - pids.keys():
        raise UpError(f"{home / 'run'} names no process {', '.join(sorted(missing))}; it has {', '.join(pids)}")
    names = manifest.load(home / "sounds" / manifest.FILE)
    first, following = ("bench_menu", "key_1"), ("bench_next",)
    files = {key: str(names.file("en", key)) for key in (*first, *following)}
    return Line(
        asterisk=Asterisk(
            pid=pids.pop("asterisk"),
            etc=home / "asterisk" / "etc",
            sip=("127.0.0.1", 5060 + offset),
            http=f"http://127.0.0.1:{8088 + offset}",
            user=secrets.ari_user,
            password=secrets.ari_password,
        ),
        prompts=Prompts(
            first=tuple(files[key] for key in first),
            following=tuple(files[key] for key in following),
            first_files=tuple(_alaw(home, files[key]) for key in first),
            following_files=tuple(_alaw(home, files[key]) for key in following),
        ),
        processes={"controller": pids.pop(CONTROLLER), **pids},
        callers=CARRIER,
        number=NUMBER,
        menu_key=MENU_KEY,
        operator_keys=OPERATOR_KEYS,
        accounts=tuple((entry.id, secrets.operators[entry.id]) for entry in entries),
    )


def _alaw(home: Path, file: str) -> str:
    found = next((path for path in manifest.paths(home / "sounds", file) if path.suffix == ".alaw"), None)
    if found is None or not found.is_file():
        raise UpError(f"{home / 'sounds'} has no .alaw of {file}; see `hatif prompts status`")
    return str(found)


def command(*words: str) -> tuple[str, ...]:
    """Return the `hatif` of the environment that runs this, with its arguments."""
    return (str(Path(sys.executable).with_name("hatif")), *words)


async def _command(name: str, environment: Mapping[str, str], home: Path) -> None:
    log = home / f"bench-{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command(name), env=environment, stdout=output, stderr=output)
    if await process.wait():
        raise UpError(f"hatif {name} ended with exit status {process.returncode}: {_tail(log)}")


async def _ready(hatif: asyncio.subprocess.Process, environment: Mapping[str, str], log: Path) -> None:
    """Wait until a call can be served. Raises UpError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + UP_S
    while loop.time() < deadline:
        if hatif.returncode is not None:
            raise UpError(f"hatif up ended with exit status {hatif.returncode}: {_tail(log)}")
        status = await asyncio.create_subprocess_exec(
            *command("status", "--json"), env=environment, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await status.wait() == 0:
            return
        await asyncio.sleep(0.5)
    raise UpError(f"hatif up could not serve a call within {UP_S:g} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-1500:] or f"it wrote nothing to {log}"
