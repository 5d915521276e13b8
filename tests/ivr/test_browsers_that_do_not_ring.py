"""A browser that is rung and does not ring is given up after two seconds, whoever rings it and for whatever."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from snapshots import snapshot
from test_callbacks_attempt import OFFER, Telephones, attempt, run
from test_callbacks_states import new_request
from test_talk_breaks import COLLEAGUE, LEG, LINE, SentMessages

from db.enums import Role
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events
from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request
from ivr.call.interruptions import CallerGone
from ivr.call.leg import Leg
from ivr.codes import help_call
from ivr.controller.event_router import EventRouter
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, Talk
from ivr.talk.conversation import Conversation
from ivr.trial.loop import VirtualLoop
from routing.states import OfferState

BROWSER, PLAIN = "PJSIP/1002-web-00000007", "PJSIP/1002-00000007"
WEB_LEG = f"hatif,{leg_dialing.LEG},18"
GONE = leg_dialing.OUT_OF_ORDER


class Line:
    """An Asterisk in which a telephone stays in one state. `ended`: when it was hung up, and with which cause."""

    def __init__(self, state: str) -> None:
        self._state = state
        self.ended: list[tuple[float, str]] = []

    async def send(self, *requests: Request, refused: object = None) -> None:
        at = asyncio.get_running_loop().time()
        self.ended += [(at, dict(request.query)["reason_code"]) for request in requests if request.method == "DELETE"]

    async def ask(self, *requests: Request) -> list[Response]:
        return [Response(200, {"state": self._state}) for _ in requests]


@pytest.mark.parametrize(
    ("name", "data", "state", "ended"),
    [
        (BROWSER, WEB_LEG, "Down", [(2.0, "27")]),  # for callers, colleagues, help, call-backs
        (BROWSER, f"hatif,{leg_dialing.CODE},listen,1040,1002,18", "Down", [(2.0, "27")]),
        (BROWSER, WEB_LEG, "Ringing", []),
        (BROWSER, WEB_LEG, "Up", []),
        (PLAIN, WEB_LEG, "Down", []),  # its telephone may be far away
        ("PJSIP/carrier-00000007", f"hatif,{leg_dialing.CALLED},40", "Down", []),
    ],
)
def test_a_dialled_browser_that_does_not_ring_within_two_seconds_is_hung_up(
    name: str, data: str, state: str, ended: list[tuple[float, str]]
) -> None:
    async def dialled() -> Line:
        line, tasks = Line(state), set()

        def start(work: Coroutine[None, None, None], _: str) -> None:
            tasks.add(asyncio.create_task(work))

        router = EventRouter(cast(Any, line), Mock(), {}, Mock(), Mock(), Mock(), Mock(), Mock(), start, Mock())
        router.open()
        channel = snapshot("one", data, state="Down", name=name)
        router.deliver(events.StasisStart(channel, tuple(data.split(",")[1:])))
        await asyncio.sleep(60)
        assert all(task.done() for task in tasks)
        return line

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(dialled()).ended == ended


@pytest.mark.parametrize("role", [Role.CONSULTED, Role.INTERPRETER])
async def test_a_colleague_whose_browser_did_not_ring_is_unreachable_and_the_conversation_goes_on(role: Role) -> None:
    sent = SentMessages()
    place = OperatorPlace.CONSULTS if role is Role.CONSULTED else OperatorPlace.TOGETHER
    talk = Talk(LEG.id, place, Colleague(COLLEAGUE.id, "1002", role))
    call = sent.call()
    services: Any = call.services
    services.audible, call.version = SimpleNamespace(find=lambda *_: None), cast(Any, SimpleNamespace(sounds=None))
    conversation = Conversation(call, Leg(LEG.id, "1001"), talk)
    conversation.colleague = Leg(COLLEAGUE.id, "1002")
    call.deliver(events.ChannelDestroyed(COLLEAGUE, GONE))
    running = asyncio.create_task(conversation.run(begins=False))
    while conversation.colleague is not None:  # noqa: ASYNC110 - its own task
        await asyncio.sleep(0)
    refused = [message for message in sent.floor if isinstance(message, floor_protocol.Refused)]
    assert [(message.operator, message.state) for message in refused] == [("1002", OfferState.UNREACHABLE)]
    assert conversation.state.place is OperatorPlace.TOGETHER and not running.done()
    for event in (events.ChannelDestroyed(LINE, 16), events.ChannelDestroyed(LEG, 16)):
        call.deliver(event)
    with pytest.raises(CallerGone):
        await running


async def test_a_call_back_goes_to_another_operator_if_the_browser_of_the_first_did_not_ring() -> None:
    def never_rings() -> None:
        phones.attempt.deliver(events.ChannelDestroyed(events.ChannelRef(OFFER), GONE))

    phones = Telephones({}, dialled=OFFER, then=never_rings)
    made, _, told = attempt(phones, new_request(), ())
    await run(made)
    assert made.request.reason == "1001: unreachable"
    refused = [message for message in told if isinstance(message, floor_protocol.Refused)]
    assert [(message.offer, message.state) for message in refused] == [(OFFER, OfferState.UNREACHABLE)]
    assert not any(isinstance(message, floor_protocol.Leave) for message in told)  # the request waits on


@pytest.mark.parametrize(
    ("cause", "state"), [(GONE, OfferState.UNREACHABLE), (21, OfferState.WITHDRAWN), (19, OfferState.WITHDRAWN)]
)
async def test_a_supervisor_who_does_not_answer_for_help_stays_ready_unless_their_browser_did_not_ring(
    cause: int, state: OfferState
) -> None:
    leg = help_call.Leg("1040", "asked", claimed=True)
    told: list[Any] = []

    async def next_event(_: float | None = None) -> events.Event:
        return events.ChannelDestroyed(events.ChannelRef(leg.id), cause)

    call: Any = Mock(resumed=False, sounding=True, next=next_event, channel="asked")
    call.services.link, call.services.to_floor = SentMessages(), told.append
    call.services.site.operators.ring_s = 15.0

    async def no_bridges(*_: object) -> list[Response]:
        return [Response(200, [])]

    call.services.link.ask = no_bridges
    assert not await help_call.talk_with(call, leg, fresh=False)
    assert [(message.operator, message.state) for message in told] == [("1040", state)]
