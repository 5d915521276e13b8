"""Swaps of shifts that operators ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"

_STATES = "'asked', 'agreed', 'declined', 'released', 'refused', 'withdrawn'"


def upgrade() -> None:
    op.create_table(
        "shift_swap",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("colleague_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_shift_swap_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_swap")),
    )
    op.create_index(op.f("ix_shift_swap_operator_id_begins"), "shift_swap", ["operator_id", "begins"])
    op.create_index(op.f("ix_shift_swap_ends"), "shift_swap", ["ends"])


def downgrade() -> None:
    op.drop_table("shift_swap")
