"""What calls and the floor say to each other: plain data that could cross a process border.

Neither holds a reference to the other. Instants are POSIX seconds.
"""

from dataclasses import dataclass

from routing.estimate import Estimate
from routing.match import Reason, Step
from routing.states import OfferState, Trigger


@dataclass(frozen=True, slots=True)
class Wait:
    """A caller waits. Said again after a restart, it has the effect of once."""

    call: str
    steps: tuple[Step, ...]
    since: float
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """A caller waits no more: he went away, or wants something else."""

    call: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A caller wants to know where he stands: `Told` is the answer; none, if he does not wait or is being offered.
    `aloud`: he is told, so that it counts whether it comes true."""

    call: str
    aloud: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """Something happened to an operator: his telephone, a key, the desk."""

    operator: str
    trigger: Trigger
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """An offer or a conversation that was there before the floor: said at a restart, before any `Wait`."""

    offer: str
    call: str
    operator: str
    talking: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The floor offers a call to an operator; the caller's node rings him.

    Receiving it twice has the effect of once. A call refuses an epoch lower than the highest that it has seen.
    """

    id: str
    epoch: int
    call: str
    operator: str
    ring_s: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Told:
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


ToFloor = Wait | Leave | Ask | State | Standing | Accepted | Refused | Ended
ToCall = Offer | Told
