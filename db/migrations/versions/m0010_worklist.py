"""Voice messages and requests for the guide in writing are taken by one person, and messages are done at some time."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _anew() -> Literal["always", "auto"]:  # as in 0002
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _outcomes() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint("outcome IN ('sent', 'not_possible', 'withdrawn')", name=op.f("ck_guide_request_outcome")),
    )


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _person(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=True)


def upgrade() -> None:
    with op.batch_alter_table("guide_request", recreate=_anew(), table_args=_outcomes()) as request:
        request.add_column(_instant("taken"))
        request.add_column(_person("taken_by"))
    with op.batch_alter_table("message", recreate=_anew()) as message:
        message.add_column(_instant("taken"))
        message.add_column(_person("taken_by"))
        message.add_column(_instant("done"))
        message.add_column(_person("done_by"))
    # Nothing is left to do for a message whose case is closed, or whose audio is erased.
    op.execute(
        "UPDATE message SET done = (SELECT closed FROM case_file WHERE reference = message.case_reference) "
        "WHERE case_reference IS NOT NULL"
    )
    op.execute("UPDATE message SET done = erased WHERE done IS NULL")
    to_do = sa.text("done IS NULL")
    op.create_index("ix_message_to_do", "message", ["at"], sqlite_where=to_do, postgresql_where=to_do)


def downgrade() -> None:
    op.drop_index("ix_message_to_do", "message")
    with op.batch_alter_table("message", recreate=_anew()) as message:
        for name in ("done_by", "done", "taken_by", "taken"):
            message.drop_column(name)
    with op.batch_alter_table("guide_request", recreate=_anew(), table_args=_outcomes()) as request:
        for name in ("taken_by", "taken"):
            request.drop_column(name)
