"""The control API's part about voice messages to be worked off. Every change is in the audit."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, Field

from db.message_data import VoiceMessage
from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, confirmed, documented, present
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.model import clock

router = make_router("messages", "/messages")

MessageId = Annotated[UUID, Path(alias="message", description="The id of the message.")]


class Message(BaseModel):
    """A voice message that a caller left."""

    id: UUID
    call: UUID = Field(description="The call in which it was left.")
    at: datetime
    caller: str | None
    language: str | None
    topic: str | None
    category: str | None = Field(description="Chosen by key, as in the flow.")
    case: str | None = Field(description="The reference of the case that was opened for it.")
    file: str = Field(description="Its audio, in the line's home.")
    seconds: float | None
    text: str | None = Field(description="What a recogniser made of it.")
    text_language: str | None = Field(description="In which it was understood.")
    text_confidence: int | None = Field(description="The recogniser's, in percent.")
    text_why: str | None = Field(description="Why there is no text.")
    heard: datetime | None
    heard_by: str | None = Field(description="Who heard it first.")
    taken: datetime | None
    taken_by: str | None = Field(description="Who works on it.")
    done: datetime | None = Field(description="Since when nothing is left to do.")
    done_by: str | None
    erased: datetime | None = Field(description="When its audio was erased.")
    test: bool = Field(description="Whether it was left in a test call.")


class WorkRelease(models.Request):
    """Work that somebody gives back."""

    whoever: bool = Field(False, description="Also if somebody else than the actor has it.")


@router.get("", responses=documented(503))
async def messages(
    controller: ControllerDep, last: Annotated[int, Query(ge=0, le=1000, description="How many of those done.")] = 0
) -> list[Message]:
    """Return the messages that are not done, the oldest first, at most 500, and the `last` that are."""
    found = await controller.messages.list_latest(last)
    return [_message(message) for message in present(found, controller.messages.why)]


@router.post("/{message}/take", responses=documented(404, 409, 503))
async def take(controller: ControllerDep, actor: Actor, message_id: MessageId) -> Message:
    """Take a message to work on it. 409 (`taken`) if somebody else has it, or it is done."""
    before, now = await _find(controller, message_id), clock.now()
    taken = await controller.messages.take(message_id, actor, now)
    since = before.taken if before.taken_by == actor else None
    after = replace(before, taken=since or now, taken_by=actor)
    return await _changed(controller, actor, taken, after, "message_taken")


@router.post("/{message}/release", responses=documented(404, 409, 503))
async def release(
    controller: ControllerDep, actor: Actor, message_id: MessageId, released: WorkRelease | None = None
) -> Message:
    """Let others take a message again. 409 (`taken`) if the actor does not have it."""
    by = None if released is not None and released.whoever else actor
    before = await _find(controller, message_id)
    free = await controller.messages.release(message_id, by)
    return await _changed(controller, actor, free, replace(before, taken=None, taken_by=None), "message_released")


@router.post("/{message}/heard", responses=documented(404, 409, 503))
async def heard(controller: ControllerDep, actor: Actor, message_id: MessageId) -> Message:
    """Note that the actor has heard a message. Idempotent: who heard it first stays."""
    before, now = await _find(controller, message_id), clock.now()
    first = await controller.messages.hear(message_id, actor, now)
    if not confirmed(first, controller.messages):
        return _message(await _find(controller, message_id))
    return await _changed(controller, actor, first, replace(before, heard=now, heard_by=actor), "message_heard")


@router.post("/{message}/done", responses=documented(404, 409, 503))
async def finish(controller: ControllerDep, actor: Actor, message_id: MessageId) -> Message:
    """Note that nothing is left to do. 409 (`taken`) if somebody else has the message, or it was done already."""
    before, now = await _find(controller, message_id), clock.now()
    done = await controller.messages.finish(message_id, actor, now)
    return await _changed(controller, actor, done, replace(before, done=now, done_by=actor), "message_done")


async def _changed(controller: Controller, actor: str, changed: bool | None, after: VoiceMessage, act: str) -> Message:
    """Return a message as it is `after` the change. It is not read again: the database may be away by now."""
    if not confirmed(changed, controller.messages):
        found = await _find(controller, after.id)
        sentence = f"{found.done_by} has done that message already." if found.done else None
        sentence = sentence or (f"{found.taken_by} has that message." if found.taken_by else "Nobody has that message.")
        raise ApiError(409, sentence, "taken")
    audit(controller, actor, act, f"message:{after.id}", call=str(after.call_id))
    return _message(after)


async def _find(controller: Controller, identity: UUID) -> VoiceMessage:
    return present(await controller.messages.find(identity), controller.messages.why)


def _message(row: VoiceMessage) -> Message:
    same = set(Message.model_fields) - {"call", "case", "seconds"}
    return Message(
        call=row.call_id,
        case=row.case_reference,
        seconds=row.duration_ms / 1000 if row.duration_ms is not None else None,
        **{name: getattr(row, name) for name in same},
    )
