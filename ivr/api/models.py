"""The live state of a line, as the control API shows it and as its events carry it.

An instant is in POSIX seconds, so that a program can compare it with its own clock.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CallStatus = Literal["menu", "waiting", "talking", "hold"]
OperatorPlaceName = Literal["together", "hold", "consult", "swap", "aside", "gone"]


class OperatorStatus(StrEnum):
    """An operator's state; `unknown` while the controller is not connected to Asterisk."""

    AWAY = "away"
    READY = "ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAPPING_UP = "wrapping_up"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class Request(BaseModel):
    """The body of a request. A member that is not known is an error, so that no misspelt one is ignored."""

    model_config = ConfigDict(extra="forbid")


class Telephone(BaseModel):
    """An operator's registered telephone."""

    user_agent: str = Field(description="What it calls itself.")
    address: str = Field(description="Host and port, as Asterisk sees them.")
    transport: str = Field(description="`udp`, `tcp`, `tls`, `ws` or `wss`.")


class TelephoneReplaced(BaseModel):
    """A telephone that took the place of another one of the same operator within the last 15 minutes."""

    before: str = Field(description="Host and port of the former one.")
    now: str = Field(description="Host and port of the present one.")
    at: float
    both_alive: bool = Field(description="Whether the former one is still in use: calls ring now here, now there.")


class OperatorCall(BaseModel):
    """The call that an operator is offered, or talks in."""

    id: str
    language: str
    caller: str
    place: OperatorPlaceName | None = Field(
        description="Where the operator is in the conversation; null for anybody but the caller's own operator."
    )


class OperatorCallback(BaseModel):
    """A call-back for which an operator is rung, or waits for the caller to answer."""

    id: str = Field(description="Of the call-back request.")
    call: str = Field(description="The id of the call that it becomes.")
    number: str
    country: str | None
    language: str | None
    topic: str | None
    case: str | None
    caller_rings: bool = Field(description="Whether the operator has accepted it, and the caller is being called.")


class LanguagesChanged(BaseModel):
    """The person who changed an operator's languages for now."""

    by: str
    at: float
    listed: dict[str, int] = Field(description="Their languages in operators.csv.")


class Operator(BaseModel):
    """An operator of the site, with their present state."""

    id: str
    name: str
    languages: dict[str, int] = Field(description="Code to level, 1 to 5; the first is the operator's own.")
    topics: list[str] = Field(description="The topics that they serve; empty: all of them.")
    supervisor: bool
    state: OperatorStatus
    reason: str | None = Field(None, description="Of a pause, or of being away.")
    since: float | None = Field(None, description="When the state began.")
    until: float | None = Field(None, description="When a wrap-up ends.")
    telephone: bool = Field(False, description="Whether their telephone is there.")
    on_line: bool = Field(False, description="Whether the telephone has a call that is not a caller's.")
    device: Telephone | None = None
    pause_after: str | None = Field(None, description="The state that follows the present call, if one was asked for.")
    planned: bool = Field(True, description="Whether the roster has them on duty; true where there is no roster.")
    training: bool = Field(False, description="Whether what they are offered or talk in is a scripted caller's call.")
    call: OperatorCall | None = None
    callback: OperatorCallback | None = None
    help_since: float | None = Field(None, description="Since when they have been waiting for a supervisor's help.")
    help_why: str | None = Field(None, description="What they wrote when they asked for it.")
    languages_changed: LanguagesChanged | None = Field(
        None, description="That `languages` are not those of operators.csv."
    )
    telephone_replaced: TelephoneReplaced | None = None


class QueueEntry(BaseModel):
    """A caller who waits for an operator, on the line or for a call-back."""

    place: int = Field(description="Counted from 1; the next to be offered comes first.")
    call: str = Field(description="The id of the call.")
    caller: str | None
    callback: str | None = Field(description="The id of the call-back request, for somebody who is not on the line.")
    language: str | None = Field(description="The language that the present step asks for.")
    topic: str | None
    silent: bool = Field(description="Whether the caller has not yet answered the question whether they are there.")
    since: float = Field(description="When the wait began.")
    test: bool = Field(False, description="Whether it is a test call, which no figure counts.")


class CallerMove(BaseModel):
    """Where a supervisor has moved a waiting caller."""

    front: bool
    language: str | None = Field(description="Operators who speak this language, instead of the caller's own.")
    operator: str | None = Field(description="This operator, for the first two minutes.")


