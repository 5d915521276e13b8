"""Amendments of the guide: proposed by one person, refused by another, or withdrawn.

The controller releases them and takes them back (`ivr.api.amendments`), since that changes what the next call hears.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Insert

from db import amendments
from db.amendment_data import Amendment, Texts
from db.audit import entry
from db.engine import writing
from db.enums import AmendmentState
from db.ids import uuid7
from db.second_person import objections
from ivr.model.text import one_line
from office.context import Office
from office.people import Actor, NotAllowedError, Permission, require
from prompts import text_rules
from wire.errors import UserError

LONGEST_WHY = 500
"""Characters."""


class AmendmentError(UserError):
    """An amendment that cannot be made, or decided about: a sentence, and the code of the rule."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


async def propose(
    office: Office, actor: Actor, procedure: str, texts: Texts, heard: Texts, *, meaning: bool = True, why: str = ""
) -> Amendment:
    """Propose new texts. Nothing changes before another person has released them.

    Args:
        heard: All texts of the procedure, by id and language of the site, as callers hear them now.
        meaning: Whether the facts have changed, so that languages without a new text lag behind.

    Raises:
        AmendmentError: Callers hear all this already (`nothing`), or a text cannot be (`unspeakable`).
        NotAllowedError, DatabaseError: As their names say.
    """
    require(actor, Permission.SUPERVISE)
    new: dict[str, dict[str, str]] = {}
    before: dict[str, dict[str, str]] = {}
    for text_id, by_language in texts.items():
        for language, written in by_language.items():
            if language not in heard.get(text_id, {}):
                sentence = f"The procedure {procedure} has no text {text_id[:80]!r} in {language!r}."
                raise AmendmentError(sentence, "unspeakable")
            text, now = _speakable(language, written), heard[text_id][language]
            if text != now:
                new.setdefault(text_id, {})[language] = text
                before.setdefault(text_id, {})[language] = now
    if not new:
        raise AmendmentError("Callers hear these words already.", "nothing")
    amendment = Amendment(
        id=uuid7(),
        procedure=procedure,
        texts=new,
        before=before,
        meaning=meaning,
        why=one_line(why.strip(), LONGEST_WHY) or None,
        proposed=office.now(),
        proposed_by=actor.id,
        state=AmendmentState.PROPOSED.value,
    )
    async with writing(office.engine) as connection:
        await amendments.propose(connection, amendment)
        await connection.execute(_audited(office, actor, "amendment_proposed", amendment))
    return amendment


async def refuse(office: Office, actor: Actor, identity: UUID, why: str) -> None:
    """Refuse an amendment.

    Raises NotAllowedError, NotFoundError, DatabaseError, and AmendmentError: `own` for whoever proposed it, who can
    withdraw it; `let_in` for somebody whom they have let in, or who has let them in; `taken` if it is decided already.
    """
    require(actor, Permission.SUPERVISE)
    amendment = await amendments.find(office.engine, identity)
    for objection in await objections(office.engine, actor.id, amendment.proposed_by):
        raise AmendmentError(objection.sentence, objection.code)
    await _decide(office, actor, amendment, AmendmentState.REFUSED, "amendment_refused", one_line(why, LONGEST_WHY))


async def withdraw(office: Office, actor: Actor, identity: UUID) -> None:
    """Withdraw an amendment of one's own. Raises as `refuse` does."""
    require(actor, Permission.SUPERVISE)
    amendment = await amendments.find(office.engine, identity)
    if amendment.proposed_by != actor.id:
        raise NotAllowedError("Only whoever proposed an amendment can withdraw it; refuse it instead.")
    await _decide(office, actor, amendment, AmendmentState.WITHDRAWN, "amendment_withdrawn")


async def _decide(
    office: Office, actor: Actor, amendment: Amendment, state: AmendmentState, act: str, reason: str = ""
) -> None:
    decided: Mapping[str, Any] = {"decided": office.now(), "decided_by": actor.id}
    kept = {**decided, "reason": reason} if reason else decided
    async with writing(office.engine) as connection:
        if not await amendments.decide(connection, amendment.id, AmendmentState.PROPOSED, state, **kept):
            raise AmendmentError("Somebody else has just decided about this amendment.", "taken")
        await connection.execute(_audited(office, actor, act, amendment, reason))


def _speakable(language: str, written: str) -> str:
    """Return a text as it is spoken. Raises AmendmentError if it cannot be."""
    text = " ".join(written.split())
    if not text:
        raise AmendmentError(f"A text in {language} is empty.", "unspeakable")
    for finding in text_rules.findings(text, language):
        if finding.code.startswith("E_"):
            raise AmendmentError(f"{language}: {finding.found}; {finding.remedy}.", "unspeakable")
    return text


def _audited(office: Office, actor: Actor, act: str, amendment: Amendment, reason: str = "") -> Insert:
    languages = sorted({language for texts in amendment.texts.values() for language in texts})
    data = {"amendment": str(amendment.id), "texts": len(amendment.texts), "languages": " ".join(languages)}
    return entry(office.now(), actor.id, act, f"guide:{amendment.procedure}", **data).values(reason=reason or None)
