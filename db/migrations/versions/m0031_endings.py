"""How a conversation ended, as its operator says."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    anew: Literal["always", "auto"] = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("call", recreate=anew) as call:
        call.add_column(sa.Column("ending", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("call") as call:
        call.drop_column("ending")
