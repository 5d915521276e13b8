"""The closed sets of values in the tables. Each is also a CHECK in the database: a new value needs a migration."""

from enum import StrEnum

from wire.states import OfferState as OfferState
from wire.states import OperatorState as OperatorState


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


class Role(StrEnum):
    """An operator's role in a pairing. A call has at most one open pairing as `operator`, and any number of others."""

    OPERATOR = "operator"
    INTERPRETER = "interpreter"
    CONSULTED = "consulted"


class CaseKind(StrEnum):
    ENQUIRY = "enquiry"  # every call that reached an operator
    PROCEDURE = "procedure"  # an application for a document or right
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    OBSERVATION = "observation"
    MESSAGE = "message"
    CALLBACK = "callback"  # a callback request that failed


class CaseState(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    INCOMPLETE = "incomplete"  # the applicant has to bring something
    READY = "ready"
    CLOSED = "closed"


class CasePriority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class CallbackKind(StrEnum):
    WAITING = "waiting"  # requested while waiting: keeps the position in the queue
    CLOSED = "closed"  # requested outside opening hours
    CASE = "case"  # tells the caller that the state of their case file has changed
    OPERATOR = "operator"  # an operator calls their last caller back


class CallbackState(StrEnum):
    REQUESTED = "wished"
    RINGING_OPERATOR = "ringing_operator"
    RINGING_CALLER = "ringing_caller"
    CONNECTED = "connected"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TryOutcome(StrEnum):
    """The outcome of dialling a number for a callback request."""

    REACHED = "reached"  # a person pressed a key
    NO_KEY = "no_key"  # answered without a key press: a machine, or somebody else
    NO_ANSWER = "no_answer"
    BUSY = "busy"  # or declined
    UNREACHABLE = "unreachable"
    LOST = "lost"  # ended while there was no controller, or together with the operator's leg


class GuideOutcome(StrEnum):
    """How a request for a procedure of the guide in writing ended."""

    SENT = "sent"
    NOT_POSSIBLE = "not_possible"  # such as a fixed line that cannot receive anything
    WITHDRAWN = "withdrawn"  # the caller no longer wants it, or their number was forgotten


class AmendmentState(StrEnum):
    """The state of an amendment of the guide."""

    PROPOSED = "proposed"
    RELEASING = "releasing"  # the site's files are being checked
    RELEASED = "released"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # by whoever proposed it
    TAKEN_BACK = "taken_back"


class HoursKind(StrEnum):
    OPEN = "open"  # forced, from `begins` to `ends`
    CLOSED = "closed"
    HOLIDAY = "holiday"  # `day` is a holiday
    NO_HOLIDAY = "no_holiday"  # `day` is not a holiday, whatever the calendar says


class SwapState(StrEnum):
    """A swap of a shift that an operator asks for."""

    ASKED = "asked"  # the colleague has not answered yet
    AGREED = "agreed"  # a supervisor has to release it
    DECLINED = "declined"  # by the colleague
    RELEASED = "released"
    REFUSED = "refused"  # by a supervisor
    WITHDRAWN = "withdrawn"


class AccountChange(StrEnum):
    """What is new about an account, of which its person is told at their next sign-in."""

    LINK = "link"
    """A one-time link was made on the desk, or one of the command line was used."""
    PASSWORD = "password"  # noqa: S105 - the kind of change
    FACTOR = "factor"
    FACTOR_REMOVED = "factor_removed"
    CODE_AGAIN = "code_again"
    """A code of the second factor that had been used was given once more."""


class PassedBy(StrEnum):
    """How the person of a session has passed the second factor."""

    CODE = "code"
    SERVER = "server"
    """By a one-time link of the server's own command line, whose user could change anything."""


class AccountRole(StrEnum):
    """The role of a person who signs in at the desk."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    VISITOR = "visitor"  # may try the line, and nothing else
