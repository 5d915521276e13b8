"""What happened in the queue can be read in the form of Asterisk's `queue_log`."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"

_TEXTS = ("callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")


def upgrade() -> None:
    op.create_table(
        "queue_log",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("time", sa.String(length=26), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_log")),
    )
    for name in ("at", "call_id"):
        op.create_index(op.f(f"ix_queue_log_{name}"), "queue_log", [name])
    op.create_table(
        "queue_log_position",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", name=op.f("pk_queue_log_position")),
    )


def downgrade() -> None:
    op.drop_table("queue_log_position")
    op.drop_table("queue_log")
