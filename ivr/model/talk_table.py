"""The events of a conversation and their consequences: one pure table.

A conversation has a caller, their operator, and at most one colleague. `Talk` alone determines where everybody belongs,
so a controller that starts puts them there, however far its predecessor had got.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from db.enums import Role


class OperatorPlace(StrEnum):
    """The operator's place, as stored on the caller's channel; if nothing is stored, the two are together."""

    TOGETHER = ""  # with the caller, and with an interpreter if there is one
    HELD = "h"  # alone; the caller hears music
    CONSULTS = "c"  # with the colleague, or alone while the colleague's telephone rings; the caller hears music
    SWAPPED = "s"  # back with the caller; the colleague hears music
    ASIDE = "v"  # with the colleague, on another line of their telephone, which holds the caller's line


class TalkEvent(StrEnum):
    """Actions of people, and events that happen to them."""

    HOLD = "hold"
    UNHOLD = "unhold"
    COMPLETE = "complete"  # the colleague takes over the caller
    CANCEL = "cancel"  # the colleague is no longer needed
    SWAP = "swap"
    TRANSFER = "transfer"  # to any operator who takes the call
    ANSWERED = "answered"  # the colleague has joined
    COLLEAGUE_GONE = "colleague_gone"  # declined, hung up, or lost
    LINE_GONE = "line_gone"  # the operator hung up the line used to consult
    PAGE_GONE = "page_gone"  # the operator's browser telephone has gone, and may come back
    PAGE_BACK = "page_back"
    OPERATOR_GONE = "operator_gone"  # hung up
    OPERATOR_LOST = "operator_lost"  # the telephone vanished


class TalkOutcome(StrEnum):
    """The consequence for the conversation."""

    GOES_ON = "goes_on"
    REFUSED = "refused"  # not possible now; nothing has changed
    BACK = "back"  # the operator is back with the caller, without the colleague
    HANDED_OVER = "handed_over"  # the colleague is the caller's operator now
    RINGS_ON = "rings_on"  # there is no operator; the colleague whose telephone rings becomes the operator
    LEAVES = "leaves"  # the caller waits for somebody else
    ENDS = "ends"  # the caller continues in the flow
    LOST = "lost"  # the caller waits again, at the head of the queue


@dataclass(frozen=True, slots=True)
class Colleague:
    """A second operator. `leg`: their channel, with the id of their offer; `there`: whether they have joined."""

    leg: str
    operator: str
    role: Role
    there: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation.

    Attributes:
        leg: The operator's channel.
        via: Their channel to the colleague, if it is another one.
        gone: Whether the operator's page is gone and may come back. They are nowhere then, and return to `place`;
            whoever they talked with hears music meanwhile.
    """

    leg: str
    place: OperatorPlace = OperatorPlace.TOGETHER
    colleague: Colleague | None = None
    via: str | None = None
    gone: bool = False


def invite(talk: Talk, colleague: Colleague, via: str | None = None) -> tuple[Talk, TalkOutcome]:
    """Return the conversation once a colleague is being rung, and what follows.

    The colleague is consulted while the caller hears music, or interprets for both. `via`: the operator's channel to
    the colleague, if their telephone has the caller on another line.
    """
    fits = (
        (OperatorPlace.TOGETHER, OperatorPlace.HELD) if colleague.role is Role.CONSULTED else (OperatorPlace.TOGETHER,)
    )
    if talk.colleague is not None or talk.place not in fits or talk.gone:
        return talk, TalkOutcome.REFUSED
    if colleague.role is not Role.CONSULTED:
        return replace(talk, colleague=colleague), TalkOutcome.GOES_ON
    place = OperatorPlace.CONSULTS if via is None else OperatorPlace.ASIDE
    return replace(talk, place=place, colleague=colleague, via=via), TalkOutcome.GOES_ON


