"""Reports read the tables of calls: the days that were kept for them are gone, and the triggers that deleted them."""

from db.migrations.versions import m0024_report_day

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    m0024_report_day.downgrade()


def downgrade() -> None:
    m0024_report_day.upgrade()  # empty: the version before fills it
