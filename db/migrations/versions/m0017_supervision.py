"""Links to the wallboard for screens on walls, and scores of recorded conversations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "wall_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("names", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wall_link")),
    )
    op.create_index(op.f("ix_wall_link_token_hash"), "wall_link", ["token_hash"], unique=True)
    op.create_table(
        "score_sheet",
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("recorded", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scores", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("remark", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "by", name=op.f("pk_score_sheet")),
    )
    op.create_index(op.f("ix_score_sheet_recorded"), "score_sheet", ["recorded"])
    op.create_index(op.f("ix_score_sheet_operator_id_at"), "score_sheet", ["operator_id", "at"])


def downgrade() -> None:
    op.drop_table("score_sheet")
    op.drop_table("wall_link")
