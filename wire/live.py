"""What is live on a line, as the controller tells it and as pages show it.

An instant is in POSIX seconds, so that a program can compare it with its own clock. The text below a member is its
description in docs/api.md. A member that is added later has a default: while a line is upgraded, the controller and the
desk are of two versions for a moment.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

DESCRIBED = {"use_attribute_docstrings": True}
"""The setting by which pydantic takes the texts below members as their descriptions."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """An operator's registered telephone."""

    __pydantic_config__ = DESCRIBED

    user_agent: str
    """What it calls itself."""
    address: str
    """Host and port, as Asterisk sees them."""
    transport: str
    """`udp`, `tcp`, `tls`, `ws` or `wss`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelephoneReplaced:
    """A telephone that took the place of another one of the same operator within the last 15 minutes."""

    __pydantic_config__ = DESCRIBED

    before: str
    """Host and port of the former one."""
    now: str
    """Host and port of the present one."""
    at: float
    both_alive: bool
    """Whether the former one is still in use: calls ring now here, now there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCall:
    """The call that an operator is offered, or talks in."""

    __pydantic_config__ = DESCRIBED

    id: str
    language: str
    caller: str
    place: OperatorPlaceName | None
    """Where the operator is in the conversation; null for anybody but the caller's own operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCallback:
    """A call-back for which an operator is rung, or waits for the caller to answer."""

    __pydantic_config__ = DESCRIBED

    id: str
    """Of the call-back request."""
    call: str
    """The id of the call that it becomes."""
    number: str
    country: str | None
    language: str | None
    topic: str | None
    case: str | None
    caller_rings: bool
    """Whether the operator has accepted it, and the caller is being called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguagesChanged:
    """The person who changed an operator's languages for now."""

    __pydantic_config__ = DESCRIBED

    by: str
    at: float
    listed: dict[str, int]
    """Their languages in operators.csv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator of the site, with their present state."""

    __pydantic_config__ = DESCRIBED

    id: str
    name: str
    languages: dict[str, int]
    """Code to level, 1 to 5; the first is the operator's own."""
    topics: tuple[str, ...]
    """The topics that they serve; empty: all of them."""
    supervisor: bool
    state: OperatorStatus
    reason: str | None = None
    """Of a pause, or of being away."""
    since: float | None = None
    """When the state began; null for an operator who was never on shift."""
    until: float | None = None
    """When a wrap-up ends."""
    telephone: bool = False
    """Whether their telephone is there."""
    on_line: bool = False
    """Whether the telephone has a call that is not a caller's."""
    device: Telephone | None = None
    pause_after: str | None = None
    """The state that follows the present call, if one was asked for."""
    planned: bool = True
    """Whether the roster has them on duty; true where there is no roster."""
    training: bool = False
    """Whether what they are offered or talk in is a scripted caller's call."""
    call: OperatorCall | None = None
    callback: OperatorCallback | None = None
    help_since: float | None = None
    """Since when they have been waiting for a supervisor's help."""
    help_why: str | None = None
    """What they wrote when they asked for it."""
    languages_changed: LanguagesChanged | None = None
    """That `languages` are not those of operators.csv."""
    telephone_replaced: TelephoneReplaced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """A caller who waits for an operator, on the line or for a call-back."""

    __pydantic_config__ = DESCRIBED

    place: int
    """Counted from 1; the next to be offered comes first."""
    call: str
    """The id of the call."""
    caller: str | None
    callback: str | None
    """The id of the call-back request, for somebody who is not on the line."""
    language: str | None
    """The language that the present step asks for."""
    topic: str | None
    silent: bool
    """Whether the caller has not yet answered the question whether they are there."""
    since: float
    """When the wait began, for the position."""
    test: bool = False
    """Whether it is a test call, which no figure counts."""
    waits_since: float | None = None
    """When the wait began, for people: anew after each conversation; null for a call-back."""

    @property
    def counts_from(self) -> float:
        """The start of the wait as pages and alarms show it."""
        return self.waits_since if self.waits_since is not None else self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerMove:
    """Where a supervisor has moved a waiting caller."""

    __pydantic_config__ = DESCRIBED

    front: bool
    language: str | None
    """Operators who speak this language, instead of the caller's own."""
    operator: str | None
    """This operator, for the first two minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is up."""

    __pydantic_config__ = DESCRIBED

    id: str
    state: CallStatus
    number: str
    """The number of the site that was dialled."""
    caller: str
    country: str | None
    language: str
    topic: str | None
    case: str | None
    """The reference of the caller's case file."""
    case_opened: bool = False
    """Whether this call has opened it, so that the database may not have it yet."""
    choices: tuple[str, ...]
    """The way through the menus: the ids of the texts of the options that led the caller on, in order. The site's catalogues have the words."""  # noqa: E501 - a line break would stand in the description
    node: str
    """The node of the flow that the caller is at."""
    flow: str
    """The version of the flow that the call goes by."""
    since: float | None
    """When the wait for an operator began; kept until the end of the call."""
    connected: float | None
    """When the caller got their operator."""
    operator: str | None
    place: OperatorPlaceName | None
    """Where the operator is; null while nobody has the caller."""
    recording: Literal["on", "paused"] | None
    """Of the conversation; null if it is not recorded."""
    move: CallerMove | None = None
    """What a supervisor has changed while the caller waits."""
    transfers: int
    """How often the caller was handed on."""
    transfer_to: tuple[str, ...]
    """The operators that the caller is being handed on to."""
    test: bool = False
    """Whether it is not a caller's: the line's to itself, of somebody who tries it, or scripted."""
    try_telephone: str | None = None
    """The telephone with which somebody tries the line (`POST /v1/try/telephone`); null for callers."""
    waits_since: float | None = None
    """When the wait for an operator began, for people: anew after each conversation."""
    training: str | None = None
    """The operator whom a scripted caller trains; null for callers."""


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

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """Return a kind that only a newer controller knows: an alarm has a text, which pages can show."""
        kind = str.__new__(cls, str(value))
        kind._name_ = kind._value_ = str(value)
        return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """That somebody sees to an alarm. It lasts as long as the alarm."""

    __pydantic_config__ = DESCRIBED

    by: str
    """The actor."""
    name: str
    """Their name, as it is shown to others."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that a person should look at. It is cleared when its cause is gone."""

    __pydantic_config__ = DESCRIBED

    id: str
    """The same for as long as the alarm lasts."""
    kind: AlarmKind
    text: str
    """A sentence for a person."""
    since: float | None = None
    """When it began, where that is known."""
    operator: str | None = None
    language: str | None = None
    """Of a long wait."""
    figure: float | None = None
    """What exceeds a limit: how many wait, since when one waits, a share of the calls."""
    why: str | None = None
    """What the operator wrote who asks for help."""
    acknowledged: Acknowledgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The live state at one instant."""

    at: float
    operators: tuple[Operator, ...]
    queue: tuple[QueueEntry, ...]
    calls: tuple[Call, ...]
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The whole queue, the next to be offered first."""

    queue: tuple[QueueEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A call that has ended, or an alarm that is cleared."""

    id: str
