"""A case has a version, which each change compares; a change that met a newer one is kept for its author."""

from typing import Literal

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0029"
down_revision = "0028"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _anew() -> Literal["always", "auto"]:  # as in 0002
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _words() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "kind IN ('enquiry', 'procedure', 'complaint', 'suggestion', 'observation', 'message', 'callback')",
            name=op.f("ck_case_file_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'in_progress', 'incomplete', 'ready', 'closed')", name=op.f("ck_case_file_state")
        ),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name=op.f("ck_case_file_priority")),
    )


def upgrade() -> None:
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        case.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "case_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("case_reference", sa.String(9), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_change")),
    )
    op.create_index(op.f("ix_case_change_case_reference"), "case_change", ["case_reference"])
    to_do = sa.text("done IS NULL")
    op.create_index("ix_case_change_to_do", "case_change", ["author", "at"], postgresql_where=to_do, sqlite_where=to_do)


def downgrade() -> None:
    op.drop_table("case_change")
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        case.drop_column("version")