def apply_event(talk: Talk, event: TalkEvent) -> tuple[Talk, TalkOutcome]:
    """Return the conversation after an event, and what follows. Late or repeated events are REFUSED and change nothing.

    After HANDED_OVER, `leg` is that of the new operator; after any other end, the conversation is over.
    """
    consulted = talk.colleague is not None and talk.colleague.role is Role.CONSULTED
    there = talk.colleague is not None and talk.colleague.there
    match event:
        case TalkEvent.HOLD | TalkEvent.UNHOLD | TalkEvent.SWAP if talk.gone:
            return talk, TalkOutcome.REFUSED
        case TalkEvent.HOLD if talk.place is OperatorPlace.TOGETHER:
            return replace(talk, place=OperatorPlace.HELD), TalkOutcome.GOES_ON
        case TalkEvent.UNHOLD if talk.place is OperatorPlace.HELD:
            return replace(talk, place=OperatorPlace.TOGETHER), TalkOutcome.GOES_ON
        case TalkEvent.ANSWERED if talk.colleague is not None and not there:
            return replace(talk, colleague=replace(talk.colleague, there=True)), TalkOutcome.GOES_ON
        case TalkEvent.SWAP if consulted and there and talk.place is not OperatorPlace.ASIDE:
            place = OperatorPlace.SWAPPED if talk.place is OperatorPlace.CONSULTS else OperatorPlace.CONSULTS
            return replace(talk, place=place), TalkOutcome.GOES_ON
        case TalkEvent.CANCEL | TalkEvent.COLLEAGUE_GONE if talk.colleague is not None:
            place = OperatorPlace.HELD if talk.place is OperatorPlace.HELD else OperatorPlace.TOGETHER
            return Talk(talk.leg, place, gone=talk.gone), TalkOutcome.BACK
        case TalkEvent.LINE_GONE if talk.place is OperatorPlace.ASIDE:
            return Talk(talk.leg), TalkOutcome.BACK
        case TalkEvent.TRANSFER if not consulted:
            return replace(talk, colleague=None), TalkOutcome.LEAVES
        case TalkEvent.PAGE_GONE if not talk.gone and talk.place is not OperatorPlace.ASIDE:
            return replace(talk, gone=True), TalkOutcome.GOES_ON
        case TalkEvent.PAGE_BACK if talk.gone:
            return replace(talk, gone=False), TalkOutcome.GOES_ON
        case TalkEvent.COMPLETE if consulted:
            return _to_colleague(talk)
        case TalkEvent.OPERATOR_GONE | TalkEvent.OPERATOR_LOST if consulted:
            return _to_colleague(talk)
        case TalkEvent.OPERATOR_LOST if there:
            return _to_colleague(talk)  # better the interpreter alone than nobody
        case TalkEvent.OPERATOR_GONE:
            return talk, TalkOutcome.ENDS
        case TalkEvent.OPERATOR_LOST:
            return talk, TalkOutcome.LOST
    return talk, TalkOutcome.REFUSED


def _to_colleague(talk: Talk) -> tuple[Talk, TalkOutcome]:
    assert talk.colleague is not None
    return (Talk(talk.colleague.leg), TalkOutcome.HANDED_OVER) if talk.colleague.there else (talk, TalkOutcome.RINGS_ON)


def recover(leg: str, place: OperatorPlace, colleague: Colleague | None) -> Talk:
    """Return the conversation as the channels describe it, after a kill at any moment.

    `place` was written before its effect, and a leg is either up or not: a colleague who is no longer wanted, or is
    gone, is left out. The operator's other line is not known yet; it attaches by itself (`Act.ATTACH`). A leg that is
    up is not that of a page that is gone, or its silence is noticed again.
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
    """The layout of the channels. `bridges`: by bridge id, all its channels; `music`: the channels that hear music."""

    bridges: Mapping[str, frozenset[str]]
    music: frozenset[str]


BRIDGE_PREFIX = "bridge-"
"""How the names of all our bridges begin."""


def bridge_name(leg: str) -> str:
    """Return the bridge of a leg. The caller is always in the bridge of their operator's leg."""
    return f"{BRIDGE_PREFIX}{leg}"


def bridge_layout(talk: Talk, caller: str) -> BridgeLayout:
    """Return where everybody belongs. `caller`: the caller's channel.

    A consultation has a bridge of its own, which a colleague who takes over leaves: if the operator's telephone puts
    its line on hold before that, as for an attended transfer, the colleague hears music until they leave. Asterisk
    would end it by itself, but not if the colleague was hearing a prompt, or on a busy machine.
    """
    main, colleague = bridge_name(talk.leg), talk.colleague
    apart = f"{bridge_name(colleague.leg)}-aside" if colleague is not None else ""
    callers, operator = frozenset({caller}), frozenset({talk.leg} if not talk.gone else ())
    there = frozenset({colleague.leg} if colleague is not None and colleague.there else ())
    interprets = there if colleague is not None and colleague.role is not Role.CONSULTED else frozenset()
    match talk.place:
        case OperatorPlace.TOGETHER:
            others = operator | interprets
            return BridgeLayout({main: callers | others}, callers if not others else frozenset())
        case OperatorPlace.HELD:
            return BridgeLayout({main: callers | interprets, f"{main}-aside": operator}, callers)
        case OperatorPlace.CONSULTS if colleague is not None:
            waits = there if talk.gone else frozenset()
            return BridgeLayout({main: callers, apart: operator | there}, callers | waits)
        case OperatorPlace.SWAPPED if colleague is not None:
            waits = callers if talk.gone else frozenset()
            return BridgeLayout({main: callers | operator, apart: there}, there | waits)
        case OperatorPlace.ASIDE if colleague is not None:
            line = frozenset({talk.via} if talk.via is not None else ())
            return BridgeLayout({main: callers | operator, apart: line | there}, frozenset())
    raise ValueError(f"{talk} is impossible: there is no colleague")
