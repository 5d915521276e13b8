"""The states of operators and offers, in routing as in the database."""

from enum import StrEnum


class OperatorState(StrEnum):
    AWAY = "away"
    READY = "ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAPPING_UP = "wrapping_up"
    PAUSED = "paused"


class OfferState(StrEnum):
    """`ringing`, then one of the others, which are final."""

    RINGING = "ringing"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"
