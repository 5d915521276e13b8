"""Case files have the day of their PIN, and count wrong PINs from the applicant's own number apart from others."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_INSTANTS = ("pin_given", "pin_own_locked_until")
_FAILURES = "pin_own_failures"


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
        for name in _INSTANTS:
            case.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        case.add_column(sa.Column(_FAILURES, sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("case_file", recreate=_anew(), table_args=_words()) as case:
        for name in (_FAILURES, *reversed(_INSTANTS)):
            case.drop_column(name)
