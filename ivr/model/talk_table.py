"""What may happen in a conversation and what follows from it: pure, one table.

A conversation has a caller, his operator, and at most one colleague. Where everybody is follows from `Talk` alone, so a
controller that starts puts them there, whatever its predecessor had done of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from db.enums import Role


class OperatorPlace(StrEnum):
    """Where the operator is. As it stands on the caller's channel; without it, they are together."""

    TOGETHER = ""  # with the caller; an interpreter with both
    HELD = "h"  # alone; the caller hears music
    CONSULTS = "c"  # with the colleague, or alone while that one is rung; the caller hears music
    SWAPPED = "s"  # with the caller again; the colleague hears music
    ASIDE = "v"  # on another line of his telephone, with the colleague; the telephone holds the caller's line


class TalkEvent(StrEnum):
    """What people do or what befalls them."""

    HOLD = "hold"
    UNHOLD = "unhold"
    COMPLETE = "complete"  # the colleague takes the caller over
    CANCEL = "cancel"  # the colleague is asked no more
    SWAP = "swap"
    TRANSFER = "transfer"  # to whoever takes it
    ANSWERED = "answered"  # the colleague is there
    COLLEAGUE_GONE = "colleague_gone"  # he declined, hung up, or was lost
    LINE_GONE = "line_gone"  # the operator has hung up the line on which he asked
    OPERATOR_GONE = "operator_gone"  # he has hung up
    OPERATOR_LOST = "operator_lost"  # his telephone has vanished


class TalkOutcome(StrEnum):
    """What becomes of the conversation."""

    GOES_ON = "goes_on"
    REFUSED = "refused"  # that cannot be now; nothing has changed
    BACK = "back"  # the operator is with the caller again, without his colleague
    HANDED_OVER = "handed_over"  # the colleague is the caller's operator now
    RINGS_ON = "rings_on"  # there is no operator; the colleague who is rung becomes it
    LEAVES = "leaves"  # the caller waits for somebody else
    ENDS = "ends"  # the caller goes on in the flow
    LOST = "lost"  # the caller waits again, at the head


@dataclass(frozen=True, slots=True)
class Colleague:
    """`leg`: his channel, whose id is that of his offer; `there`: he has answered."""

    leg: str
    operator: str
    role: Role
    there: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """`leg`: the operator's channel; `via`: the one on which he asks somebody, if it is another (`Place.ASIDE`)."""

    leg: str
    place: OperatorPlace = OperatorPlace.TOGETHER
    colleague: Colleague | None = None
    via: str | None = None


def invite(talk: Talk, colleague: Colleague, via: str | None = None) -> tuple[Talk, TalkOutcome]:
    """A colleague is rung: to be asked while the caller hears music, or to interpret for both. `via`: the operator's
    channel for it, where his telephone has the caller on another one."""
    fits = (
        (OperatorPlace.TOGETHER, OperatorPlace.HELD) if colleague.role is Role.CONSULTED else (OperatorPlace.TOGETHER,)
    )
    if talk.colleague is not None or talk.place not in fits:
        return talk, TalkOutcome.REFUSED
    if colleague.role is not Role.CONSULTED:
        return replace(talk, colleague=colleague), TalkOutcome.GOES_ON
    place = OperatorPlace.CONSULTS if via is None else OperatorPlace.ASIDE
    return replace(talk, place=place, colleague=colleague, via=via), TalkOutcome.GOES_ON


