"""Alembic's environment. The connection, with its transaction and its lock, comes from `db.upgrade`."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, False_, True_

from db.tables import Table
from db.types import Id, UTCDateTime


def plain(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Render types so that a migration never changes later: SQLAlchemy's types, not ours, and none of a single
    dialect."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Id):
        return "sa.Uuid()"
    if kind == "type" and isinstance(item, JSON):
        return "JSON"
    if kind == "server_default" and isinstance(item.arg, True_ | False_):
        return "sa.true()" if isinstance(item.arg, True_) else "sa.false()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite changes a table by recreating it
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
