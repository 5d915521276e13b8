"""Accounts of people who may only try the line."""

from alembic import op

revision = "0018"
down_revision = "0017"

_BEFORE = ("operator", "supervisor", "administrator")


def _set(roles: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{role}'" for role in roles)
    with op.batch_alter_table("account") as account:
        account.drop_constraint(op.f("ck_account_role"), type_="check")
        account.create_check_constraint(op.f("ck_account_role"), f"role IN ({allowed})")


def upgrade() -> None:
    _set((*_BEFORE, "visitor"))


def downgrade() -> None:
    op.execute("UPDATE account SET disabled = CURRENT_TIMESTAMP, role = 'operator' WHERE role = 'visitor'")
    _set(_BEFORE)
