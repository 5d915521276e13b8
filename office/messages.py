"""Voice messages, worked off by one person each: listed, taken, given back, heard, and done."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, update

from db import messages
from db.audit import entry
from db.message_data import VoiceMessage
from db.tables import Message
from db.traces import Read
from office import taking
from office.context import Office
from office.people import Actor, Permission, require
from office.reading import Reading, Why, put_list_on_record, record
from office.taking import NOBODYS, TakenError


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
        raise _taken(message)
    return message


async def take(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Take a message to work on it; return it as it is now. Idempotent.

    Raises NotAllowedError, NotFoundError, TakenError if somebody else has it or it is done, DatabaseError.
    """
    columns = taking.taken_by(actor, Message, office.now())
    return await _change(office, actor, identity, taking.may_take(actor, Message), "message_taken", columns)


async def release(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Let others take a message again: one of their own, or anybody's for whoever supervises. Raises as `take` does."""
    may_give_back = taking.may_give_back(actor, Message)
    return await _change(office, actor, identity, may_give_back, "message_released", NOBODYS)


async def finish(office: Office, actor: Actor, identity: UUID) -> VoiceMessage:
    """Note that nothing is left to do. Raises as `take` does."""
    columns = {"done": office.now(), "done_by": actor.id}
    return await _change(office, actor, identity, taking.may_take(actor, Message), "message_done", columns)


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
    changed = await _changed(office, actor, identity, Message.done.is_(None) & where, act, columns)
    if changed is None:
        raise _taken(await messages.find(office.engine, identity))
    return changed


async def _changed(
    office: Office, actor: Actor, identity: UUID, where: ColumnElement[bool], act: str, columns: Mapping[str, Any]
) -> VoiceMessage | None:
    def audited(row: Any) -> Insert:
        return entry(office.now(), actor.id, act, f"message:{identity}").values(call_id=row.call_id)

    wanted = update(Message).where(Message.id == identity, where).values(columns).returning(*messages.COLUMNS)
    row = await taking.change(office, wanted, audited)
    return VoiceMessage(*row) if row is not None else None


def _taken(message: VoiceMessage) -> TakenError:
    owner = f"{message.taken_by} has that message." if message.taken_by else "Nobody has that message."
    return TakenError(f"{message.done_by} has done that message already." if message.done else owner)
