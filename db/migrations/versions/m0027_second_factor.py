"""Second factors of accounts, how sessions have passed them, and what people are told of them."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from db.types import UTCDateTime

revision = "0027"
down_revision = "0026"

_CHANGES = "'link', 'password'"
_NEW_CHANGES = "'factor', 'factor_removed', 'code_again'"
_CHECK = "ck_account_notice_what"


def upgrade() -> None:
    op.create_table(
        "account_factor",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("created", UTCDateTime(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_factor")),
    )
    with op.batch_alter_table("desk_session", recreate=_anew()) as session:
        session.add_column(sa.Column("factor", sa.Text(), nullable=True))
        session.create_check_constraint(op.f("ck_desk_session_factor"), "factor IN ('code', 'server')")
    with op.batch_alter_table("account_notice", recreate=_anew()) as notice:
        notice.drop_constraint(op.f(_CHECK), type_="check")
        notice.create_check_constraint(op.f(_CHECK), f"what IN ({_CHANGES}, {_NEW_CHANGES})")


def downgrade() -> None:
    op.execute(f"DELETE FROM account_notice WHERE what IN ({_NEW_CHANGES})")  # noqa: S608 - our own words
    with op.batch_alter_table("account_notice", recreate=_anew()) as notice:
        notice.drop_constraint(op.f(_CHECK), type_="check")
        notice.create_check_constraint(op.f(_CHECK), f"what IN ({_CHANGES})")
    with op.batch_alter_table("desk_session", recreate=_anew()) as session:
        session.drop_constraint(op.f("ck_desk_session_factor"), type_="check")
        session.drop_column("factor")
    op.drop_table("account_factor")


def _anew() -> Literal["always", "auto"]:
    """Return how a table is changed: SQLite makes it anew."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"
