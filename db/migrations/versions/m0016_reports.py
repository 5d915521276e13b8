"""Reports and the desk's figures find operators' states, conversations and offers by their time."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    columns = ["operator_id", "at", "boot", "seq", "state", "reason", "call_id"]
    op.create_index(op.f(f"ix_operator_state_{'_'.join(columns)}"), "operator_state", columns)
    op.create_index(op.f("ix_pairing_began"), "pairing", ["began"])
    op.create_index(op.f("ix_offer_offered"), "offer", ["offered"])
    fallback = sa.text("outcome = 'fallback'")
    op.create_index("ix_call_fallback", "call", ["connected"], sqlite_where=fallback, postgresql_where=fallback)


def downgrade() -> None:
    op.drop_index("ix_call_fallback", "call")
    op.drop_index(op.f("ix_offer_offered"), "offer")
    op.drop_index(op.f("ix_pairing_began"), "pairing")
    op.drop_index(op.f("ix_operator_state_operator_id_at_boot_seq_state_reason_call_id"), "operator_state")
