"""All tables.

There are no foreign keys: rows arrive through the journals of several nodes in no common order, and a parent row that
was refused or erased must not take its children along. Use outer joins.

`node` is Asterisk's `systemname`, never a node of the flow (that is `flow_node`). Instants are UTC. Telephone numbers
are E.164 with `+`. Operators' ids are those of `operators.csv`. A case reference is stored as nine digits without
hyphens. The first record of a row must have all NOT NULL columns without a default; later records have what has
changed.
"""

from db.tables.accounts import Account, AccountFactor, AccountLink, AccountNotice, AccountTie, DeskSession, WallLink
from db.tables.administration import Audit, HoursOverride, JournalPosition
from db.tables.amendments import Amendment, QuestionDone
from db.tables.base import Appended, Table
from db.tables.calls import Call, Caller, CallEvent, Recording, ScoreSheet, SurveyAnswer
from db.tables.cases import Callback, CallbackTry, CaseChange, CaseFile, CaseNote, CaseReference, GuideRequest, Message
from db.tables.floor import Decision, Offer, Operator, OperatorStateRecord, Pairing, Shift, ShiftSwap
from db.tables.queue_log import QueueLog, QueueLogPosition
from db.tables.reports import ReportMail

UNJOURNALLED = frozenset(
    {
        "journal_position",
        "case_reference",
        "account",
        "account_factor",
        "account_link",
        "account_notice",
        "account_tie",
        "desk_session",
        "queue_log",
        "queue_log_position",
        "amendment",
        "question_done",
        "wall_link",
        "report_mail",
        "shift_swap",
    }
)
"""Tables that are not written through a journal."""

FORMER = frozenset({"report_day"})
"""Tables that earlier versions had. Their rows were made from those of others; they are not copied."""

__all__ = [
    "FORMER",
    "UNJOURNALLED",
    "Account",
    "AccountFactor",
    "AccountLink",
    "AccountNotice",
    "AccountTie",
    "Amendment",
    "Appended",
    "Audit",
    "Call",
    "CallEvent",
    "Callback",
    "CallbackTry",
    "Caller",
    "CaseChange",
    "CaseFile",
    "CaseNote",
    "CaseReference",
    "Decision",
    "DeskSession",
    "GuideRequest",
    "HoursOverride",
    "JournalPosition",
    "Message",
    "Offer",
    "Operator",
    "OperatorStateRecord",
    "Pairing",
    "QuestionDone",
    "QueueLog",
    "QueueLogPosition",
    "Recording",
    "ReportMail",
    "ScoreSheet",
    "Shift",
    "ShiftSwap",
    "SurveyAnswer",
    "Table",
    "WallLink",
]
