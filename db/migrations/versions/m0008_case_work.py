"""Case files have a priority, and a day on which to look at them again."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


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
    )


def upgrade() -> None:
    allowed, name = "priority IN ('low', 'normal', 'high', 'urgent')", op.f("ck_case_file_priority")
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    checks = (*_words(), sa.CheckConstraint(allowed, name=name)) if on_sqlite else ()
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=checks) as case:
        case.add_column(sa.Column("priority", sa.Text(), nullable=False, server_default="normal"))
        case.add_column(sa.Column("follow_up", sa.Date(), nullable=True))
    if not on_sqlite:
        op.create_check_constraint(
            op.f("ck_case_file_priority"), "case_file", "priority IN ('low', 'normal', 'high', 'urgent')"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_case_file_priority"), "case_file")
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        case.drop_column("follow_up")
        case.drop_column("priority")
