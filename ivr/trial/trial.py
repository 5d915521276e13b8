"""One call from its beginning to its end, as the controller would lead it, and what was heard and done on the way."""

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from db.enums import Outcome
from db.ids import uuid7
from ivr.audio.audible import SIGNS, Clip
from ivr.call.call import Call, Files, Opening, Services
from ivr.call.first_state import first_state
from ivr.call.flow_runner import walk
from ivr.flow.nodes.queue import Queue
from ivr.flow.versions import Version
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState
from ivr.records.recorder import Recorder
from ivr.records.returners import Place
from ivr.site.site import Site
from ivr.trial.asterisk import Asterisk, Caller, Station
from ivr.trial.operators import Floor, Rung
from ivr.trial.records import Pretended, Unwritten
from ivr.trial.sounds import AllThere

LONGEST_S = 4 * 3600.0
MOST_STEPS = 20_000
"""A call that goes on for longer than these is stuck."""

_DATABASE_S = 0.01
_CHANNEL = "trial"
_CODE = Path(__file__).resolve().parent.parent.parent


class Stuck(BaseException):
    """The call does not end."""


@dataclass(frozen=True, slots=True)
class Said:
    """A clip as it is heard: `language` may be another one than was asked for, where that has no audio; `text` None:
    there is none in any language."""

    prompt: str
    language: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """`at`: seconds since the call began; `kind` and `data` as in the table call_event, and some of the trial's own:

    `hears` (clips), `presses` (key), `hangs_up`, `music`, `speaks` (seconds), `hears_himself` (seconds),
    `talks` (seconds).
    """

    at: float
    node: str
    language: str  # the caller's
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """A trial that is over. `errors`: a sentence for each thing that went wrong; `outcome` None: it did not end."""

    steps: Sequence[Step]
    outcome: Outcome | None
    ended_by: str
    path: Sequence[str]
    seconds: float
    errors: Sequence[str]
    rows: Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Stage:
    """What many trials share: the site, and the version of what callers hear (its sounds: `ivr.trial.sounds`)."""

    site: Site
    version: Version

    @cached_property
    def audible(self) -> AllThere:
        return AllThere(Path(), self.site.fallback_chain)

    @cached_property
    def seconds(self) -> Mapping[str, float]:
        """How long each file lasts."""
        every = self.version.sounds.prompts.values()
        signs = {each.file: each.seconds for each in SIGNS.values()}
        return signs | {audio.file: audio.seconds for prompts in every for audio in prompts.values()}


@dataclass(frozen=True)
class Scene:
    """What one trial is about. `caller`: his number, empty if he hides it; `disk_full`: nothing can be recorded;
    `was_cut_off`: he was cut off a short time ago while he waited; `spoken`: the languages of the operators on duty."""

    caller: str
    dialled: str
    at: datetime
    opening: Opening
    files: Files
    who: Callable[[floor_protocol.Wait], Rung | None]
    last_language: str | None = None
    disk_full: bool = False
    was_cut_off: bool = False
    spoken: tuple[str, ...] = ()


async def trial(stage: Stage, scene: Scene, person: Callable[[Asterisk], Caller]) -> Course:
    """In a loop with a virtual clock; `person` makes the one who is on the telephone."""
    return await _Trial(stage, scene).run(person)


