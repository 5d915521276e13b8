"""Where each session of the desk began, for its person, who can end it."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    anew: Literal["always", "auto"] = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("desk_session", recreate=anew) as session:
        session.add_column(sa.Column("source", sa.Text(), nullable=True))
        session.add_column(sa.Column("user_agent", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("desk_session") as session:
        session.drop_column("user_agent")
        session.drop_column("source")
