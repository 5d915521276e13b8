"""Case references are reserved in the database. Those of existing cases stay taken."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "case_reference",
        sa.Column("reference", sa.String(length=9), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("reserved", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_case_reference")),
    )
    op.execute("INSERT INTO case_reference (reference, node, reserved) SELECT reference, node, opened FROM case_file")


def downgrade() -> None:
    op.drop_table("case_reference")
