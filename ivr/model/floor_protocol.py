"""What calls and the floor say to each other: plain data that could cross a process border.

Neither holds a reference to the other. Instants are POSIX seconds.
"""

from dataclasses import dataclass

from routing.estimate import Estimate
from routing.match import Reason, Step
from routing.states import OfferState, Operator, Trigger


@dataclass(frozen=True, slots=True)
class Begin:
    """A connection to Asterisk begins: what was known of calls and offers is forgotten, and this is what is up.

    `epoch` is that of all offers from now on; each connection has a higher one than those before.
    """

    epoch: int
    operators: tuple[Operator, ...]
    offers: tuple["OpenOffer", ...]


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection to Asterisk has ended: nothing is known of calls and operators until the next `Begin`."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A caller waits. Said again after a restart, it has the effect of once. `before`: as of `routing.match.Waiting`;
    `back`: who handed him on, and gets him back by one of the first `handed_on` steps; he need not finish the work
    after this very call first. `callback`: a call-back request, whose caller is not on the line and never gives up."""

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
    """A caller waits no more: he went away, or wants something else."""

    call: str


@dataclass(frozen=True, slots=True)
class AskPosition:
    """A caller wants to know where he stands: `Told` is the answer; none, if he does not wait or is being offered.
    `aloud`: he is told, so that it counts whether it comes true."""

    call: str
    aloud: bool = True


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """Something happened to an operator: his telephone, a key, the desk."""

    operator: str
    trigger: Trigger
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ColleagueCall:
    """An operator who is ready is rung for a colleague, not for a caller: `offer` is the leg. Said again with `talking`
    once he has answered; `Ended` or `Refused` ends it."""

    operator: str
    offer: str
    talking: bool = False


@dataclass(frozen=True, slots=True)
class DutyRoster:
    """Whom the roster has on duty from now on; None: there is no roster."""

    operators: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class OnOtherCall:
    """Whether an operator's telephone has a call that is not the floor's; nobody is offered to them meanwhile."""

    operator: str
    on_line: bool


@dataclass(frozen=True, slots=True)
class CallerSilence:
    """Whether a caller has fallen silent and has not answered yet that they are there: nobody is offered them
    meanwhile, and they keep their place."""

    call: str
    silent: bool


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer or a conversation that was there before the floor: said at a restart, before any `Wait`."""

    offer: str
    call: str
    operator: str
    talking: bool


@dataclass(frozen=True, slots=True)
class AskWhoIsFree:
    """A call wants to know who of these may be rung: `Seen` is the answer."""

    call: str
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invite:
    """A call wants this operator besides the one that it has, as `role` (`db.enums.Role`): `Offer` or `Declined` is the
    answer."""

    call: str
    operator: str
    role: str


@dataclass(frozen=True, slots=True)
class Offer:
    """The floor offers a call to an operator; the caller's node rings him.

    Receiving it twice has the effect of once. A call refuses an epoch lower than the highest that it has seen. `role`:
    what he is to be in the conversation; a `reason` is there for who is to be the caller's operator.
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
    """Who may be rung now (`ready`, idle longest first), and who will be by himself (`busy`); the others are paused or
    away."""

    call: str
    ready: tuple[str, ...]
    busy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declined:
    """That operator cannot be rung now."""

    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """The call's operator wishes something of the conversation (`ivr.talk.operator_requests`). `id`: under which the
    answer is expected; `by`: the operator, None for somebody at the API; `way`: api, code, keys or refer; at most one
    of the others says who is meant; `channel`: another line of the operator's telephone, which wishes it."""

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
    """An operator's telephone is not registered any more; `refused`: it is, but its machine refuses packets, and the
    floor has not heard of it."""

    call: str
    operator: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a caller stands: `position` 1 is the next one, among those who could take the same operators. `spoken`: the
    languages that somebody on duty speaks."""

    call: str
    position: int
    estimate: Estimate
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Both are in the bridge."""

    offer: str
    call: str
    operator: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The offer came to nothing; `state` says how. The caller still waits unless he also leaves."""

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
    """Somebody wants to see the queue: `Queue` with the same `id` is the answer."""

    id: str


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A caller who waits for an offer, with the language and topic of the step that applies now."""

    call: str
    since: float
    language: str
    topic: str | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """All who wait for an offer, the next one first."""

    id: str
    calls: tuple[QueuedCall, ...]


@dataclass(frozen=True, slots=True)
class ChangeDone:
    """An operator as they are after a `Change`, before they are offered anything."""

    id: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class OperatorChanged:
    """An operator as they are from now on."""

    operator: Operator


ToFloor = (
    Begin
    | ConnectionLost
    | Change
    | AskQueue
    | Wait
    | Leave
    | AskPosition
    | AskWhoIsFree
    | Invite
    | OperatorEvent
    | ColleagueCall
    | DutyRoster
    | OnOtherCall
    | CallerSilence
    | OpenOffer
    | Accepted
    | Refused
    | Ended
)
ToCall = Offer | Position | WhoIsFree | Declined | OperatorRequest | TelephoneGone
ToClient = OperatorChanged | ChangeDone | Queue
