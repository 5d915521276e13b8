"""Amendments of the guide as plain data, without SQLAlchemy, which is slow to load."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

Texts = Mapping[str, Mapping[str, str]]
"""By the text's id, then by language."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """New texts of a procedure.

    `before`: what callers heard when it was proposed. `meaning`: whether the facts have changed, so that languages
    without a new text lag behind. `state`: a value of `db.enums.AmendmentState`. `change_id`: the change of the site's
    files that releases it.
    """

    id: UUID
    procedure: str
    texts: Texts
    before: Texts
    meaning: bool
    why: str | None
    proposed: datetime
    proposed_by: str
    state: str
    decided: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    change_id: str | None = None
    taken_back: datetime | None = None
    taken_back_by: str | None = None
