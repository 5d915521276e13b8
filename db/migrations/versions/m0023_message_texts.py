"""What a recogniser made of voice messages."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def _anew() -> Literal["always", "auto"]:  # as in 0002
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def upgrade() -> None:
    with op.batch_alter_table("message", recreate=_anew()) as table:
        table.add_column(sa.Column("text_language", sa.Text(), nullable=True))
        table.add_column(sa.Column("text_confidence", sa.Integer(), nullable=True))
        table.add_column(sa.Column("text_tries", sa.Integer(), nullable=True))
        table.add_column(sa.Column("text_why", sa.Text(), nullable=True))
        table.add_column(sa.Column("text_ended", sa.DateTime(timezone=True), nullable=True))
    where = sa.text("text_ended IS NULL")
    op.create_index("ix_message_to_transcribe", "message", ["at"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_message_to_transcribe", "message")
    with op.batch_alter_table("message", recreate=_anew()) as table:
        for column in ("text_ended", "text_why", "text_tries", "text_confidence", "text_language"):
            table.drop_column(column)
