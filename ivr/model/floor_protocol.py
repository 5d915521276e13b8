"""The messages between calls and the floor: plain data that could cross a process boundary.

Neither holds a reference to the other. Instants are POSIX seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from routing.estimate import Estimate
from routing.match import Reason, Step
from routing.states import OfferState, Operator, Trigger


@dataclass(frozen=True, slots=True)
class Begin:
    """A new connection to Asterisk: forget all earlier calls and offers; this is what is up now.

    `epoch` applies to all offers from now on; it increases with each connection.
    """

    epoch: int
    operators: tuple[Operator, ...]
    offers: tuple["OpenOffer", ...]


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection to Asterisk has ended: nothing is known of calls and operators until the next `Begin`."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A caller waits for an operator. Idempotent, so it may be repeated after a restart.

    Attributes:
        before: As in `routing.match.Waiting`.
        back: The operator who transferred the caller and gets them back by one of the first `handed_on` steps, without
            having to wrap up this very call first.
        callback: Whether this is a call-back request, whose caller is not on the line and never gives up.
    """

    call: str
    steps: tuple[Step, ...]
    since: float
    priority: int = 0
    before: float = 0.0
    back: str | None = None
    handed_on: int = 0
    callback: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A caller no longer waits: they hung up or chose something else."""

    call: str


@dataclass(frozen=True, slots=True)
class AskPosition:
    """A caller asks for their position: `Position` is the answer; none if they do not wait or are being offered.

    `aloud`: whether the caller hears the estimate, so that its accuracy counts.
    """

    call: str
    aloud: bool = True


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """Something happened to an operator: at their telephone, by a feature code, or at the desk."""

    operator: str
    trigger: Trigger
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OperatorLanguages:
    """An operator speaks these languages from now on: code to level, their first one first."""

    operator: str
    languages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ColleagueCall:
    """A ready operator is called by a colleague instead of a caller. `offer` is the leg.

    Sent again with `talking` once the operator has answered; `Ended` or `Refused` ends it.
    """

    operator: str
    offer: str
    talking: bool = False


@dataclass(frozen=True, slots=True)
class DutyRoster:
    """The operators on duty from now on by the roster; None: there is no roster."""

    operators: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class OperatorList:
    """All operators from now on, each in the state of somebody whom nobody knows yet.

    Of those whom the floor knows, only their languages and topics count. Whoever is not among them is forgotten after
    their call.
    """

    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class OnOtherCall:
    """Whether an operator is in a call that does not come from the floor; they get no offers meanwhile."""

    operator: str
    on_line: bool


@dataclass(frozen=True, slots=True)
class CallerSilence:
    """Whether a caller is silent and has not yet confirmed that they are there.

    They are offered to nobody meanwhile, and keep their position.
    """

    call: str
    silent: bool


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer or a conversation that is older than the floor; sent after a restart, before any `Wait`."""

    offer: str
    call: str
    operator: str
    talking: bool


@dataclass(frozen=True, slots=True)
class AskWhoIsFree:
    """A call asks which of these operators can be rung: `WhoIsFree` is the answer."""

    call: str
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invite:
    """A call wants this operator in addition to its own, as `role` (`db.enums.Role`): `Offer` or `Declined` is the
    answer.

    `training`: the call is a scripted caller's, who gets this operator or nobody; they must be in their pause for it.
    """

    call: str
    operator: str
    role: str
    training: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """The floor offers a call to an operator; the caller's node rings the operator. Idempotent.

    A call refuses an epoch lower than the highest it has seen. `role`: the operator's part in the conversation.
    `reason`: only for an offer that is to give the caller their operator.
    """

    id: str
    epoch: int
    call: str
    operator: str
    ring_s: float
    reason: Reason | None
    role: str = "operator"


@dataclass(frozen=True, slots=True)
class WhoIsFree:
    """The operators who can be rung now (`ready`, longest idle first), and those who will be free without doing
    anything (`busy`); the others are paused or away."""

    call: str
    ready: tuple[str, ...]
    busy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declined:
    """That operator cannot be rung now."""

    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The floor has failed about this call, and knows nothing of it any more: its caller goes on without the floor."""

    call: str


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """A request from the call's operator about the conversation (`ivr.talk.operator_requests`).

    Attributes:
        id: Identifies the answer.
        way: How it was made: api, code, keys or refer.
        by: The operator; None for a request made through the API.
        operator: The colleague it is about. At most one of `operator`, `language`, `topic` and `supervisor` is set.
        channel: Another line of the operator's telephone on which the request was made.
    """

    call: str
    id: str
    act: str
    way: str
    by: str | None = None
    operator: str | None = None
    language: str | None = None
    topic: str | None = None
    supervisor: bool = False
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class TelephoneGone:
    """An operator's telephone is no longer registered; or, with `refused`, it is, but its machine refuses packets, and
    the floor does not know."""

    call: str
    operator: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class TelephoneBack:
    """An operator's browser telephone is registered again, or has refreshed its registration."""

    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class Position:
    """A caller's position: 1 is next, among the callers who could be served by the same operators.

    `spoken`: the languages spoken by the operators on duty.
    """

    call: str
    position: int
    estimate: Estimate
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Caller and operator are in the bridge."""

    offer: str
    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The offer came to nothing; `state` says how. The caller still waits unless a `Leave` follows."""

    offer: str
    call: str
    operator: str
    state: OfferState


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over."""

    offer: str
    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an operator whose outcome somebody waits for: `ChangeDone` with the same `id` is the answer.

    After `until` nobody waits any more, and nothing is changed.
    """

    id: str
    message: OperatorEvent | ColleagueCall
    until: float


@dataclass(frozen=True, slots=True)
class AskQueue:
    """A client asks for the queue: `Queue` with the same `id` is the answer."""

    id: str


@dataclass(frozen=True, slots=True)
class AskOutlook:
    """A client asks how long a caller who came now would wait in each language: `Outlook` is the answer."""

    id: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The expected wait by language in seconds; None: not known."""

    id: str
    expected_s: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A caller waiting for an offer, with the language and topic of the step that applies now."""

    call: str
    since: float
    language: str
    topic: str | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """All callers who wait for an offer, the next one first."""

    id: str
    calls: tuple[QueuedCall, ...]


@dataclass(frozen=True, slots=True)
class ChangeDone:
    """An operator after a `Change`, before they are offered anything."""

    id: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class OperatorChanged:
    """The new state of an operator."""

    operator: Operator


@dataclass(frozen=True, slots=True)
class OperatorGone:
    """An operator who is not in the list any more."""

    operator: str


ToFloor = (
    Begin
    | ConnectionLost
    | Change
    | AskQueue
    | AskOutlook
    | Wait
    | Leave
    | AskPosition
    | AskWhoIsFree
    | Invite
    | OperatorEvent
    | OperatorLanguages
    | ColleagueCall
    | DutyRoster
    | OperatorList
    | OnOtherCall
    | CallerSilence
    | OpenOffer
    | Accepted
    | Refused
    | Ended
)
ToCall = Offer | Position | WhoIsFree | Declined | Dropped | OperatorRequest | TelephoneGone | TelephoneBack
ToClient = OperatorChanged | OperatorGone | ChangeDone | Queue | Outlook
