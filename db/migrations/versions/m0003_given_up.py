"""Call-backs: the first due time of a request, kept when the request is postponed."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _anew() -> Literal["always", "auto"]:  # as in 0002
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _words() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint("kind IN ('waiting', 'closed', 'case', 'operator')", name=op.f("ck_callback_kind")),
        sa.CheckConstraint(
            "state IN ('wished', 'ringing_operator', 'ringing_caller', 'connected', 'done', 'failed', 'cancelled')",
            name=op.f("ck_callback_state"),
        ),
    )


def upgrade() -> None:
    with op.batch_alter_table("callback", recreate=_anew(), table_args=_words()) as callback:
        callback.add_column(sa.Column("first_due", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("callback", table_args=_words()) as callback:
        callback.drop_column("first_due")
