"""The closed sets of words in the tables. Each is also a CHECK in the database: a new word needs a migration."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"  # by an operator
    ABANDONED = "abandoned"  # while waiting
    LEFT_MENU = "left_menu"  # before waiting
    SELF_SERVED = "self_served"
    MESSAGE = "message"
    CALLBACK = "callback"
    CLOSED = "closed"
    FALLBACK = "fallback"  # served by the dialplan, without a controller
    FAILED = "failed"


class OperatorState(StrEnum):
    AWAY = "away"
    READY = "ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAPPING_UP = "wrapping_up"
    PAUSED = "paused"


class OfferState(StrEnum):
    """`ringing`, then one of the others for good."""

    RINGING = "ringing"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"


class Role(StrEnum):
    """What an operator is in a pairing. A call has one open pairing as `operator`, any number of the others."""

    OPERATOR = "operator"
    INTERPRETER = "interpreter"
    CONSULTED = "consulted"


class CaseKind(StrEnum):
    ENQUIRY = "enquiry"  # every call that reached an operator
    PROCEDURE = "procedure"  # a document or right that was applied for
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    OBSERVATION = "observation"
    MESSAGE = "message"
    CALLBACK = "callback"  # one that failed


class CaseState(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    INCOMPLETE = "incomplete"  # something is missing from the applicant
    READY = "ready"
    CLOSED = "closed"


class CallbackKind(StrEnum):
    WAITING = "waiting"  # wished for while waiting: keeps place and age
    CLOSED = "closed"  # wished for outside the hours
    CASE = "case"  # to be told that a file's state has changed
    OPERATOR = "operator"  # an operator calls the last caller back


class CallbackState(StrEnum):
    WISHED = "wished"
    RINGING_OPERATOR = "ringing_operator"
    RINGING_CALLER = "ringing_caller"
    CONNECTED = "connected"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TryOutcome(StrEnum):
    """What became of a number that was dialled for a wish."""

    REACHED = "reached"  # a person pressed a key
    NO_KEY = "no_key"  # answered, and nobody pressed a key: a machine, or somebody else
    NO_ANSWER = "no_answer"
    BUSY = "busy"  # or declined
    UNREACHABLE = "unreachable"
    LOST = "lost"  # ended while there was no controller, or with its operator


class HoursKind(StrEnum):
    OPEN = "open"  # forced, from `begins` to `ends`
    CLOSED = "closed"
    HOLIDAY = "holiday"  # `day` is a holiday
    NO_HOLIDAY = "no_holiday"  # `day` is not, whatever the calendar says
