"""Case files have their applicant's name, and the same name as it is looked for."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_NAMES = ("applicant", "applicant_folded")


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
        sa.CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name=op.f("ck_case_file_priority")),
    )


def upgrade() -> None:
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        for name in _NAMES:
            case.add_column(sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        for name in reversed(_NAMES):
            case.drop_column(name)
