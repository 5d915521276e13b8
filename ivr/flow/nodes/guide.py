"""`guide`: a menu of procedures; the one that is chosen is heard step by step, as slowly as the caller wishes."""

import asyncio
from dataclasses import dataclass, replace
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
"""Of a step."""
_HEARD_S = 1.0
"""So long a step must have been listened to, else he only passed by it."""


class GuideNode(Node):
    kind: Literal["guide"]
    procedures: Annotated[tuple[ProcedureId, ...], Field(min_length=1, max_length=8)]  # with the keys 1 to 8
    topic: Topic | None = None  # what an operator is asked about, if this leads to one
    back: NodeName

    @field_validator("procedures")
    @classmethod
    def _differ(cls, procedures: tuple[str, ...]) -> tuple[str, ...]:
        for each in procedures:
            if procedures.count(each) > 1:
                raise ValueError(f"the procedure {each!r} appears twice; write it once")
        return procedures

    def leads_to(self) -> tuple[str, ...]:
        return (self.back,)

    def texts(self) -> tuple[str, ...]:
        """Those of the procedures come with the guide (`ivr.site.guide.text_ids`)."""
        keys = (f"press_{key}" for key in self._keys)
        return (*keys, *SERVICE_TEXTS, *CHOICE_TEXTS)

    @property
    def _keys(self) -> dict[str, str]:
        """Key to procedure."""
        return {str(key): procedure for key, procedure in enumerate(self.procedures, start=1)}

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        language = call.state.language
        options = [(key, [(language, title(procedure))]) for key, procedure in self._keys.items()]
        while True:
            chosen = await choose(call, options, back=self.back)
            if isinstance(chosen, GoTo):
                return chosen.node
            goes = await _heard(call, call.version.guide.procedures[self._keys[chosen]])
            if goes is not None:
                return goes.node


async def _heard(call: Call, procedure: Procedure) -> GoTo | None:
    """Says the procedure from its first step on; where the caller goes, None: back to the list."""
    steps = procedure.steps(call.state.country)
    before = ["guide_notice"] if procedure.status is Status.SAMPLE else []
    at = 0
    while at >= 0:
        if at < len(steps):
            place = _Place(procedure.id, *steps[at], first=at == 0, last=at + 1 == len(steps))
            key = await _step(call, place, before)
            before = []
        else:
            await call.say([(call.state.language, "guide_end")])
            if not call.keys or call.keys[0] not in (REPEAT, BACK):
                return None  # other keys are for the list
            call.take_key()
            key = BACK
        if key == NEXT:
            at += 1
        elif key == BACK:
            at -= 1
        elif key == OPERATOR:
            return GoTo(call.flow.operator)
        elif key == CHANGE_LANGUAGE:
            return GoTo(call.flow.change_language)
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """One step of a procedure: its name and its text's id."""

    procedure: str
    step: str
    text: str
    first: bool
    last: bool

    @property
    def choices(self) -> list[str]:
        """What the keys are, told in full when the caller needs help."""
        return ["guide_keys"] if self.last else ["guide_next", "guide_keys"]

    @property
    def texts(self) -> list[str]:
        if self.last:
            return [self.text]
        return [self.text, *(self.choices if self.first else self.choices[:1])]


async def _step(call: Call, place: _Place, before: list[str]) -> str:
    """Says one step and gives the key for what follows: one of KEYS."""
    began = asyncio.get_running_loop().time()
    try:
        return await _key(call, place, before)
    finally:  # also where the caller has hung up: then he had what he wanted
        if asyncio.get_running_loop().time() - began >= _HEARD_S:
            call.event("guide", procedure=place.procedure, step=place.step)
            if call.state.outcome in (None, Outcome.CLOSED):
                call.set(replace(call.state, outcome=Outcome.SELF_SERVED))


async def _key(call: Call, place: _Place, before: list[str]) -> str:
    """After the last step there is nothing to choose: its end leads on without a key."""
    texts, mistakes = [*before, *place.texts], 0
    while True:
        clips: list[Clip] = [(call.state.language, text) for text in texts]
        if place.last:
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
        texts = ["help_wrong_key" if key else "help_silence", *place.choices]
