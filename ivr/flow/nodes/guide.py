"""`guide`: a menu of procedures; the caller hears the chosen one step by step, at their own pace."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from db.enums import Outcome
from ivr.audio.audible import Clip
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, GoTo, choose
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, Node, NodeName, Topic
from ivr.site.guide import SERVICE_TEXTS, Procedure, ProcedureId, Status, title

NEXT = "1"
KEYS = (NEXT, REPEAT, BACK, OPERATOR, CHANGE_LANGUAGE)
"""The keys in a step."""
_HEARD_S = 1.0
"""A step heard for less than this was only skipped."""


class GuideNode(Node):
    kind: Literal["guide"]
    procedures: Annotated[tuple[ProcedureId, ...], Field(min_length=1, max_length=8)]  # with the keys 1 to 8
    topic: Topic | None = None  # of the operator's call, if this leads to one
    back: NodeName

    @field_validator("procedures")
    @classmethod
    def _differ(cls, procedures: tuple[str, ...]) -> tuple[str, ...]:
        for name in procedures:
            if procedures.count(name) > 1:
                raise ValueError(f"the procedure {name!r} appears twice; write it once")
        return procedures

    def leads_to(self) -> tuple[str, ...]:
        return (self.back,)

    def texts(self) -> tuple[str, ...]:
        """The node's own texts. Those of the procedures come with the guide (`ivr.site.guide.text_ids`)."""
        keys = (f"press_{key}" for key in self._keys)
        return (*keys, *SERVICE_TEXTS, *CHOICE_TEXTS)

    @property
    def _keys(self) -> dict[str, str]:
        """The procedures by key."""
        return {str(key): procedure for key, procedure in enumerate(self.procedures, start=1)}

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        language = call.state.language
        options = [(key, [(language, title(procedure))]) for key, procedure in self._keys.items()]
        while True:
            chosen = await choose(call, options, back=self.back)
            if isinstance(chosen, GoTo):
                return chosen.node
            goes = await _play_procedure(call, call.version.guide.procedures[self._keys[chosen]])
            if goes is not None:
                return goes.node


async def _play_procedure(call: Call, procedure: Procedure) -> GoTo | None:
    """Play a procedure from its first step. Return where the caller goes, or None for the list."""
    steps = procedure.steps(call.state.country)
    before = ["guide_notice"] if procedure.status is Status.SAMPLE else []
    index = 0
    while index >= 0:
        if index < len(steps):
            step = _Step(procedure.id, *steps[index], first=index == 0, last=index + 1 == len(steps))
            key = await _play_step(call, step, before)
            before = []
        else:
            await call.say([(call.state.language, "guide_end")])
            if not call.keys or call.keys[0] not in (REPEAT, BACK):
                return None  # other keys belong to the list
            call.take_key()
            key = BACK
        if key == NEXT:
            index += 1
        elif key == BACK:
            index -= 1
        elif key == OPERATOR:
            return GoTo(call.flow.operator)
        elif key == CHANGE_LANGUAGE:
            return GoTo(call.flow.change_language)
    return None


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a procedure, and the id of its text."""

    procedure: str
    name: str
    text: str
    first: bool
    last: bool

    @property
    def choices(self) -> list[str]:
        """The texts that explain the keys, played in full when the caller needs help."""
        return ["guide_keys"] if self.last else ["guide_next", "guide_keys"]

    @property
    def texts(self) -> list[str]:
        if self.last:
            return [self.text]
        return [self.text, *(self.choices if self.first else self.choices[:1])]


async def _play_step(call: Call, step: _Step, before: list[str]) -> str:
    """Play one step and return the key for what follows: one of KEYS."""
    began = asyncio.get_running_loop().time()
    try:
        return await _read_key(call, step, before)
    finally:  # even if the caller has hung up: then they had what they wanted
        if asyncio.get_running_loop().time() - began >= _HEARD_S:
            call.event("guide", procedure=step.procedure, step=step.name)
            if call.state.outcome in (None, Outcome.CLOSED):
                call.set(call.state.replace(outcome=Outcome.SELF_SERVED))


async def _read_key(call: Call, step: _Step, before: list[str]) -> str:
    """Play a step until a key is pressed. The last step needs no key: its end leads on."""
    texts, mistakes = [*before, *step.texts], 0
    while True:
        clips: list[Clip] = [(call.state.language, text) for text in texts]
        if step.last:
            await call.say(clips)
            key = call.take_key() or NEXT
        else:
            key = await call.listen(clips) or ""
        if key and key in KEYS:
            return key
        mistakes += 1
        if mistakes > MISTAKES:
            call.event("help_over")
            return OPERATOR
        texts = ["help_wrong_key" if key else "help_silence", *step.choices]