def apply_event(talk: Talk, what: TalkEvent) -> tuple[Talk, TalkOutcome]:
    """The conversation after it, and what follows. What comes late or twice is REFUSED and changes nothing.

    After HANDED_OVER the new operator is in `leg`; after the other ends nobody talks any more.
    """
    asked = talk.colleague is not None and talk.colleague.role is Role.CONSULTED
    there = talk.colleague is not None and talk.colleague.there
    match what:
        case TalkEvent.HOLD if talk.place is OperatorPlace.TOGETHER:
            return replace(talk, place=OperatorPlace.HELD), TalkOutcome.GOES_ON
        case TalkEvent.UNHOLD if talk.place is OperatorPlace.HELD:
            return replace(talk, place=OperatorPlace.TOGETHER), TalkOutcome.GOES_ON
        case TalkEvent.ANSWERED if talk.colleague is not None and not there:
            return replace(talk, colleague=replace(talk.colleague, there=True)), TalkOutcome.GOES_ON
        case TalkEvent.SWAP if asked and there and talk.place is not OperatorPlace.ASIDE:
            to = OperatorPlace.SWAPPED if talk.place is OperatorPlace.CONSULTS else OperatorPlace.CONSULTS
            return replace(talk, place=to), TalkOutcome.GOES_ON
        case TalkEvent.CANCEL | TalkEvent.COLLEAGUE_GONE if talk.colleague is not None:
            place = talk.place if talk.place is OperatorPlace.HELD else OperatorPlace.TOGETHER
            return Talk(talk.leg, place), TalkOutcome.BACK
        case TalkEvent.LINE_GONE if talk.place is OperatorPlace.ASIDE:
            return Talk(talk.leg), TalkOutcome.BACK
        case TalkEvent.TRANSFER if not asked:
            return replace(talk, colleague=None), TalkOutcome.LEAVES
        case TalkEvent.COMPLETE if asked:
            return _to_colleague(talk)
        case TalkEvent.OPERATOR_GONE | TalkEvent.OPERATOR_LOST if asked:
            return _to_colleague(talk)
        case TalkEvent.OPERATOR_LOST if there:
            return _to_colleague(talk)  # the interpreter goes on alone rather than nobody
        case TalkEvent.OPERATOR_GONE:
            return talk, TalkOutcome.ENDS
        case TalkEvent.OPERATOR_LOST:
            return talk, TalkOutcome.LOST
    return talk, TalkOutcome.REFUSED


def _to_colleague(talk: Talk) -> tuple[Talk, TalkOutcome]:
    assert talk.colleague is not None
    return (Talk(talk.colleague.leg), TalkOutcome.HANDED_OVER) if talk.colleague.there else (talk, TalkOutcome.RINGS_ON)


def recover(leg: str, place: OperatorPlace, colleague: Colleague | None) -> Talk:
    """The conversation as the channels tell it: after a kill at any moment.

    `place` is written before its effect, and a leg is there or not: a colleague who is not asked any more, or is gone,
    is left out. The operator's other line is not known yet; it says itself that it is there.
    """
    if colleague is None:
        return Talk(leg, place if place is OperatorPlace.HELD else OperatorPlace.TOGETHER)
    if colleague.role is Role.CONSULTED and place in (OperatorPlace.TOGETHER, OperatorPlace.HELD):
        return Talk(leg, place)
    if colleague.role is not Role.CONSULTED and place in (
        OperatorPlace.CONSULTS,
        OperatorPlace.SWAPPED,
        OperatorPlace.ASIDE,
    ):
        return Talk(leg, OperatorPlace.TOGETHER, colleague)
    if place is OperatorPlace.SWAPPED and not colleague.there:
        place = OperatorPlace.CONSULTS
    return Talk(leg, place, colleague)


@dataclass(frozen=True, slots=True)
class BridgeLayout:
    """`bridges`: id to who must be in it, and nobody else; `music`: who of them hears music."""

    bridges: Mapping[str, frozenset[str]]
    music: frozenset[str]


BRIDGE_PREFIX = "bridge-"
"""Of the names of all our bridges."""


def bridge_name(leg: str) -> str:
    """The bridge that belongs to a leg; the caller is always in that of his operator's."""
    return f"{BRIDGE_PREFIX}{leg}"


def bridge_layout(talk: Talk, caller: str) -> BridgeLayout:
    """Where everybody must be. `caller`: his channel."""
    main, colleague = bridge_name(talk.leg), talk.colleague
    there = {colleague.leg} if colleague is not None and colleague.there else set()
    interprets = there if colleague is not None and colleague.role is not Role.CONSULTED else set()
    match talk.place:
        case OperatorPlace.TOGETHER:
            return BridgeLayout({main: frozenset({caller, talk.leg} | interprets)}, frozenset())
        case OperatorPlace.HELD:
            aside = f"{main}-aside"
            return BridgeLayout(
                {main: frozenset({caller} | interprets), aside: frozenset({talk.leg})}, frozenset({caller})
            )
        case OperatorPlace.CONSULTS if colleague is not None:
            aside = bridge_name(colleague.leg)
            return BridgeLayout({main: frozenset({caller}), aside: frozenset({talk.leg} | there)}, frozenset({caller}))
        case OperatorPlace.SWAPPED if colleague is not None:
            aside = bridge_name(colleague.leg)
            return BridgeLayout({main: frozenset({caller, talk.leg}), aside: frozenset(there)}, frozenset(there))
        case OperatorPlace.ASIDE if colleague is not None:
            line = {talk.via} if talk.via is not None else set()
            return BridgeLayout(
                {main: frozenset({caller, talk.leg}), bridge_name(colleague.leg): frozenset(line | there)}, frozenset()
            )
    raise ValueError(f"{talk} cannot be: nobody is asked")
