"""What reports read of a day that is over, as one value; triggers delete it when anything of the day changes.

Until 0030. `hatif db downgrade` to a version in between needs it, and backups of these versions have the triggers.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

WITHOUT = "0030"
"""The migration that takes them away."""


def upgrade() -> None:
    op.create_table(
        "report_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("columns", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_day")),
    )
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in removing(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("report_day")


_COLUMNS = {
    "call": (
        "id", "live", "outgoing", "number", "country", "language", "topic", "outcome", "operator_id", "started",
        "queued", "dequeued", "connected", "ended",
    ),
    "pairing": ("call_id", "operator_id", "role", "began", "ended", "reason"),
    "offer": ("call_id", "operator_id", "state", "offered"),
    "operator_state": ("node", "boot", "seq", "at", "operator_id", "state", "reason", "call_id"),
}  # fmt: skip
"""The columns that are read of each table."""


def statements(dialect: str) -> Iterator[str]:
    """Yield the statements that create all triggers."""
    for table in _COLUMNS:
        if dialect == "postgresql":
            yield from _postgresql(table)
        else:
            yield from _sqlite(table)


def removing(dialect: str) -> Iterator[str]:
    """Yield the statements that remove them."""
    for table in _COLUMNS:
        if dialect == "postgresql":
            yield f"DROP TRIGGER IF EXISTS report_day ON {table}"
            yield f"DROP FUNCTION IF EXISTS report_day_of_{table}()"
        else:
            for event in _EVENTS:
                yield f"DROP TRIGGER IF EXISTS report_day_{table}_{event}"


_EVENTS = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


def _days(table: str, row: str, dialect: str) -> Iterator[str]:
    """Yield queries for the days in which a row is read."""

    def day(at: str) -> str:
        return f"(({at}) AT TIME ZONE 'UTC')::date" if dialect == "postgresql" else f"substr({at}, 1, 10)"

    match table:
        case "call":
            yield f"SELECT {day(f'coalesce({row}.queued, {row}.started)')}"
            # Whether it is a test call counts for its conversations and offers.
            yield f"SELECT {day('began')} FROM pairing WHERE call_id = {row}.id"
            yield f"SELECT {day('offered')} FROM offer WHERE call_id = {row}.id"
        case "pairing":
            yield f"SELECT {day(f'{row}.began')}"
            # The length of a call's conversations is read with the call, and who else had it with each of them.
            yield f"SELECT {day('coalesce(queued, started)')} FROM call WHERE id = {row}.call_id"
            yield f"SELECT {day('began')} FROM pairing WHERE call_id = {row}.call_id"
        case "offer":
            yield f"SELECT {day(f'{row}.offered')}"
        case _:
            yield f"SELECT {day(f'{row}.at')}"


def _sqlite(table: str) -> Iterator[str]:
    for event, rows in _EVENTS.items():
        when = f"UPDATE OF {', '.join(_COLUMNS[table])}" if event == "update" else event.upper()
        deletes = "".join(
            f"DELETE FROM report_day WHERE day IN ({query}); " for row in rows for query in _days(table, row, "sqlite")
        )
        yield f"CREATE TRIGGER report_day_{table}_{event} AFTER {when} ON {table} BEGIN {deletes}END"


def _postgresql(table: str) -> Iterator[str]:
    def deletes(row: str) -> str:
        queries = " UNION ".join(_days(table, row, "postgresql"))
        # A transaction that sees the database as it was does not see a day that was kept since, and could not delete
        # it. Adding the same day then fails, as its writer has to expect, and may be tried again.
        return f"""
            IF current_setting('transaction_isolation') <> 'read committed' THEN
                INSERT INTO report_day (day, version, columns)
                    SELECT day, 0, '' FROM ({queries}) AS found (day) WHERE day IS NOT NULL ON CONFLICT DO NOTHING;
            END IF;
            DELETE FROM report_day WHERE day IN ({queries});
        """

    yield f"""
        CREATE FUNCTION report_day_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN {deletes("OLD")} END IF;
            IF TG_OP <> 'DELETE' THEN {deletes("NEW")} END IF;
            RETURN NULL;
        END $$
    """
    yield (
        f"CREATE TRIGGER report_day AFTER INSERT OR DELETE OR UPDATE OF {', '.join(_COLUMNS[table])} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION report_day_of_{table}()"
    )
