"""What people note about the guide: what it does not have, what was sent of it, and which questions are dealt with."""

from collections.abc import Mapping
from uuid import UUID

from db.audit import entry
from db.engine import insert_of, writing
from db.tables import QuestionDone
from ivr.model.text import one_line
from office.context import Office
from office.people import Actor, Permission, require

LONGEST_NOTE = 500
_LONGEST_QUESTION, _LONGEST_DOMAIN = 300, 255
"""Characters."""


def note_gap(
    office: Office, actor: Actor, words: str, language: str, *, call: UUID | None = None, topic: str | None = None
) -> None:
    """Note that the guide does not have something; `hatif audit --act guide_gap` lists what is missing.

    Works while the database is away. Raises NotAllowedError.
    """
    require(actor, Permission.TAKE_CALLS)
    data = {"words": " ".join(words.split()), "language": language, "topic": topic}
    _note(office, actor, "guide_gap", "guide", call, data)


def note_sent(
    office: Office, actor: Actor, procedure: str, language: str, domain: str, *, call: UUID | None = None
) -> None:
    """Note that a procedure was sent to somebody by e-mail, without their address but for its domain.

    Works while the database is away. Raises NotAllowedError.
    """
    require(actor, Permission.TAKE_CALLS)
    data = {"language": language, "domain": one_line(domain.strip(), _LONGEST_DOMAIN)}
    _note(office, actor, "guide_sent", f"guide:{procedure}", call, data)


async def note_answered(office: Office, actor: Actor, question: str, note: str = "") -> None:
    """Note that a question that callers ask was dealt with. It comes up again if it is asked after this.

    Raises NotAllowedError, DatabaseError.
    """
    require(actor, Permission.SUPERVISE)
    key, reason, now = one_line(question, _LONGEST_QUESTION), one_line(note.strip(), LONGEST_NOTE) or None, office.now()
    row = {"done": now, "done_by": actor.id, "note": reason}
    async with writing(office.engine) as connection:
        done = insert_of(connection.dialect.name)(QuestionDone).values(question=key, **row)
        await connection.execute(done.on_conflict_do_update(index_elements=["question"], set_=row))
        await connection.execute(entry(now, actor.id, "question_done", key[:100]).values(reason=reason))


def _note(
    office: Office, actor: Actor, act: str, about: str, call: UUID | None, data: Mapping[str, str | None]
) -> None:
    row = {"at": office.now(), "by": actor.id, "act": act, "about": about, "call_id": call, "data": data}
    office.keep([("audit", row)])
