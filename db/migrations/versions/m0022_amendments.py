"""Amendments of the guide, and questions of callers that were dealt with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"

_STATES = "'proposed', 'releasing', 'released', 'refused', 'withdrawn', 'taken_back'"


def upgrade() -> None:
    json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    op.create_table(
        "amendment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("texts", json, nullable=False),
        sa.Column("before", json, nullable=False),
        sa.Column("meaning", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("proposed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("change_id", sa.Text(), nullable=True),
        sa.Column("taken_back", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_back_by", sa.Text(), nullable=True),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_amendment_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amendment")),
    )
    op.create_index(op.f("ix_amendment_procedure_proposed"), "amendment", ["procedure", "proposed"])
    op.create_index(op.f("ix_amendment_proposed"), "amendment", ["proposed"])
    op.create_table(
        "question_done",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("done", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("question", name=op.f("pk_question_done")),
    )


def downgrade() -> None:
    op.drop_table("question_done")
    op.drop_table("amendment")
