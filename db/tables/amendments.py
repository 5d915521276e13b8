"""Amendments of the guide, from their proposal to their release, and questions of callers that were dealt with.

The control API writes these tables directly: people wait for the answer, and nothing of a call depends on them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, true
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import AmendmentState
from db.tables.base import Table, one_of


class Amendment(Table):
    """New texts of one procedure of the guide. One person proposes it, another one releases or refuses it."""

    __tablename__ = "amendment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    procedure: Mapped[str]
    texts: Mapped[dict[str, Any]]  # by the text's id, then by language
    before: Mapped[dict[str, Any]]  # what callers heard when it was proposed, in the same form
    meaning: Mapped[bool] = mapped_column(server_default=true())  # the facts have changed: languages without it lag
    why: Mapped[str | None]
    proposed: Mapped[datetime]
    proposed_by: Mapped[str]
    state: Mapped[str]
    decided: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]  # why it was refused, or could not be released
    change_id: Mapped[str | None]  # of the site's files
    taken_back: Mapped[datetime | None]
    taken_back_by: Mapped[str | None]

    __table_args__ = (one_of("state", AmendmentState), Index(None, "procedure", "proposed"), Index(None, "proposed"))


class QuestionDone(Table):
    """A question that callers ask and somebody has dealt with; it comes up again if it is asked after that."""

    __tablename__ = "question_done"

    question: Mapped[str] = mapped_column(primary_key=True)  # its kind, and what it is about
    done: Mapped[datetime]
    done_by: Mapped[str]
    note: Mapped[str | None]
