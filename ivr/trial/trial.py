"""One simulated call from beginning to end, handled as by the controller, with all that was heard and done."""

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
from ivr.audio.audible import SIGNS, Clip, with_pauses
from ivr.call.call import Call
from ivr.call.first_state import first_state
from ivr.call.flow_runner import run_flow
from ivr.call.services import CaseLookup, Opening, Services
from ivr.flow.nodes.queue import Queue
from ivr.flow.versions import Version
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState
from ivr.records.caller_limits import CallerLimits, Reads
from ivr.records.recorder import Recorder
from ivr.records.returners import Place
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from ivr.trial.asterisk import Announcement, Asterisk, Caller, HeardClip, Station
from ivr.trial.hearers import Hearers
from ivr.trial.operators import Floor, OperatorScript
from ivr.trial.records import NOTHING_USED_UP, FakeReferences, MemoryJournal
from ivr.trial.sounds import UNMADE, AssumedAudio

LONGEST_S = 4 * 3600.0
MOST_STEPS = 20_000
"""A call that takes longer, or more steps, is stuck."""

_DATABASE_S = 0.01
_CHANNEL = "trial"
_CODE = Path(__file__).resolve().parent.parent.parent


class Stuck(BaseException):
    """The call does not end."""


@dataclass(frozen=True, slots=True)
class Step:
    """`at`: seconds since the call began; `kind` and `data` are as in the table call_event. Kinds of the trial itself:

    `hears` (clips, and the seconds of all of them with their pauses and tones), `presses` (key), `hangs_up`, `music`,
    `speaks` (seconds), `hears_himself` (seconds), `talks` (seconds), `answers` (the line, unless it answers at once).
    """

    at: float
    node: str
    language: str  # the caller's
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a trial: its steps, and a sentence in `errors` for each thing that went wrong.

    `outcome` is None if the call did not end.
    """

    steps: Sequence[Step]
    outcome: Outcome | None
    ended_by: str
    path: Sequence[str]
    seconds: float
    errors: Sequence[str]
    rows: Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Stage:
    """The shared parts of several trials: the site and the version of its flow (its sounds: `ivr.trial.sounds`)."""

    site: Site
    version: Version

    @cached_property
    def audible(self) -> AssumedAudio:
        return AssumedAudio(Path(), self.site.fallback_chain)

    @cached_property
    def seconds(self) -> Mapping[str, float]:
        """The duration of each audio file."""
        languages = self.version.sounds.prompts.values()
        signs = {sign.file: sign.seconds for sign in SIGNS.values()}
        return signs | {audio.file: audio.seconds for prompts in languages for audio in prompts.values()}


@dataclass(frozen=True)
class Scenario:
    """The circumstances of one trial.

    `caller` is the caller's number, empty if it is hidden; `who` returns the next operator for the waiting call, None
    for nobody. `disk_full`: nothing can be recorded. `was_cut_off`: the caller was cut off while waiting, a short time
    ago. `used_up`: what callers have recorded before. `spoken`: the languages of the operators on duty. `people`: the
    operators' list; an operator who is in it hears what the call is about before it is connected. `says`: the
    procedures that are understood at each open question; without it nobody hears the caller. `next_shift`: when an
    operator comes on duty who speaks the caller's language.
    """

    caller: str
    dialled: str
    at: datetime
    opening: Opening
    files: CaseLookup
    who: Callable[[floor_protocol.Wait], OperatorScript | None]
    last_language: str | None = None
    disk_full: bool = False
    was_cut_off: bool = False
    used_up: Reads = NOTHING_USED_UP
    spoken: tuple[str, ...] = ()
    people: tuple[OperatorEntry, ...] = ()
    says: tuple[tuple[str, ...], ...] = ()
    next_shift: datetime | None = None


async def trial(stage: Stage, scene: Scenario, person: Callable[[Asterisk], Caller]) -> TrialResult:
    """Run a trial in a loop with a virtual clock; `person` makes the caller on the telephone."""
    return await _Trial(stage, scene).run(person)


class _Trial:
    def __init__(self, stage: Stage, scene: Scenario) -> None:
        self._stage, self._scene = stage, scene
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.steps: list[Step] = []
        self.errors: list[str] = []
        self._journal = MemoryJournal(stage.site.node)
        self._link = Asterisk(_CHANNEL, self._lasts, self.add_step, records=not scene.disk_full)
        state = first_state(stage.site, stage.version, str(uuid7()), scene.dialled, scene.caller)
        self._call = _Call(self, self._services(), _CHANNEL, state, stage.version, answered=False)
        number = stage.site.number_dialled(scene.dialled)
        self._link.early = self._call.early = number is not None and number.early

    def _services(self) -> Services:
        stage, scene, link = self._stage, self._scene, self._link
        ring_s = stage.site.operators.ring_s
        link.floor = Floor(scene.who, lambda offer: self._call.deliver(offer), ring_s, link.later, scene.spoken)
        link.deliver = lambda event: self._call.deliver(event)
        return Services(
            site=stage.site,
            link=link,
            recorder=Recorder(self._journal, FakeReferences(stage.site.node_number, full=scene.disk_full)),
            audible=stage.audible,
            opening=scene.opening,
            case_lookup=scene.files,
            database=self,
            returners=self,
            mailbox=link,
            caller_limits=CallerLimits(scene.used_up, stage.site),
            to_floor=link.floor.tell,
            route=lambda *_: None,
            unroute=lambda _: None,
            address=lambda operator: f"trial/{operator}",
            operators=scene.people,
            next_shift=lambda _: scene.next_shift,
            workers=Hearers(scene.says, stage.site.languages, link) if scene.says else None,
        )

    async def run(self, person: Callable[[Asterisk], Caller]) -> TrialResult:
        self._link.caller = person(self._link)
        try:
            with clock.override(self._now):
                async with asyncio.timeout(LONGEST_S):
                    await run_flow(self._call, resumed=False)
            if (left_over := self._link.left_over()) is not None:
                self.errors.append(left_over)
        except TimeoutError:
            self.errors.append(f"The call had not ended after {LONGEST_S / 3600:.0f} hours; {self._where()}.")
        except Stuck:
            self.errors.append(f"The call runs in a circle: {MOST_STEPS} steps without an end; {self._where()}.")
        finally:
            self._link.close()
        if self._link.given_back:
            self.errors.append("Two nodes failed: the caller went to the dialplan's own queue.")
        ended: Mapping[str, Any] = next(
            (row for table, row in reversed(self._journal.rows) if table == "call" and "ended_by" in row), {}
        )
        outcome = Outcome(ended["outcome"]) if ended else None
        if outcome is None and not self.errors:
            self.errors.append(f"The call did not end; {self._where()}.")
        path, seconds = self._call.state.path, self._loop.time() - self._began
        return TrialResult(
            self.steps, outcome, str(ended.get("ended_by", "")), path, seconds, self.errors, self._journal.rows
        )

    def add_step(self, kind: str, **data: Any) -> None:
        """Add a step; raise Stuck if there are too many."""
        state = self._call.state
        self.steps.append(Step(self._loop.time() - self._began, state.node, state.language, kind, data))
        if len(self.steps) > MOST_STEPS:
            raise Stuck

    def record(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take note of an event of the call."""
        if kind == "prompt":
            self._link.prompt = self._station([prompt for _, prompt in data["clips"]])
            self._link.announced = heard = self._announcement(
                [(language, prompt) for language, prompt in data["clips"]]
            )
            self.add_step("hears", clips=heard.clips, seconds=heard.seconds)
            return
        if kind == "failed":
            self.errors.append(f"{self._call.state.node} failed: {_describe(sys.exception())}.")
        self.add_step(kind, **data)

    def _station(self, prompts: Sequence[str]) -> Station:
        call = self._call
        if not self._link.floor.waiting or not isinstance(call.flow.nodes[call.state.node], Queue):
            return Station.PROMPT
        return Station.OFFERED if any(prompt.startswith(("press_", "key_")) for prompt in prompts) else Station.WAITING

    def _announcement(self, clips: Sequence[Clip]) -> Announcement:
        heard: list[HeardClip] = []
        lasts = 0.0
        for clip in with_pauses(clips):
            audio = self._stage.audible.find(self._stage.version.sounds, clip)
            seconds = audio.seconds if audio is not None else 0.0
            if clip not in SIGNS:
                heard.append(self._hear(clip, audio.language if audio is not None else None, lasts, seconds))
            lasts += seconds
        return Announcement(heard, lasts)

    def _hear(self, clip: Clip, heard_in: str | None, after_s: float, seconds: float) -> HeardClip:
        """Return a clip as it is heard `heard_in` a language; None: in no language."""
        language, prompt = clip
        sounds = self._stage.version.sounds
        if heard_in != language:
            instead = f"callers hear that of {heard_in}" if heard_in is not None else "callers hear nothing"
            error = f"There is no text {prompt} in {language} (used by {self._call.state.node}): {instead}."
            if error not in self.errors:
                self.errors.append(error)
        audio = sounds.audio(heard_in, prompt) if heard_in is not None else None
        text, built = (audio.text, audio.source != UNMADE) if audio is not None else (None, False)
        return HeardClip(prompt, heard_in or language, text, after_s, seconds, built)

    def _lasts(self, file: str) -> float:
        return self._stage.seconds[file]

    def _now(self) -> datetime:
        return self._scene.at + timedelta(seconds=self._loop.time() - self._began)

    # As the database and the returners, for its services

    async def language(self, number: str) -> str | None:
        await asyncio.sleep(_DATABASE_S)
        return self._scene.last_language

    async def last_call(self, operator: str) -> None:
        return None  # nobody dials a code

    async def place(self, state: CallState) -> Place | None:
        return None  # a first call

    async def has_place(self, state: CallState) -> bool:
        return self._scene.was_cut_off

    def _where(self) -> str:
        state = self._call.state
        return f"it was at {state.node}, after {' '.join(state.path[-8:])}"


class _Call(Call):
    """A call whose events are also passed to the trial."""

    def __init__(self, trial: _Trial, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._trial = trial

    def event(self, kind: str, **data: object) -> None:
        super().event(kind, **data)
        self._trial.record(kind, data)


def _describe(error: BaseException | None) -> str:
    if error is None:
        return "for an unknown reason"
    place = next(
        (
            f" ({Path(frame.filename).relative_to(_CODE)}:{frame.lineno})"
            for frame in reversed(traceback.extract_tb(error.__traceback__))
            if Path(frame.filename).is_relative_to(_CODE)
        ),
        "",
    )
    return f"{type(error).__name__}: {error}{place}"
