"""The moments of a trial: what a caller has heard and done by when, in seconds from the answer."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ivr.call.node import OPERATOR
from ivr.flow.file import Flow
from ivr.trial.asterisk import HeardClip
from ivr.trial.trial import Step, TrialResult

_AT_ONCE_S = 0.001
"""A key pressed this much before the end of a clip was pressed at its end."""


class What(StrEnum):
    """A kind of moment."""

    OWN_LANGUAGE = "own_language"  # the caller has heard the key of their language, in their language
    HEARS = "hears"  # an announcement begins
    PRESSES = "presses"
    OPERATOR = "operator"  # the caller has heard, in their language, how to reach an operator
    QUEUED = "queued"
    CONNECTED = "connected"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a call.

    `name`: the key, "" if it chooses a language, or the id of the first text of an announcement; `at`: seconds from the
    answer; `seconds`: how long an announcement lasts if nothing cuts it short, otherwise None.
    """

    what: What
    node: str
    name: str
    at: float
    seconds: float | None = None


def find_moments(result: TrialResult, language: str, flow: Flow) -> list[Moment]:
    """Return the moments of the call of somebody who speaks `language`, in order of time."""
    # First what is heard: a key that is pressed at once comes after it.
    heard = [
        *_first_named(result.steps, What.OWN_LANGUAGE, language, None),
        *_first_named(result.steps, What.OPERATOR, language, OPERATOR),
    ]
    over = Moment(What.OVER, "", "", result.seconds)
    return sorted([*heard, *_moments(result.steps, flow), over], key=lambda moment: moment.at)


def _moments(steps: Iterable[Step], flow: Flow) -> Iterator[Moment]:
    for step in steps:
        match step.kind:
            case "hears" if step.data["clips"]:
                first: HeardClip = step.data["clips"][0]
                yield Moment(What.HEARS, step.node, first.prompt, step.at, step.data["seconds"])
            case "presses":
                # Each language has a key of its own.
                key = "" if flow.nodes[step.node].kind == "language" else step.data["key"]
                yield Moment(What.PRESSES, step.node, key, step.at)
            case "waiting":
                yield Moment(What.QUEUED, step.node, "", step.at)
            case "connected":
                yield Moment(What.CONNECTED, step.node, "", step.at)


def _first_named(steps: Sequence[Step], what: What, language: str, key: str | None) -> list[Moment]:
    """Return the moment when a key (None: any) was first named to the end in a language, if it was."""
    for step, until in zip(steps, ends(steps), strict=True):
        for clip in step.data["clips"] if step.kind == "hears" else ():
            named = clip.named_key == key if key is not None else clip.named_key is not None
            if named and clip.language == language and step.at + clip.heard_s <= until + _AT_ONCE_S:
                return [Moment(what, step.node, "", min(step.at + clip.heard_s, until))]
    return []


def ends(steps: Sequence[Step]) -> list[float]:
    """Return for each step when something else began or a key was pressed, which cuts an announcement short."""
    ends, later = [], float("inf")
    for step in reversed(steps):
        ends.append(later)
        if step.kind in ("hears", "presses", "hangs_up", "music"):
            later = step.at
    return ends[::-1]


@dataclass(frozen=True, slots=True)
class Row:
    """The same moment in several calls. `nth`: which moment of its kind in a call, from 1."""

    what: What
    node: str
    name: str
    nth: int
    moments: dict[str, Moment]

    def is_same(self, moment: Moment, nth: int) -> bool:
        return (self.what, self.node, self.name, self.nth) == (moment.what, moment.node, moment.name, nth)


def align(columns: Mapping[str, Sequence[Moment]]) -> list[Row]:
    """Return one row for each moment of any column, with the moments of all columns that have it."""
    rows: list[Row] = []
    for column, moments in columns.items():
        place = 0
        times = Counter[tuple[What, str, str]]()
        for moment in moments:
            times[kind := (moment.what, moment.node, moment.name)] += 1
            found = next((at for at, row in enumerate(rows) if row.is_same(moment, times[kind])), None)
            if found is None:
                rows.insert(found := place, Row(*kind, times[kind], {}))
            rows[found].moments[column] = moment
            place = found + 1
    return rows
