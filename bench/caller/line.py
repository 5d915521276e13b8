"""The same calls on a real line: an Asterisk and a Hatif of their own, with the example site and its audio."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import hatif
from bench.caller import pick_up
from bench.caller.ground import load_ground
from bench.caller.journeys import Journey, Predicted, journeys, predict
from bench.caller.listener import Listeners, Made
from bench.caller.pick_up import Headsets
from bench.floor.line import change_site
from bench.sip import Account
from ivr.home import credentials
from ivr.site import site as sites
from ivr.trial.caller_figures import predicted_pick_up
from ivr.trial.ground import Ground

OFFSET = 47_000
CARRIER = "127.0.0.2"
AGREES_S = 0.3
"""How far the line may be from the prediction, in seconds."""
_READY_S = 1.0
"""From the registration of a telephone until its operator is ready, with some to spare."""
_APART_S = 0.5
"""Between the beginnings of two calls."""

_CHANGES = (
    ("site.toml", r'"08:00-20:00"', '"00:00-24:00"'),
    ("site.toml", r"^holidays = .*\n", ""),
    ("site.toml", r"^probe_s = \d+", "probe_s = 0"),
    ("site.toml", r'^trunk = "example".*\n', ""),  # the bench calls nobody
)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that serves the example site at all hours. `home`: its HATIF_HOME."""

    home: Path
    server: tuple[str, int]
    ground: Ground
    operators: dict[str, str]  # by their only language

    @property
    def number(self) -> str:
        return self.ground.stage.site.number[0].number


@dataclass(frozen=True, slots=True)
class PickUp:
    """From an operator's answer until both hear each other, in seconds; operator and caller speak this language."""

    language: str
    predicted: float
    heard: float

    @property
    def agrees(self) -> bool:
        return abs(self.heard - self.predicted) <= AGREES_S


@asynccontextmanager
async def up(home: Path, offset: int, sounds: Path) -> AsyncIterator[Line]:
    """Start the line with the audio in `sounds`. Raises LineError, `bench.hatif.UpError`, and what a ground raises."""
    site = home / "site"
    shutil.copytree(hatif.CHECKOUT / "sites" / "consulate", site)
    change_site(site, _CHANGES)
    operators = {language: str(1001 + place) for place, language in enumerate(sites.load(site).languages)}
    rows = [f"{operator},Bench {operator},{language}:5,,no" for language, operator in operators.items()]
    (site / "operators.csv").write_text("\n".join(("id,name,languages,topics,supervisor", *rows)) + "\n")
    (site / "roster.csv").unlink(missing_ok=True)  # who is planned now must not matter
    shutil.copytree(sounds, home / "sounds", symlinks=True, copy_function=_link)
    ground = load_ground(site, home / "sounds", spoken=())
    async with hatif.run_hatif(home, site, offset, quick=False):  # with the voices that the audio has
        yield Line(home, ("127.0.0.1", 5060 + offset), ground, operators)


def _link(made: str, here: str) -> None:
    try:
        os.link(made, here)
    except OSError:
        shutil.copy2(made, here)


def predicted_pick_ups(line: Line) -> dict[str, float]:
    """Return the seconds from an operator's answer until both hear each other, by language.

    Raises GroundError if a text has no audio.
    """
    keys = line.ground.keys
    return {
        language: predicted_pick_up(line.ground, language, language, keys[language] + "0")
        for language in line.operators
    }


async def pick_ups(line: Line, predicted: Mapping[str, float]) -> list[PickUp]:
    """Let an operator of each language answer a caller in it. Raises LostCallError."""
    ground = line.ground
    accounts = credentials.load(line.home, tuple(line.operators.values())).operators
    headsets = Headsets(line.server)
    callers = Listeners(CARRIER, line.server, line.home / "sounds")
    calls = {
        operator: (f"{ground.homes[language][:-3]}9{place:02}", f"{ground.keys[language]}0")
        for place, (language, operator) in enumerate(line.operators.items())
    }
    try:
        await headsets.register(Account(operator, accounts[operator]) for operator in calls)
        await asyncio.sleep(_READY_S)
        measured = await pick_up.measure(callers, headsets, line.number, calls)
    finally:
        callers.close()
        headsets.close()
    return [PickUp(language, predicted[language], measured[operator]) for language, operator in line.operators.items()]


async def walk(
    line: Line, languages: Sequence[str], at_once: int, progress: Progress, only: Sequence[str] = ()
) -> list[Made]:
    """Make all journeys in these languages, `at_once` at a time, and return the calls. `only`: names of journeys."""
    chosen = [journey for journey in journeys(line.ground) if not only or journey.name in only]
    planned = [(journey, language) for journey in chosen for language in languages]
    predicted = await predict_all(line.ground, planned)
    callers = Listeners(CARRIER, line.server, line.home / "sounds")
    try:
        return await _all(callers, predicted, at_once, progress)
    finally:
        callers.close()


async def predict_all(ground: Ground, planned: Sequence[tuple[Journey, str]]) -> list[Predicted]:
    """Return the predictions of journeys, each in a language. Virtual time needs a thread where real time runs."""

    def predicted() -> list[Predicted]:
        return [predict(ground, journey, language, number) for number, (journey, language) in enumerate(planned)]

    return await asyncio.to_thread(predicted)


async def _all(callers: Listeners, predicted: Sequence[Predicted], at_once: int, progress: Progress) -> list[Made]:
    free = asyncio.Semaphore(at_once)
    done: list[Made] = []

    async def one(call: Predicted, wait_s: float) -> Made:
        await asyncio.sleep(wait_s)
        async with free:
            made = await callers.make(call)
        done.append(made)
        progress(f"{len(done)} of {len(predicted)} calls")
        return made

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call, number % at_once * _APART_S)) for number, call in enumerate(predicted)]
    return [task.result() for task in tasks]


def document(made: Sequence[Made]) -> list[dict[str, Any]]:
    """Return the calls as data."""
    return [
        {
            "journey": call.predicted.journey,
            "language": call.predicted.language,
            "caller": call.predicted.caller,
            "clips": [
                {
                    "id": heard.clip.prompt,
                    "predicted": round(heard.clip.at, 3),
                    "heard": None if heard.at is None else round(heard.at, 3),
                }
                for heard in call.heard
            ],
            "keys": [{"key": act.key, "predicted": round(act.at, 3)} for act in call.predicted.acts],
            "line_hung_up": {
                "predicted": call.predicted.ends_at and round(call.predicted.ends_at, 3),
                "heard": call.ended_at and round(call.ended_at, 3),
            },
            "worst_s": None if call.worst_s is None else round(call.worst_s, 3),
            "agrees": agrees(call),
            "lost": call.lost,
        }
        for call in made
    ]


def agrees(call: Made) -> bool:
    """Return whether all that was predicted was heard, within AGREES_S."""
    return call.worst_s is not None and call.worst_s <= AGREES_S and not call.lost
