"""Events about requests are called requests: their kinds, and the request's id in their data."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KINDS = {
    "wish_refused": "request_refused",
    "told_wished": "case_call_requested",
    "told_refused": "case_call_refused",
}


def upgrade() -> None:
    _rename(_KINDS, "wish", "request")


def downgrade() -> None:
    _rename({new: old for old, new in _KINDS.items()}, "request", "wish")


def _rename(kinds: dict[str, str], old: str, new: str) -> None:
    """Rename kinds of events, and a member of the data of events about call-backs, in one pass over the table."""
    connection = op.get_bind()
    table = sa.table("call_event", sa.column("kind", sa.Text()), sa.column("data"))
    data, function = table.c.data, sa.func
    has: sa.ColumnElement[bool]
    renamed: sa.ColumnElement[Any]
    if connection.dialect.name == "postgresql":
        before: sa.ColumnElement[str] = sa.literal_column(f"'{old}'")
        after: sa.ColumnElement[str] = sa.literal_column(f"'{new}'")
        has = function.jsonb_exists(data, before)
        renamed = data.op("-")(before).op("||")(function.jsonb_build_object(after, data.op("->")(before)))
    else:
        has = function.json_type(data, f"$.{old}").is_not(None)
        moved = function.json_set(data, f"$.{new}", function.json_extract(data, f"$.{old}"))
        renamed = function.json_remove(moved, f"$.{old}")
    about_callback = table.c.kind.like("callback%") & has
    connection.execute(
        table.update()
        .where(table.c.kind.in_(kinds) | about_callback)
        .values(
            kind=sa.case(kinds, value=table.c.kind, else_=table.c.kind),
            data=sa.case((about_callback, renamed), else_=data),
        )
    )