class _Trial:
    def __init__(self, stage: Stage, scene: Scene) -> None:
        self._stage, self._scene = stage, scene
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.steps: list[Step] = []
        self.errors: list[str] = []
        self._journal = Unwritten(stage.site.node)
        self._link = Asterisk(_CHANNEL, self._lasts, self.tell, records=not scene.disk_full)
        state = first_state(stage.site, stage.version, str(uuid7()), scene.dialled, scene.caller)
        self._call = _Call(self, self._services(), _CHANNEL, state, stage.version, answered=False)

    def _services(self) -> Services:
        stage, scene, link = self._stage, self._scene, self._link
        ring_s = stage.site.operators.ring_s
        link.floor = Floor(scene.who, lambda offer: self._call.deliver(offer), ring_s, link.later, scene.spoken)
        link.deliver = lambda event: self._call.deliver(event)
        return Services(
            site=stage.site,
            link=link,
            recorder=Recorder(self._journal, Pretended(stage.site.node_number, full=scene.disk_full)),
            audible=stage.audible,
            opening=scene.opening,
            files=scene.files,
            remembered=self._remembered,
            returning=self._returning,
            has_place=self._has_place,
            mailbox=link,
            to_floor=link.floor.tell,
            route=lambda *_: None,
            unroute=lambda _: None,
            address=lambda operator: f"trial/{operator}",
        )

    async def run(self, person: Callable[[Asterisk], Caller]) -> Course:
        self._link.caller = person(self._link)
        try:
            with clock.set_to(self._now):
                async with asyncio.timeout(LONGEST_S):
                    await walk(self._call, resumed=False)
            if (left_over := self._link.left_over()) is not None:
                self.errors.append(left_over)
        except TimeoutError:
            self.errors.append(f"The call was not over after {LONGEST_S / 3600:.0f} hours; {self._where()}.")
        except Stuck:
            self.errors.append(f"The call goes round in a circle: {MOST_STEPS} steps and no end; {self._where()}.")
        finally:
            self._link.close()
        if self._link.given_back:
            self.errors.append("Two nodes failed: the dialplan's own queue has the caller.")
        ended: Mapping[str, Any] = next(
            (row for table, row in reversed(self._journal.rows) if table == "call" and "ended_by" in row), {}
        )
        outcome = Outcome(ended["outcome"]) if ended else None
        if outcome is None and not self.errors:
            self.errors.append(f"The call did not end; {self._where()}.")
        path, seconds = self._call.state.path, self._loop.time() - self._began
        return Course(
            self.steps, outcome, str(ended.get("ended_by", "")), path, seconds, self.errors, self._journal.rows
        )

    def tell(self, kind: str, **data: Any) -> None:
        """A step; many steps raise Stuck."""
        state = self._call.state
        self.steps.append(Step(self._loop.time() - self._began, state.node, state.language, kind, data))
        if len(self.steps) > MOST_STEPS:
            raise Stuck

    def happened(self, kind: str, data: Mapping[str, Any]) -> None:
        """What the call says of itself."""
        if kind == "prompt":
            self._link.prompt = self._station([prompt for _, prompt in data["clips"]])
            self.tell("hears", clips=[self._said(clip) for each in data["clips"] if (clip := tuple(each)) not in SIGNS])
            return
        if kind == "failed":
            self.errors.append(f"{self._call.state.node} could not be done: {_told(sys.exception())}.")
        self.tell(kind, **data)

    def _station(self, prompts: Sequence[str]) -> Station:
        call = self._call
        if not self._link.floor.waiting or not isinstance(call.flow.nodes[call.state.node], Queue):
            return Station.PROMPT
        return Station.OFFERED if any(each.startswith("press_") for each in prompts) else Station.WAITING

    def _said(self, clip: Clip) -> Said:
        language, prompt = clip
        sounds = self._stage.version.sounds
        heard = self._stage.audible.find(sounds, clip)
        if heard is not None and heard.language == language:
            return Said(prompt, language, sounds.text(language, prompt))
        other = sounds.text(heard.language, prompt) if heard is not None else None
        instead = f"that of {heard.language} is heard instead" if heard is not None else "nothing is heard in its place"
        error = f"There is no text {prompt} in {language} ({self._call.state.node} says it): {instead}."
        if error not in self.errors:
            self.errors.append(error)
        return Said(prompt, heard.language if heard is not None else language, other)

    def _lasts(self, file: str) -> float:
        return self._stage.seconds[file]

    def _now(self) -> datetime:
        return self._scene.at + timedelta(seconds=self._loop.time() - self._began)

    async def _remembered(self, number: str) -> str | None:
        await asyncio.sleep(_DATABASE_S)
        return self._scene.last_language

    async def _returning(self, state: CallState) -> Place | None:
        return None  # he was never here before

    async def _has_place(self, state: CallState) -> bool:
        return self._scene.was_cut_off

    def _where(self) -> str:
        state = self._call.state
        return f"it was at {state.node}, after {' '.join(state.path[-8:])}"


class _Call(Call):
    """The call itself, and somebody who is told at once what it says for the journal."""

    def __init__(self, trial: _Trial, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._trial = trial

    def event(self, kind: str, **data: object) -> None:
        super().event(kind, **data)
        self._trial.happened(kind, data)


def _told(error: BaseException | None) -> str:
    if error is None:
        return "nobody knows why"
    place = next(
        (
            f" ({Path(each.filename).relative_to(_CODE)}:{each.lineno})"
            for each in reversed(traceback.extract_tb(error.__traceback__))
            if Path(each.filename).is_relative_to(_CODE)
        ),
        "",
    )
    return f"{type(error).__name__}: {error}{place}"
