"""Call-backs: mark our own calls, claim requests, and keep the numbers dialled for them."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# SQLite copies the table and does not report its checks, so they are given here.


def _anew() -> Literal["always", "auto"]:
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _outcome() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "outcome IN ('answered', 'abandoned', 'left_menu', 'self_served', 'message', 'callback', 'closed', "
            "'fallback', 'failed')",
            name=op.f("ck_call_outcome"),
        ),
    )


def _words() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint("kind IN ('waiting', 'closed', 'case', 'operator')", name=op.f("ck_callback_kind")),
        sa.CheckConstraint(
            "state IN ('wished', 'ringing_operator', 'ringing_caller', 'connected', 'done', 'failed', 'cancelled')",
            name=op.f("ck_callback_state"),
        ),
    )


def upgrade() -> None:
    with op.batch_alter_table("call", recreate=_anew(), table_args=_outcome()) as call:
        call.add_column(sa.Column("outgoing", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("callback", recreate=_anew(), table_args=_words()) as callback:
        callback.add_column(sa.Column("claimed_node", sa.Text(), nullable=True))
        callback.add_column(sa.Column("claimed_boot", sa.Uuid(), nullable=True))
    op.create_table(
        "callback_try",
        sa.Column("callback_id", sa.Uuid(), nullable=False),
        sa.Column("try_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=True),
        sa.Column("dialled", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('reached', 'no_key', 'no_answer', 'busy', 'unreachable', 'lost')",
            name=op.f("ck_callback_try_outcome"),
        ),
        sa.PrimaryKeyConstraint("callback_id", "try_number", name="pk_callback_try"),
    )
    op.create_index("ix_callback_try_dialled", "callback_try", ["dialled"])
    op.create_index("ix_callback_try_number_dialled", "callback_try", ["number", "dialled"])


def downgrade() -> None:
    op.drop_table("callback_try")
    with op.batch_alter_table("callback", table_args=_words()) as callback:
        callback.drop_column("claimed_boot")
        callback.drop_column("claimed_node")
    with op.batch_alter_table("call", recreate=_anew(), table_args=_outcome()) as call:
        call.drop_column("outgoing")
