"""What reports read of a day that is over, as one value; deleted when anything of the day changes."""

import sqlalchemy as sa
from alembic import op

from db.report_triggers import removing, statements

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "report_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("columns", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_day")),
    )
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in removing(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("report_day")
