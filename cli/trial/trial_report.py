"""The output of `hatif try`: what the caller hears and does, line by line, and the outcome."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from cli.calls.story import format_event
from cli.output import console, errors
from ivr.trial.asterisk import HeardClip
from ivr.trial.trial import Scenario, Stage, Step, TrialResult

_HOURS = "Opening hours come from the plan and the calendar; whether the line is forced open or closed does not count."
_UNKEPT = "Nothing of this call is kept: references that it gives out do not belong to any case."

_SHOWN_OTHERWISE = ("node", "key", "talks", "recording")
_NODE_WIDTH = 16
"""The column width of a node's name."""


@dataclass(frozen=True)
class Report:
    """The result of a trial. `keys`: those to press; `files`: the source of case files; `notes`: further remarks."""

    stage: Stage
    scene: Scenario
    keys: str
    files: str
    course: TrialResult
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.course.errors)

    def data(self) -> Mapping[str, Any]:
        """Return the report for `--json`."""
        scene, course = self.scene, self.course
        return {
            "from": scene.caller or None,
            "to": scene.dialled,
            "at": scene.at.astimezone(self._zone),
            "keys": self.keys,
            "hours": _HOURS,
            "case_files": self.files,
            "steps": [_as_document(step) for step in course.steps],
            "outcome": course.outcome,
            "ended_by": course.ended_by,
            "path": list(course.path),
            "seconds": round(course.seconds, 1),
            "errors": list(course.errors),
            "notes": list(self.notes),
        }

    def show(self) -> None:
        """Print the report; errors go to standard error."""
        for sentence in (*self._before(), *self._steps(), *self._after()):
            console.print(sentence, markup=False, soft_wrap=True)
        for error in self.course.errors:
            errors.print(error, style="red", markup=False, soft_wrap=True)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.stage.site.hours.timezone)

    def _before(self) -> Iterator[str]:
        scene, at = self.scene, self.scene.at.astimezone(self._zone)
        when = f"{at:%A %Y-%m-%d} at {at:%H:%M} ({self._zone.key})"
        yield f"{scene.caller or 'A caller with a hidden number'} calls {scene.dialled} on {when}."
        presses = f"The caller presses {' '.join(self.keys)}" if self.keys else "The caller presses nothing"
        yield f"{presses}{'' if self.keys.endswith('h') else ', and is silent from then on'}."
        yield _HOURS
        yield f"{_UNKEPT}\n"

    def _steps(self) -> Iterator[str]:
        explained = False
        for step in self.course.steps:
            if step.kind == "node" and self.stage.version.flow.nodes[step.node].kind == "case" and not explained:
                explained = True
                yield f"  (Case files: {self.files}.)"
            margin = f"  {_clock(step.at)}  {step.node:{_NODE_WIDTH}} "
            for words in _describe(step):
                yield f"{margin} {words}"
                margin = " " * len(margin)

    def _after(self) -> Iterator[str]:
        course = self.course
        if course.outcome is not None:
            yield f"\nOver after {_clock(course.seconds).strip()}: {course.outcome} (ended by {course.ended_by})."
        yield f"Path: {' > '.join(course.path)}"
        yield from self.notes


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:3}:{int(seconds) % 60:02}"


def _describe(step: Step) -> Iterable[str]:
    data = step.data
    match step.kind:
        case "hears":
            return _heard(data["clips"])
        case "presses":
            return [f"presses {data['key']}"]
        case "hangs_up":
            return ["hangs up"]
        case "music":
            return ["hears music"]
        case "answers":
            return ["the line answers"]
        case "speaks":
            return [f"speaks for {data['seconds']:.0f} s" if data["seconds"] else "is silent"]
        case "hears_himself":
            return ["hears the recorded message"]
        case kind if kind in _SHOWN_OTHERWISE:
            return []
    return [format_event({"kind": step.kind, "flow_node": step.node, "data": data}, {})]


def _heard(clips: Iterable[HeardClip]) -> Iterator[str]:
    """Yield a line for each run of clips in one language."""
    silent = True
    for language, run in groupby(clips, key=lambda clip: clip.language):
        silent = False
        yield f"{language}  {' '.join(clip.text or f'(there is no text {clip.prompt})' for clip in run)}"
    if silent:
        yield "a tone"


def _as_document(step: Step) -> Mapping[str, Any]:
    data = {**step.data}
    if step.kind == "hears":
        data["clips"] = [asdict(clip) for clip in data["clips"]]
    at = round(step.at, 2)
    return {"at": at, "node": step.node, "caller_language": step.language, "kind": step.kind, **data}
