"""The control API's part about voice messages: which wait for somebody, and who takes care of one."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.controller.controller import Controller
from ivr.model import clock

if TYPE_CHECKING:
    from db.messages import Message  # the database's packages must not hold up a start

router = APIRouter(prefix="/messages", tags=["messages"])

MessageId = Annotated[UUID, Path(alias="message", description="The id of the message.")]


class VoiceMessage(BaseModel):
    """A message that a caller left."""

    id: str
    at: datetime
    caller: str | None
    language: str | None
    topic: str | None
    category: str | None = Field(description="As the caller chose it by key.")
    case: str | None = Field(description="The reference of the case that it belongs to.")
    file: str = Field(description="In the line's home.")
    seconds: float | None
    text: str | None = Field(description="As a recogniser understood it.")
    heard: datetime | None = Field(description="When somebody took it.")
    heard_by: str | None


@router.get("", responses=documented(503))
async def messages(controller: ControllerDep) -> list[VoiceMessage]:
    """Return the messages that nobody has taken, oldest first; at most 200."""
    found = await controller.messages.unheard()
    if found is None:
        raise _away(controller)
    return [_row(message) for message in found]


@router.post("/{message}/take", responses=documented(404, 409, 503))
async def take(controller: ControllerDep, actor: Actor, message_id: MessageId) -> VoiceMessage:
    """Take care of a message: nobody else does. 409 (`taken`) if somebody has taken it."""
    now = clock.now()
    taken = await controller.messages.take(message_id, actor, now)
    found = await controller.messages.find(message_id) if taken is not None else None
    if found is None:
        raise _away(controller)
    if not found:
        raise ApiError(404, "There is no such message.")
    (message,) = found
    if not taken:
        raise ApiError(409, f"{message.heard_by} has taken this message already.", "taken")
    audit(controller, actor, "message_taken", f"message:{message_id}")
    return _row(message)


def _row(message: "Message") -> VoiceMessage:
    return VoiceMessage(
        id=str(message.id),
        at=message.at,
        caller=message.caller,
        language=message.language,
        topic=message.topic,
        category=message.category,
        case=message.case_reference,
        file=message.file,
        seconds=message.duration_ms / 1000 if message.duration_ms is not None else None,
        text=message.text,
        heard=message.heard,
        heard_by=message.heard_by,
    )


def _away(controller: Controller) -> ApiError:
    return ApiError(
        503, f"The database is away; nothing was changed. Try again when it is back. ({controller.messages.why})"
    )
