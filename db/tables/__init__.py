"""All tables.

No foreign keys: rows come through the journals of several nodes in no common order, and a parent that was refused or
erased must not take its children along. Whoever joins, joins outer.

`node` is Asterisk's `systemname`, never a node of the flow (that is `flow_node`). Instants are UTC. Telephone numbers
are E.164 with `+`. An operator's id is that of `operators.csv`. A case reference is its nine digits without hyphens.
Columns without a default that may not be NULL must be in the first record that names a row; later records bring what
has changed.
"""

from db.tables.base import Appended, Table
from db.tables.calls import Call, Caller, CallEvent, Recording, SurveyAnswer
from db.tables.cases import Callback, CallbackTry, CaseFile, CaseNote, CaseReference, Message
from db.tables.floor import Decision, Offer, Operator, OperatorStateRecord, Pairing, Shift
from db.tables.house import Audit, HoursOverride, JournalPosition

UNJOURNALLED = frozenset({"journal_position", "case_reference"})
"""Tables of which a journal has no records."""

__all__ = [
    "UNJOURNALLED",
    "Appended",
    "Audit",
    "Call",
    "CallEvent",
    "Callback",
    "CallbackTry",
    "Caller",
    "CaseFile",
    "CaseNote",
    "CaseReference",
    "Decision",
    "HoursOverride",
    "JournalPosition",
    "Message",
    "Offer",
    "Operator",
    "OperatorStateRecord",
    "Pairing",
    "Recording",
    "Shift",
    "SurveyAnswer",
    "Table",
]
