"""How a call back becomes a call like any other: its state, its row, and the bridge.

From here on the caller's own coroutine has it, as after a restart that found both in their bridge. So hold, transfer,
a lost operator, survey and file are as in any call.
"""

import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from db.enums import CallbackKind, Outcome
from ivr.asterisk.ari import operations
from ivr.call.bridge_moves import add_to_bridge, create_bridge
from ivr.call.call import Call
from ivr.call.version import Flow
from ivr.callbacks.call_legs import CallLegs
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.facts import language_of, line_of
from ivr.callbacks.progress import Progress
from ivr.callbacks.request_states import routing_age
from ivr.flow.nodes.queue import Queue
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState, LegState
from ivr.model.floor_protocol import Offer
from ivr.model.talk_table import bridge_name
from routing.match import Reason, Step
from routing.states import OfferState

if TYPE_CHECKING:
    from db.case_files import File

NODE = "callback"
"""In the path of the call, before the queue."""


def queue_of(flow: Flow[Call]) -> str:
    """The queue that whoever asks for an operator comes to."""
    seen, ahead = set(), deque([flow.operator])
    while ahead:
        name = ahead.popleft()
        if name in seen:
            continue
        seen.add(name)
        if isinstance(flow.nodes[name], Queue):
            return name
        ahead.extend(flow.nodes[name].leads_to())
    return flow.operator


def standing_offer(leg: LegState, ring_s: float, step: Step) -> Offer:
    """The offer of a leg that was there before this controller."""
    reason = Reason(0.0, 0, 1, 0.0, 1, 0, step.language, step.level, step.topic)
    return floor_protocol.Offer(leg.offer, 0, leg.call, leg.operator, ring_s, reason)


def _state(session: CallbackConnection, progress: Progress, file: "File | None") -> CallState:
    wish, version, site = progress.wish, session.version, session.services.site
    language = language_of(site, wish)
    return CallState(
        id=progress.call,
        flow=version.name,
        node=queue_of(version.flow),
        number=line_of(site, wish),
        caller=wish.number,
        country=wish.country,
        language=language,
        path=(NODE,),
        topic=wish.topic,
        announced=language,  # he did not call for it
        case=wish.case_reference,
        filed=wish.case_reference is not None,
        preferred_operator=file.owner if file is not None else None,
        outcome=Outcome.SELF_SERVED if file is not None else None,
    )


def _row(session: CallbackConnection, progress: Progress, ends: CallLegs, state: CallState) -> None:
    assert ends.called is not None
    recorder = session.services.recorder
    recorder.call_started(state, ends.called.channel, progress.wish.tried or clock.now())
    recorder.call(state.id, outgoing=True, topic=state.topic, line_answered=time.time(), case_reference=state.case)
    recorder.call_event(state.id, "callback", NODE, {"wish": str(progress.wish.id), "kind": progress.wish.kind})


async def connect(session: CallbackConnection, progress: Progress, ends: CallLegs, offer: Offer) -> CallState | None:
    """Puts both into a bridge and gives the call to its coroutine; None if one of them was gone before."""
    called, leg, services = ends.called, ends.leg, session.services
    assert called is not None and leg is not None
    state = _state(session, progress, None)
    state = replace(
        state.at_node(state.node),
        since=routing_age(progress.wish).timestamp(),
        offer=offer.id,
        operator=offer.operator,
        outcome=Outcome.ANSWERED.value,
        case=state.case or services.recorder.new_case_reference(),
        connected_at=time.time(),
        first=True,
    )
    bridge = bridge_name(offer.id)
    answers = await services.link.ask(
        *called.hush(),
        *leg.hush(),
        operations.SET_VARIABLE(called.channel, variable="HATIF", value=state.encode()),
        create_bridge(bridge),
        add_to_bridge(bridge, leg.channel, called.channel),
        add_to_bridge(bridge, called.channel, called.channel),
    )
    if not all(answer.ok for answer in answers[-2:]):
        await services.link.send(operations.DELETE_BRIDGE(bridge))
        return None
    _row(session, progress, ends, state)
    services.recorder.offer_ended(offer.id, OfferState.ACCEPTED)
    there = LegState(offer.id, progress.call, offer.operator, time.time())
    session.enter(called.channel, state, there, ends.undelivered(), resumed=True)
    return state


def begun(session: CallbackConnection, progress: Progress, ends: CallLegs, file: "File | None") -> CallState:
    """The call of somebody who is told about his file."""
    state = _state(session, progress, file)
    _row(session, progress, ends, state)
    return state


def to_queue(session: CallbackConnection, progress: Progress, ends: CallLegs, file: "File | None" = None) -> None:
    """The called waits for an operator, with the age of his wish."""
    called = ends.called
    assert called is not None
    state = _state(session, progress, file)
    if file is None:
        _row(session, progress, ends, state)
    since = time.time() if progress.wish.kind == CallbackKind.CASE else routing_age(progress.wish).timestamp()
    session.services.recorder.call(state.id, queued=time.time())
    session.enter(called.channel, replace(state, since=since), None, ends.undelivered(), resumed=False)


def self_served(session: CallbackConnection, state: CallState, by: str) -> None:
    """He has heard the state of his file, and wanted no more."""
    session.services.recorder.call_ended(state, Outcome.SELF_SERVED, by)
