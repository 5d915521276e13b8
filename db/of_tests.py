"""Work from test calls: it is marked, and stands in no list of work unless somebody asks for it."""

from typing import Any

from sqlalchemy import ColumnElement, exists, select

from db.tables import Call


def is_of_test(call_id: Any) -> ColumnElement[bool]:
    """Return the condition that a row comes from a test call. `call_id`: the row's column."""
    return exists(select(Call.id).where(Call.id == call_id, Call.live.is_(False)).correlate_except(Call))
