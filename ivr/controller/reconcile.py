"""Reconciliation: what is up in Asterisk is compared with what should be, at every start and every reconnect.

These functions only decide; `ivr.controller.connection` acts. Run twice, they find nothing more to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from db.enums import Role
from ivr.asterisk.ari.events import Channel
from ivr.model.call_state import CallState, LegState, StateError, decode
from ivr.model.floor_protocol import OpenOffer
from ivr.model.talk_table import BRIDGE_PREFIX, Colleague, recover
from routing.states import TRAINING, Operator, OperatorState, Trigger, apply_trigger, train

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Findings:
    """The actions that make the state consistent.

    Attributes:
        resume: Calls that go on where they are, each with its operator's leg, if there is one.
        fresh: Callers whom no controller has taken yet.
        orphans: Legs whose caller is gone or no longer wants them.
        open_offers: Offers and conversations that the floor must know before anybody waits.
        bridges: Ours, with nobody inside who stays.
        colleagues: By call, the colleague who is consulted or interprets there, or is being rung for it.
    """

    resume: tuple[tuple[Channel, CallState, LegState | None], ...]
    fresh: tuple[Channel, ...]
    orphans: tuple[Channel, ...]
    open_offers: tuple[OpenOffer, ...]
    bridges: tuple[str, ...]
    colleagues: Mapping[str, Colleague] = field(default_factory=dict)


def compare(channels: Iterable[Channel], bridges: Mapping[str, Iterable[str]]) -> Findings:
    """Return what is to be done with these channels and bridges.

    Args:
        bridges: Id to the channels inside.
    """
    resume: list[tuple[Channel, CallState]] = []
    fresh: list[Channel] = []
    legs: list[tuple[Channel, LegState]] = []
    unknown: list[Channel] = []
    for channel in channels:
        try:
            text = channel.variables.get("HATIF") or ""
            state = decode(text) if text else None
        except StateError as error:
            is_leg = channel.application == "Stasis" and channel.application_data.startswith("hatif,leg,")
            does = "it is hung up" if is_leg else "its caller starts from the beginning"
            log.error(f"A channel's state cannot be read; {does}", channel=channel.id, error=str(error))
            state = None
            if is_leg:
                unknown.append(channel)
        if isinstance(state, LegState):
            legs.append((channel, state))
        elif channel.application != "Stasis" or not channel.application_data.startswith("hatif,call"):
            continue  # not ours at this moment: the dialplan has it
        elif state is None:
            fresh.append(channel)
        else:
            resume.append((channel, state))
    # A call has one operator: the one it talks to, else the first that rings. It may also have a colleague.
    own: dict[str, LegState] = {}
    talking = {state.id: state.offer for _, state in resume if state.offer is not None}
    waiting = {state.id for _, state in resume if state.since is not None and state.offer is None}
    for _, leg in legs:
        if talking.get(leg.call) == leg.offer or leg.call in waiting:
            own.setdefault(leg.call, leg)
    colleagues = _colleagues([state for _, state in resume], legs)
    others = {colleague.leg for colleague in colleagues.values()}
    open_offers = [OpenOffer(leg.offer, leg.call, leg.operator, leg.call in talking) for leg in own.values()]
    open_offers += [
        OpenOffer(colleague.leg, call, colleague.operator, colleague.there) for call, colleague in colleagues.items()
    ]
    open_offers += [
        OpenOffer(state.offer, state.id, state.operator, True)
        for _, state in resume
        if state.offer is not None and state.operator is not None and state.id not in own
    ]
    orphans = tuple(channel for channel, leg in legs if own.get(leg.call) != leg and leg.offer not in others)
    orphans += tuple(unknown)
    gone = {channel.id for channel in orphans}
    return Findings(
        resume=tuple((channel, state, own.get(state.id)) for channel, state in resume),
        fresh=tuple(fresh),
        orphans=orphans,
        open_offers=tuple(open_offers),
        # Also a bridge in which only an orphaned leg is left: nobody would delete it afterwards.
        bridges=tuple(
            name for name, inside in bridges.items() if name.startswith(BRIDGE_PREFIX) and gone.issuperset(inside)
        ),
        colleagues=colleagues,
    )


def _colleagues(calls: Iterable[CallState], legs: Iterable[tuple[Channel, LegState]]) -> dict[str, Colleague]:
    """Return, by call, the colleague who takes part in its conversation or is being rung, by the caller's channel."""
    talking = {state.id: state for state in calls if state.offer is not None}
    found: dict[str, Colleague] = {}
    for channel, leg in legs:
        state = talking.get(leg.call)
        if state is None or leg.offer == state.offer or leg.role is Role.OPERATOR or leg.call in found:
            continue
        colleague = Colleague(leg.offer, leg.operator, leg.role, channel.state == "Up")
        if recover(state.offer or "", state.operator_place, colleague).colleague is not None:
            found[leg.call] = colleague
    return found


def settled(
    operators: Iterable[Operator],
    open_offers: Iterable[OpenOffer],
    now: float,
    wrap_up_s: float,
    longest_s: float | None = None,
) -> list[Operator]:
    """Return the operators with what ended without a controller taken into account.

    A leg that was lost meanwhile is nobody's fault: an operator who was rung is ready, one who talked wraps up.

    Args:
        now: POSIX seconds.
        longest_s: The limit of a wrap-up with its extensions; None if there are no extensions.
    """
    # Should an operator have both a conversation and an offer, the conversation counts.
    busy = {offer.operator: offer for offer in sorted(open_offers, key=lambda offer: offer.talking)}
    result = []
    for operator in operators:
        offer = busy.get(operator.id)
        if offer is not None:
            state = OperatorState.TALKING if offer.talking else OperatorState.OFFERED
            if (operator.state, operator.reason) == (OperatorState.PAUSED, TRAINING):
                operator = train(operator, offer.offer, operator.since)  # this is what is kept of them meanwhile
            result.append(replace(operator, state=state, reason="", offer=offer.offer, until=None))
            continue
        # They cannot be rung until their telephone is known to be there, but its absence is for others to report.
        there = replace(operator, present=True)
        if operator.state is OperatorState.OFFERED:
            there = apply_trigger(there, Trigger.WITHDRAWN, now)
        elif operator.state is OperatorState.TALKING:
            there = apply_trigger(there, Trigger.ENDED, now, wrap_up_s=wrap_up_s)
        elif there.until is not None:
            lasts = min(max(wrap_up_s, longest_s or 0.0), max(wrap_up_s, there.until - there.since))
            there = replace(there, until=min(there.until, now + lasts))  # the clock may have been set back meanwhile
        result.append(replace(there, present=False))
    return result
