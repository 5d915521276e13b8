"""Since when an account's operator is no longer in the site's list."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from db.types import UTCDateTime

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    anew: Literal["always", "auto"] = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("account", recreate=anew) as account:
        account.add_column(sa.Column("gone", UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("account") as account:
        account.drop_column("gone")