class Call(BaseModel):
    """A call that is up."""

    id: str
    state: CallStatus
    number: str = Field(description="The number of the site that was dialled.")
    caller: str
    country: str | None
    language: str
    topic: str | None
    case: str | None = Field(description="The reference of the caller's case file.")
    case_opened: bool = Field(
        False, description="Whether this call has opened it, so that the database may not have it yet."
    )
    choices: list[str] = Field(
        description="The way through the menus: the ids of the texts of the options that led the caller on, in order. "
        "The site's catalogues have the words."
    )
    node: str = Field(description="The node of the flow that the caller is at.")
    flow: str = Field(description="The version of the flow that the call goes by.")
    since: float | None = Field(description="When the wait for an operator began; kept until the end of the call.")
    connected: float | None = Field(description="When the caller got their operator.")
    operator: str | None
    place: OperatorPlaceName | None = Field(description="Where the operator is; null while nobody has the caller.")
    recording: Literal["on", "paused"] | None = Field(description="Of the conversation; null if it is not recorded.")
    move: CallerMove | None = Field(None, description="What a supervisor has changed while the caller waits.")
    transfers: int = Field(description="How often the caller was handed on.")
    transfer_to: list[str] = Field(description="The operators that the caller is being handed on to.")
    test: bool = Field(
        False,
        description="Whether it is not a caller's: the line's to itself, of somebody who tries it, or scripted.",
    )
    try_telephone: str | None = Field(
        None,
        description="The telephone with which somebody tries the line (`POST /v1/try/telephone`); null for callers.",
    )
    training: str | None = Field(None, description="The operator whom a scripted caller trains; null for callers.")


class AlarmKind(StrEnum):
    """A condition that a person should look at.

    `help_wanted`: an operator asks for a supervisor's help; `no_answer`: an operator is paused because they did not
    answer a call; `unreachable`: an operator is away because their telephone could not be rung; `two_telephones`: two
    telephones register with one operator's password; `ari_down`, `ami_down`: the controller is not connected to
    Asterisk; `test_call_failed`: the line's last call to itself failed; `records_lost`: the journal could not be
    written; `prompts_missing`: callers do not hear all that the flow says; `pin_guessing`: wrong PINs were entered for
    many case files within an hour; `limit_reached`: a limit on callers was reached in the last quarter of an hour;
    `many_waiting`, `long_wait`, `service_level`, `abandoned`: a limit of `[alarms]` is exceeded.
    """

    HELP_WANTED = "help_wanted"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    TWO_TELEPHONES = "two_telephones"
    ARI_DOWN = "ari_down"
    AMI_DOWN = "ami_down"
    TEST_CALL_FAILED = "test_call_failed"
    RECORDS_LOST = "records_lost"
    PROMPTS_MISSING = "prompts_missing"
    PIN_GUESSING = "pin_guessing"
    LIMIT_REACHED = "limit_reached"
    MANY_WAITING = "many_waiting"
    LONG_WAIT = "long_wait"
    SERVICE_LEVEL = "service_level"
    ABANDONED = "abandoned"


class Acknowledgement(BaseModel):
    """That somebody sees to an alarm. It lasts as long as the alarm."""

    by: str = Field(description="The actor.")
    name: str = Field(description="Their name, as it is shown to others.")
    at: float


class Alarm(BaseModel):
    """Something that a person should look at. It is cleared when its cause is gone."""

    id: str = Field(description="The same for as long as the alarm lasts.")
    kind: AlarmKind
    text: str = Field(description="A sentence for a person.")
    since: float | None = Field(None, description="When it began, where that is known.")
    operator: str | None = None
    language: str | None = Field(None, description="Of a long wait.")
    figure: float | None = Field(
        None, description="What exceeds a limit: how many wait, since when one waits, a share of the calls."
    )
    why: str | None = Field(None, description="What the operator wrote who asks for help.")
    acknowledged: Acknowledgement | None = None


class Snapshot(BaseModel):
    """The live state at one instant."""

    at: float
    operators: list[Operator]
    queue: list[QueueEntry]
    calls: list[Call]
    alarms: list[Alarm]


class Queue(BaseModel):
    """The whole queue, the next to be offered first."""

    queue: list[QueueEntry]


class Gone(BaseModel):
    """A call that has ended, or an alarm that is cleared."""

    id: str
