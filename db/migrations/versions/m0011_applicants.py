"""Case files have their applicant's name, and the same name as it is looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for name in ("applicant", "applicant_folded"):
        op.add_column("case_file", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("applicant_folded", "applicant"):
        op.drop_column("case_file", name)
