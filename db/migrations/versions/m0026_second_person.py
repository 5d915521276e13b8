"""Who has let whom in, and what people are told of their accounts; wrong passwords are counted by the desk itself."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from db.types import UTCDateTime

revision = "0026"
down_revision = "0025"

_CHANGES = "'link', 'password'"


def upgrade() -> None:
    anew: Literal["always", "auto"] = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    op.create_table(
        "account_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("told", UTCDateTime(), nullable=True),
        sa.Column("mailed", UTCDateTime(), nullable=True),
        sa.CheckConstraint(f"what IN ({_CHANGES})", name=op.f("ck_account_notice_what")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_notice")),
    )
    op.create_index(op.f("ix_account_notice_account_id_at"), "account_notice", ["account_id", "at"])
    op.create_table(
        "account_tie",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "by", name=op.f("pk_account_tie")),
    )
    with op.batch_alter_table("account_link", recreate=anew) as link:
        link.add_column(sa.Column("made_by", sa.Text(), nullable=True))
        link.add_column(sa.Column("notice_id", sa.Uuid(), nullable=True))
    with op.batch_alter_table("desk_session", recreate=anew) as session:
        session.add_column(sa.Column("notice_id", sa.Uuid(), nullable=True))
    with op.batch_alter_table("account", recreate=anew) as account:
        account.add_column(sa.Column("email", sa.Text(), nullable=True))
        account.drop_column("failures")
        account.drop_column("locked_until")


def downgrade() -> None:
    with op.batch_alter_table("account") as account:
        account.drop_column("email")
        account.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        account.add_column(sa.Column("locked_until", UTCDateTime(), nullable=True))
    with op.batch_alter_table("desk_session") as session:
        session.drop_column("notice_id")
    with op.batch_alter_table("account_link") as link:
        link.drop_column("made_by")
        link.drop_column("notice_id")
    op.drop_table("account_tie")
    op.drop_table("account_notice")
