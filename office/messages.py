"""Voice messages, worked off by one person each: listed, taken, given back, heard, and done.

Each step is one conditional update with its entry in the audit: of two people who take a message, one is refused.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, update

from db import messages
from db.audit import entry
from db.engine import writing
from db.message_data import VoiceMessage
from db.tables import Message
from db.traces import Read
from office.context import Office
from office.people import Actor, Permission, require
from office.reading import Reading, Why, put_list_on_record, record
from wire.errors import UserError


class MessageTakenError(UserError):
    """Somebody else has the message, or nobody has, or it is done; the sentence says which."""

    def __init__(self, message: VoiceMessage) -> None:
        owner = f"{message.taken_by} has that message." if message.taken_by else "Nobody has that message."
        super().__init__(f"{message.done_by} has done that message already." if message.done else owner)


async def latest(
    office: Office, actor: Actor, reading: Reading, last: int = 0, *, tests: bool = True
) -> list[VoiceMessage]:
    """Return the messages that are not done, the oldest first, at most 500, and the `last` that are.

    `tests`: also those left in test calls. Raises NotAllowedError, DatabaseError, NotOnRecordError.
    """
    require(actor, Permission.TAKE_CALLS)
    listed = await messages.latest(office.engine, last, tests=tests)
    await put_list_on_record(office, actor, "messages", len(listed), reading, last=last)
    return listed


async def own(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Return a message that the actor has taken; to a user of the machine, any. Raises as `take` does."""
    require(actor, Permission.TAKE_CALLS)
    message = await messages.find(office.engine, identity)
    if actor.role is not None and message.taken_by != actor.id:
        raise MessageTakenError(message)
    return message


async def take(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Take a message to work on it; return it as it is now. Idempotent.

    Raises NotAllowedError, NotFoundError, MessageTakenError if somebody else has it or it is done, DatabaseError.
    """
    free = Message.done.is_(None) & or_(Message.taken_by.is_(None), Message.taken_by == actor.id)
    columns = {"taken_by": actor.id, "taken": func.coalesce(Message.taken, office.now())}
    return await _change(office, actor, identity, free, "message_taken", columns)


async def release(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Let others take a message again: one of their own, or anybody's for whoever supervises. Raises as `take` does."""
    is_taken = Message.taken_by.is_not(None) if actor.may(Permission.SUPERVISE) else Message.taken_by == actor.id
    columns = {"taken_by": None, "taken": None}
    return await _change(office, actor, identity, Message.done.is_(None) & is_taken, "message_released", columns)


async def finish(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Note that nothing is left to do. Raises as `take` does."""
    free = Message.done.is_(None) & or_(Message.taken_by.is_(None), Message.taken_by == actor.id)
    columns = {"done": office.now(), "done_by": actor.id}
    return await _change(office, actor, identity, free, "message_done", columns)


async def hear(office: Office, actor: Actor, message: VoiceMessage) -> None:
    """Put on record that the actor hears a message, as `own` has returned it, and note who was the first.

    Raises NotAllowedError, NotOnRecordError; DatabaseError if only who was the first is not noted.
    """
    require(actor, Permission.TAKE_CALLS)
    about = f"message:{message.id}"
    reason = "command" if actor.role is None else "task"  # they have taken it
    record(office, actor, Read.MESSAGE, about, Why(reason, str(message.call_id), about), {})
    if message.heard is None:
        columns = {"heard": office.now(), "heard_by": actor.id}
        await _changed(office, actor, message.id, Message.heard.is_(None), "message_heard", columns)


async def _change(
    office: Office, actor: Actor, identity: UUID, where: ColumnElement[bool], act: str, columns: Mapping[str, Any]
) -> VoiceMessage:
    require(actor, Permission.TAKE_CALLS)
    changed = await _changed(office, actor, identity, where, act, columns)
    if changed is None:
        raise MessageTakenError(await messages.find(office.engine, identity))
    return changed


async def _changed(
    office: Office, actor: Actor, identity: UUID, where: ColumnElement[bool], act: str, columns: Mapping[str, Any]
) -> VoiceMessage | None:
    """Change a message if it is as `where` says, with an entry in the audit; return it as it is now, None if not."""
    change = update(Message).where(Message.id == identity, where).values(columns).returning(*messages.COLUMNS)
    async with writing(office.engine) as connection:
        row = (await connection.execute(change)).one_or_none()
        if row is None:
            return None
        message = VoiceMessage(*row)
        audited = entry(office.now(), actor.id, act, f"message:{identity}").values(call_id=message.call_id)
        await connection.execute(audited)
        return message
