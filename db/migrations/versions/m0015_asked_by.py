"""Call-back requests have the number that they were made from; messages are found by caller and time."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


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
        callback.add_column(sa.Column("asked_by", sa.Text(), nullable=True))
    op.create_index("ix_callback_asked_by", "callback", ["asked_by"])
    op.create_index("ix_message_caller_at", "message", ["caller", "at"])


def downgrade() -> None:
    op.drop_index("ix_message_caller_at", "message")
    op.drop_index("ix_callback_asked_by", "callback")
    with op.batch_alter_table("callback", recreate=_anew(), table_args=_words()) as callback:
        callback.drop_column("asked_by")
