"""Ten journeys through a site, and what their callers hear when, as virtual time predicts it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from db.references import make_reference
from ivr.flow.file import AnyNode
from ivr.trial.ground import Ground, GroundError
from ivr.trial.moments import ends
from ivr.trial.staging import likely_line
from ivr.trial.trial import Step

HANGS_UP = "h"
NO_PIN = "271828"
_NO_NODE = 9
"""The node that these references would be of."""
_HEARD_S = 0.4
"""A clip that is cut after less than this is not looked for."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What a caller presses.

    `keys`: `L` stands for the key of their language, `M` for that of another one, `R` for a reference without a file.
    """

    name: str
    keys: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that the caller hears. `file`: in the manifest; `at`, `until`: seconds from the answer."""

    prompt: str
    file: str
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Act:
    """A key, or HANGS_UP. `at`: seconds from the answer."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class Predicted:
    """A call as virtual time predicts it. `ends_at`: when the line hangs up; None: the caller does."""

    journey: str
    language: str
    caller: str
    dialled: str
    clips: tuple[Clip, ...]
    acts: tuple[Act, ...]
    ends_at: float | None


def journeys(ground: Ground) -> list[Journey]:
    """Return the journeys. Raises GroundError if the flow of the site does not have one of them."""
    return [
        Journey("nothing pressed", ""),
        Journey("only 0", "0"),
        Journey("only *", "****"),
        Journey("an operator", "L0"),
        Journey("wrong keys", "L666"),
        Journey("again, and another language", "L#9Mh"),
        Journey("a passport", f"L{_found(ground.keys_to_procedure('passport'), 'a passport')}h"),
        Journey("a visa", f"L{_found(ground.keys_to_procedure('visa'), 'a visa')}h"),
        Journey("a file", f"L{_found(ground.keys_to(_of_kind('case')), 'a file')}R{NO_PIN}h"),
        Journey("a message", f"L{_found(ground.keys_to(_of_kind('record')), 'a message')}#1h"),
    ]


def _of_kind(kind: str) -> Callable[[str, AnyNode], str | None]:
    def reached(name: str, node: AnyNode) -> str | None:
        return "" if node.kind == kind else None

    return reached


def _found(keys: str | None, what: str) -> str:
    if keys is None:
        raise GroundError(f"No keys lead to {what} in this flow.")
    return keys


def predict(ground: Ground, journey: Journey, language: str, number: int) -> Predicted:
    """Return what virtual time predicts for a call. `number`: a different one for each call, up to 999."""
    other = next((code for code in ground.languages if code != language), language)
    keys = journey.keys.replace("L", ground.keys[language]).replace("M", ground.keys[other])
    # Each caller has a reference of their own: after a few wrong PINs it is locked.
    keys = keys.replace("R", make_reference(_NO_NODE, number))
    caller = f"{ground.homes[language][:-3]}{number:03}"
    result = ground.call(caller, keys)
    acts = tuple(_acts(result.steps))
    return Predicted(
        journey.name,
        language,
        caller,
        likely_line(ground.stage.site, caller),
        tuple(_clips(ground, result.steps)),
        acts,
        None if acts and acts[-1].key == HANGS_UP else result.seconds,
    )


def _acts(steps: Sequence[Step]) -> Iterator[Act]:
    for step in steps:
        if step.kind == "presses":
            yield Act(step.data["key"], step.at)
        elif step.kind == "hangs_up":
            yield Act(HANGS_UP, step.at)


def _clips(ground: Ground, steps: Sequence[Step]) -> Iterator[Clip]:
    sounds = ground.stage.version.sounds
    for step, end in zip(steps, ends(steps), strict=True):
        for clip in step.data["clips"] if step.kind == "hears" else ():
            at, until = step.at + clip.after_s, min(end, step.at + clip.heard_s)
            if clip.prompt.startswith("digit_"):
                return  # the reference that a message gets is another one on the line
            file = sounds.file(clip.language, clip.prompt)
            if file is not None and until - at >= min(_HEARD_S, clip.seconds):
                yield Clip(clip.prompt, file, at, until)
