"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def index_where(name: str, table: str, columns: list[str], where: str, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("data", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", "seq", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_call_id", "audit", ["call_id"])
    op.create_table(
        "call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=True),
        sa.Column("live", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("caller", sa.Text(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("flow_version", sa.Text(), nullable=True),
        sa.Column("path", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("operator_id", sa.Text(), nullable=True),
        sa.Column("case_reference", sa.String(length=9), nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("line_answered", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queued", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dequeued", sa.DateTime(timezone=True), nullable=True),
        sa.Column("connected", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hangup_cause", sa.Integer(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('answered', 'abandoned', 'left_menu', 'self_served', 'message', 'callback', 'closed', "
            "'fallback', 'failed')",
            name=op.f("ck_call_outcome"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_caller_started", "call", ["caller", "started"])
    op.create_index("ix_call_case_reference", "call", ["case_reference"])
    index_where("ix_call_going_on", "call", ["node"], "ended IS NULL")
    op.create_index("ix_call_operator_id_connected", "call", ["operator_id", "connected"])
    op.create_index("ix_call_queued", "call", ["queued"])
    op.create_index("ix_call_started", "call", ["started"])
    op.create_table(
        "call_event",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("flow_node", sa.Text(), nullable=True),
        sa.Column("data", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", "seq", name="pk_call_event"),
    )
    op.create_index("ix_call_event_call_id_boot_seq", "call_event", ["call_id", "boot", "seq"])
    op.create_table(
        "callback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="wished", nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("case_reference", sa.String(length=9), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("operator_id", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tried", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dialled_call_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('waiting', 'closed', 'case', 'operator')", name=op.f("ck_callback_kind")),
        sa.CheckConstraint(
            "state IN ('wished', 'ringing_operator', 'ringing_caller', 'connected', 'done', 'failed', 'cancelled')",
            name=op.f("ck_callback_state"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_callback"),
    )
    op.create_index("ix_callback_call_id", "callback", ["call_id"])
    op.create_index("ix_callback_number_wished", "callback", ["number", "wished"])
    index_where("ix_callback_pending", "callback", ["due"], "ended IS NULL")
    op.create_table(
        "caller",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("last_call_id", sa.Uuid(), nullable=True),
        sa.Column("last_called", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pin_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pin_locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_caller"),
    )
    op.create_table(
        "case_file",
        sa.Column("reference", sa.String(length=9), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("post", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("caller", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("expected", sa.Date(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notify_number", sa.Text(), nullable=True),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("pin_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pin_locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('enquiry', 'procedure', 'complaint', 'suggestion', 'observation', 'message', 'callback')",
            name=op.f("ck_case_file_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'in_progress', 'incomplete', 'ready', 'closed')", name=op.f("ck_case_file_state")
        ),
        sa.PrimaryKeyConstraint("reference", name="pk_case_file"),
    )
    op.create_index("ix_case_file_call_id", "case_file", ["call_id"])
    op.create_index("ix_case_file_caller_opened", "case_file", ["caller", "opened"])
    index_where("ix_case_file_due", "case_file", ["due"], "closed IS NULL")
    op.create_index("ix_case_file_opened", "case_file", ["opened"])
    index_where("ix_case_file_owner", "case_file", ["owner"], "closed IS NULL")
    op.create_table(
        "case_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("case_reference", sa.String(length=9), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_note"),
    )
    op.create_index("ix_case_note_case_reference_at", "case_note", ["case_reference", "at"])
    op.create_table(
        "decision",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("operator_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("data", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", "seq", name="pk_decision"),
    )
    op.create_index("ix_decision_at", "decision", ["at"])
    op.create_index("ix_decision_call_id_boot_seq", "decision", ["call_id", "boot", "seq"])
    op.create_table(
        "hours_override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("begins", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('open', 'closed', 'holiday', 'no_holiday')", name=op.f("ck_hours_override_kind")),
        sa.CheckConstraint("(day IS NULL) <> (begins IS NULL)", name=op.f("ck_hours_override_day_or_begins")),
        sa.PrimaryKeyConstraint("id", name="pk_hours_override"),
    )
    index_where("ix_hours_override_in_force", "hours_override", ["made"], "cancelled IS NULL")
    op.create_table(
        "journal_position",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("file_number", sa.Integer(), nullable=False),
        sa.Column("file_offset", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", name="pk_journal_position"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("case_reference", sa.String(length=9), nullable=True),
        sa.Column("caller", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_by", sa.Text(), nullable=True),
        sa.Column("erased", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
    )
    op.create_index("ix_message_call_id", "message", ["call_id"])
    op.create_index("ix_message_case_reference", "message", ["case_reference"])
    index_where("ix_message_unheard", "message", ["at"], "heard IS NULL")
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="ringing", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("offered", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('ringing', 'accepted', 'refused', 'no_answer', 'unreachable', 'withdrawn')",
            name=op.f("ck_offer_state"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_offer"),
    )
    op.create_index("ix_offer_call_id", "offer", ["call_id"])
    op.create_index("ix_offer_operator_id_offered", "offer", ["operator_id", "offered"])
    index_where("ix_offer_ringing", "offer", ["node"], "ended IS NULL")
    op.create_table(
        "operator",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("languages", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("topics", JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("supervisor", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_operator"),
    )
    op.create_table(
        "operator_state",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("boot", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('away', 'ready', 'offered', 'talking', 'wrapping_up', 'paused')",
            name=op.f("ck_operator_state_state"),
        ),
        sa.PrimaryKeyConstraint("node", "boot", "seq", name="pk_operator_state"),
    )
    op.create_index("ix_operator_state_at", "operator_state", ["at"])
    op.create_index(
        "ix_operator_state_operator_id_node_boot_seq", "operator_state", ["operator_id", "node", "boot", "seq"]
    )
    op.create_table(
        "pairing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), server_default="operator", nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("role IN ('operator', 'interpreter', 'consulted')", name=op.f("ck_pairing_role")),
        sa.PrimaryKeyConstraint("id", name="pk_pairing"),
    )
    op.create_index("ix_pairing_call_id", "pairing", ["call_id"])
    op.create_index("ix_pairing_operator_id_began", "pairing", ["operator_id", "began"])
    index_where("uq_pairing_open_call", "pairing", ["call_id"], "ended IS NULL AND role = 'operator'", unique=True)
    index_where("uq_pairing_open_operator", "pairing", ["operator_id"], "ended IS NULL", unique=True)
    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("consented", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent_key", sa.Text(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("consent_language", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("erased", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
    )
    op.create_index("ix_recording_call_id", "recording", ["call_id"])
    op.create_index("ix_recording_started", "recording", ["started"])
    op.create_table(
        "shift",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("begins", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "begins", name="pk_shift"),
    )
    op.create_index("ix_shift_begins", "shift", ["begins"])
    op.create_table(
        "survey_answer",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("operator_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("answer BETWEEN 1 AND 5", name=op.f("ck_survey_answer_answer")),
        sa.PrimaryKeyConstraint("call_id", "question", name="pk_survey_answer"),
    )
    op.create_index("ix_survey_answer_at", "survey_answer", ["at"])
    op.create_index("ix_survey_answer_operator_id_at", "survey_answer", ["operator_id", "at"])


def downgrade() -> None:
    for table in (
        "audit",
        "call",
        "call_event",
        "callback",
        "caller",
        "case_file",
        "case_note",
        "decision",
        "hours_override",
        "journal_position",
        "message",
        "offer",
        "operator",
        "operator_state",
        "pairing",
        "recording",
        "shift",
        "survey_answer",
    ):
        op.drop_table(table)
