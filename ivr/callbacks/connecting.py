"""The step that makes a call-back a call like any other: its state, its row, and the bridge.

From here on the caller's own coroutine runs it, as after a restart that found both in their bridge. So hold, transfer,
a lost operator, survey and case file work as in any call.
"""

import time
from collections import deque
from typing import TYPE_CHECKING

from db.callback_states import routing_age
from db.enums import CallbackKind, Outcome
from ivr.asterisk.ari import operations
from ivr.call.bridge_moves import add_to_bridge, create_bridge
from ivr.call.call import Call
from ivr.call.version import Flow
from ivr.callbacks.call_legs import CallLegs
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.progress import Progress
from ivr.flow.nodes.queue import Queue
from ivr.model import clock, floor_protocol
from ivr.model.call_state import CallState, LegState
from ivr.model.floor_protocol import Offer
from ivr.model.talk_table import bridge_name
from ivr.site.callback_facts import language_of, line_of
from routing.match import Reason, Step
from routing.states import OfferState

if TYPE_CHECKING:
    from db.case_files import File

NODE = "callback"
"""The first entry in the call's path, before the queue."""


def queue_of(flow: Flow[Call]) -> str:
    """Return the name of the queue that callers who ask for an operator reach."""
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


def resumed_offer(leg: LegState, ring_s: float, step: Step) -> Offer:
    """Return the offer of a leg that was up before this controller started."""
    reason = Reason(0.0, 0, 1, 0.0, 1, 0, step.language, step.level, step.topic)
    return floor_protocol.Offer(leg.offer, 0, leg.call, leg.operator, ring_s, reason)


def _state(connection: CallbackConnection, progress: Progress, file: "File | None") -> CallState:
    request, version, site = progress.request, connection.version, connection.services.site
    language = language_of(site, request)
    return CallState(
        id=progress.call,
        flow=version.name,
        node=queue_of(version.flow),
        number=line_of(site, request),
        caller=request.number,
        country=request.country,
        language=language,
        path=(NODE,),
        topic=request.topic,
        announced=language,  # the caller did not choose it
        case=request.case_reference,
        filed=request.case_reference is not None,
        preferred_operator=file.owner if file is not None else None,
        outcome=Outcome.SELF_SERVED if file is not None else None,
    )


def _row(connection: CallbackConnection, progress: Progress, legs: CallLegs, state: CallState) -> None:
    assert legs.called is not None
    recorder = connection.services.recorder
    recorder.call_started(state, legs.called.channel, progress.request.tried or clock.now())
    recorder.call(state.id, outgoing=True, topic=state.topic, line_answered=time.time(), case_reference=state.case)
    recorder.call_event(
        state.id, "callback", NODE, {"request": str(progress.request.id), "kind": progress.request.kind}
    )


async def connect(connection: CallbackConnection, progress: Progress, legs: CallLegs, offer: Offer) -> CallState | None:
    """Put both legs into a bridge and hand the call to its coroutine; None if one of them was gone before."""
    called, leg, services = legs.called, legs.leg, connection.services
    assert called is not None and leg is not None
    state = _state(connection, progress, None)
    state = state.at_node(state.node).replace(
        since=routing_age(progress.request).timestamp(),
        offer=offer.id,
        operator=offer.operator,
        outcome=Outcome.ANSWERED,
        case=state.case or services.recorder.new_case_reference(),
        connected_at=time.time(),
        first=True,
    )
    bridge = bridge_name(offer.id)
    answers = await services.link.ask(
        *called.playback.stop(),
        *leg.playback.stop(),
        operations.SET_VARIABLE(called.channel, variable="HATIF", value=state.encode()),
        create_bridge(bridge),
        add_to_bridge(bridge, leg.channel, called.channel),
        add_to_bridge(bridge, called.channel, called.channel),
    )
    if not all(answer.ok for answer in answers[-2:]):
        await services.link.send(operations.DELETE_BRIDGE(bridge))
        return None
    state = state.replace(connected_at=time.time())
    _row(connection, progress, legs, state)
    services.recorder.offer_ended(offer.id, OfferState.ACCEPTED)
    leg_state = LegState(offer.id, progress.call, offer.operator, time.time())
    connection.enter(called.channel, state, leg_state, legs.undelivered(), resumed=True)
    return state


def begin(connection: CallbackConnection, progress: Progress, legs: CallLegs, file: "File | None") -> CallState:
    """Record the call in which a caller hears about their case file, and return its state."""
    state = _state(connection, progress, file)
    _row(connection, progress, legs, state)
    return state


def to_queue(connection: CallbackConnection, progress: Progress, legs: CallLegs, file: "File | None" = None) -> None:
    """Put the caller into the queue for an operator, with the age of their request."""
    called = legs.called
    assert called is not None
    state = _state(connection, progress, file)
    if file is None:
        _row(connection, progress, legs, state)
    since = time.time() if progress.request.kind == CallbackKind.CASE else routing_age(progress.request).timestamp()
    connection.services.recorder.call(state.id, queued=time.time())
    connection.enter(called.channel, state.replace(since=since), None, legs.undelivered(), resumed=False)


def end_self_served(connection: CallbackConnection, state: CallState, by: str) -> None:
    """Record the end of a call whose caller heard the state of their file and needed no operator."""
    connection.services.recorder.call_ended(state, Outcome.SELF_SERVED, by)
