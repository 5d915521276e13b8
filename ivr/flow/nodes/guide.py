"""`guide`: a menu of procedures; the caller hears the chosen one step by step. With one procedure there is no menu.

The steps follow one another by themselves. Keys skip one, repeat it, lead back, tell the law, or ask for the procedure
in writing: then people send it (`ivr.records.guide_requests`).
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from db.enums import Outcome
from ivr.audio.audible import LONG_PAUSE, Clip
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, ChoiceNode, GoTo, choose
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, NodeName, Topic
from ivr.call.number_entry import NUMBER_TEXTS, enter_number
from ivr.records.guide_requests import record_guide_request
from ivr.site import callback_numbers
from ivr.site.guide import SERVICE_TEXTS, Procedure, ProcedureId, ProcedureStatus, title

NEXT, LAW, SEND = "1", "2", "5"
KEYS = (NEXT, LAW, SEND, REPEAT, BACK, OPERATOR, CHANGE_LANGUAGE)
"""The keys in a step."""
_HEARD_S = 1.0
"""A step heard for less than this was only skipped."""
_PAUSES = 3
"""The clips of silence after a step, so that callers can write and press a key."""


class GuideNode(ChoiceNode):
    kind: Literal["guide"]
    procedures: Annotated[tuple[ProcedureId, ...], Field(min_length=1, max_length=8)]  # with the keys 1 to 8
    topic: Topic | None = None  # of the operator's call, if this leads to one
    send_due_h: int = Field(48, ge=1, le=2000)  # hours until a procedure that a caller wants in writing is due
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

    def silent(self) -> str | None:
        return self.back if len(self.procedures) == 1 else None

    def texts(self) -> tuple[str, ...]:
        """Return the node's own texts. Those of the procedures come with the guide (`ivr.site.guide.text_ids`)."""
        keys = (f"press_{key}" for key in self._keys)
        return (*keys, *super().texts(), *SERVICE_TEXTS, *NUMBER_TEXTS, *CHOICE_TEXTS)

    @property
    def _keys(self) -> dict[str, str]:
        """The procedures by key."""
        return {str(key): procedure for key, procedure in enumerate(self.procedures, start=1)}

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        language = call.state.language
        options = [(key, [(language, title(procedure))]) for key, procedure in self._keys.items()]
        while True:
            outro = self.outro_clips(call)
            chosen = "1" if len(options) == 1 else await choose(call, options, outro=outro, back=self.back)
            if isinstance(chosen, GoTo):
                return chosen.node
            procedure = call.version.guide.procedures[self._keys[chosen]]
            goes = await read_procedure(call, procedure, self.send_due_h)
            if goes is not None:
                return goes.node
            if len(options) == 1:
                return self.back


async def read_procedure(call: Call, procedure: Procedure, due_h: int) -> GoTo | None:
    """Play a procedure. Return where the caller goes, or None once it has ended, or they have left its first step.

    Args:
        due_h: Hours until it is due, if they want it in writing.
    """
    return await _Reading(call, procedure, due_h).play()


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a procedure. `clips`: all that is heard before its keys."""

    name: str
    clips: tuple[Clip, ...]
    explains_keys: bool  # the keys are explained after it, once


class _Reading:
    """A procedure as one caller hears it."""

    def __init__(self, call: Call, procedure: Procedure, due_h: int) -> None:
        self._call, self._procedure, self._due_h = call, procedure, due_h
        self._language = call.state.language
        self._keys_explained = False

    async def play(self) -> GoTo | None:
        """Play the procedure from its first step. Return where the caller goes, or None for the list."""
        call, steps = self._call, self._steps()
        if not any(self._is_audible(step) for step in steps):  # its files are gone, for example
            call.event("guide_silent", procedure=self._procedure.id)
            return GoTo(call.flow.operator)
        before: list[Clip] = [self._clip("guide_notice")] if self._procedure.status is ProcedureStatus.SAMPLE else []
        index = mistakes = 0
        while index >= 0:
            if index == len(steps):
                await call.say(self._clip("guide_end"))
                if not call.keys or call.keys[0] not in (REPEAT, BACK):
                    return None  # other keys belong to the list
                call.take_key()
                index -= 1
                continue
            key, complete = await self._play_step(steps[index], before)
            before = []
            if key in (OPERATOR, CHANGE_LANGUAGE):
                return GoTo(call.flow.operator if key == OPERATOR else call.flow.change_language, key)
            if key == LAW:
                await self._tell_law()
            elif key == SEND and (goes := await self._send()) is not None:
                return goes
            if key in (LAW, SEND):
                index += complete  # a step that was cut short is heard again
            elif key in KEYS:
                index += {NEXT: 1, BACK: -1}.get(key, 0)
            else:
                mistakes += 1
                if mistakes > MISTAKES:
                    call.event("help_over")
                    return GoTo(call.flow.operator)
                await call.say(self._clip("help_wrong_key"), self._clip(self._keys_text))
        return None

    def _steps(self) -> list[_Step]:
        """Return the steps. The keys are explained after the last one about the documents."""
        steps = self._procedure.steps(self._call.state.country)
        last = max(index for index, (name, _) in enumerate(steps) if name.startswith("documents"))
        return [_Step(name, (self._clip(text),), index == last) for index, (name, text) in enumerate(steps)]

    def _is_audible(self, step: _Step) -> bool:
        sounds, audible = self._call.version.sounds, self._call.services.audible
        return any(audible.find(sounds, clip) is not None for clip in step.clips)

    async def _play_step(self, step: _Step, before: list[Clip]) -> tuple[str, bool]:
        """Play a step and its pause. Return the key for what follows, and whether the whole step was heard."""
        call = self._call
        began = asyncio.get_running_loop().time()
        try:
            explains = step.explains_keys and not self._keys_explained
            await call.say(*before, *step.clips, *([LONG_PAUSE] if explains else [LONG_PAUSE] * _PAUSES))
            complete = not call.keys
            if explains and complete:
                self._keys_explained = True
                await call.say(self._clip(self._keys_text), *[LONG_PAUSE] * _PAUSES)
            return call.take_key() or NEXT, complete
        finally:  # even if the caller has hung up: then they had what they wanted
            if asyncio.get_running_loop().time() - began >= _HEARD_S:
                call.event("guide", procedure=self._procedure.id, step=step.name)
                if call.state.outcome in (None, Outcome.CLOSED):
                    call.set(call.state.replace(outcome=Outcome.SELF_SERVED))

    async def _tell_law(self) -> None:
        """Tell who issues the document, and by which law."""
        self._call.event("guide", procedure=self._procedure.id, step="law")
        await self._call.say(*map(self._clip, self._procedure.on_request), LONG_PAUSE)

    async def _send(self) -> GoTo | None:
        """Note that the caller wants the procedure in writing, on their number or on one that they enter."""
        call, node = self._call, self._call.state.node
        number: str | GoTo = call.state.caller
        if not callback_numbers.may_be_called(call.state.caller, call.services.site):
            number = await enter_number(call, back=node)
        if isinstance(number, GoTo):
            return number if number.key in (OPERATOR, CHANGE_LANGUAGE) else None
        record_guide_request(call.services.recorder, call.state, self._procedure.id, number, self._due_h)
        call.event("guide_request", procedure=self._procedure.id, number=number)
        await call.say(self._clip("guide_noted"), LONG_PAUSE)
        return None

    @property
    def _keys_text(self) -> str:
        """The text that explains the keys; without an operator for callers who wait for one already."""
        return "guide_keys_queue" if self._call.interruptible else "guide_keys"

    def _clip(self, text: str) -> Clip:
        return self._language, text
