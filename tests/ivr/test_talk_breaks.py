"""A failing call frees its operators, and a caller who has hung up is never treated as waiting."""

import asyncio
import contextlib
import math
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from test_reconcile import call as state_of
from test_reconcile import uuid

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import ChannelRef
from ivr.audio.audible import Media
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone, CallFailed
from ivr.call.items import RequestFailed
from ivr.call.leg import Leg, wait_until_gone
from ivr.flow.nodes.queue import Queue
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, Talk, TalkEvent, bridge_layout
from ivr.queue.waiting import CallerNeeds
from ivr.site.carriers import Limits
from ivr.site.codes import Codes
from ivr.site.operators import OperatorEntry
from ivr.talk import refer, refer_handler
from ivr.talk.conversation import Conversation
from ivr.talk.grants import grant
from ivr.talk.operator_requests import Act, Refusal, Target
from ivr.talk.telephone_watch import TelephoneWatch, relearn_address
from ivr.talk.transfers import MOST, Transfer
from routing.match import Step
from routing.policy import Policy
from routing.states import OfferState, Trigger

CALLER = "1795600000.7"
LINE, LEG, COLLEAGUE = ChannelRef(CALLER), ChannelRef(uuid(11)), ChannelRef(uuid(12))


class SentMessages:
    """Collects what a call sends to the floor and to Asterisk, which has the caller's channel if they are `there`."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.floor: list[floor_protocol.ToFloor] = []
        self.asked: list[operations.Request] = []

    async def send(self, *requests: operations.Request, refused: object = None) -> None:
        self.asked += requests

    async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
        found = [self.there and request == operations.CHANNEL(CALLER) for request in requests]
        return [SimpleNamespace(ok=ok, status=200 if ok else 404, body={}) for ok in found]

    def freed(self) -> list[str]:
        """Return the operators reported as free to the floor."""
        over = (message for message in self.floor if isinstance(message, floor_protocol.Ended | floor_protocol.Refused))
        return [message.operator for message in over]

    def call(self) -> Call:
        operators, routing = SimpleNamespace(level=3, ring_s=15.0), SimpleNamespace(policy=Policy())
        services = SimpleNamespace(
            site=SimpleNamespace(codes=Codes(), operators=operators, routing=routing, limits=Limits()),
            link=self,
            recorder=Mock(),
            to_floor=self.floor.append,
            route=lambda *_: None,
            unroute=lambda _: None,
            operators=(),
            answer_request=lambda *_: None,
            opening=SimpleNamespace(announcement=lambda: None),
            workers=None,
        )
        state = state_of(1, offer=11)
        return Call(cast(Any, services), CALLER, state, cast(Any, None), answered=True)


async def test_a_call_frees_its_operator_and_colleague_when_asterisk_refuses_a_request() -> None:
    sent = SentMessages()
    call = sent.call()
    consults = Talk(uuid(11), OperatorPlace.CONSULTS, Colleague(uuid(12), "1002", Role.CONSULTED, there=True))
    conversation = Conversation(call, Leg(uuid(11), "1001"), consults)
    conversation.colleague, conversation.offer = Leg(uuid(12), "1002"), OfferState.ACCEPTED
    call.deliver(RequestFailed(operations.MUSIC(CALLER, mohClass="hatif"), 409))
    for leg in (uuid(11), uuid(12)):
        call.deliver(events.ChannelDestroyed(ChannelRef(leg), 16))
    with pytest.raises(CallFailed):
        await conversation.run(begins=False)
    freed = {message.operator for message in sent.floor if isinstance(message, floor_protocol.Ended)}
    assert freed == {"1001", "1002"}
    assert {request.uri for request in sent.asked} >= {f"channels/{uuid(11)}", f"channels/{uuid(12)}"}
    assert (call.state.offer, call.state.served_by) == (None, "1001")


@pytest.mark.parametrize("there", [None, False, True])
async def test_the_end_of_a_conversation_is_on_disk_before_the_channel_shows_it(there: bool | None) -> None:
    """Without a colleague, and with one who rings or has joined. A kill in between would block the next row."""
    sent = SentMessages()
    call = sent.call()
    order: list[str] = []
    recorder = cast(Any, call.services).recorder
    recorder.pairing_ended.side_effect = lambda leg, _: order.append(leg)
    recorder.journal.flush.side_effect = lambda: order.append("disk")

    async def send(*requests: operations.Request, refused: object = None) -> None:
        order.extend("channel" for request in requests if request.uri == f"channels/{CALLER}/variable")

    sent.send = send  # type: ignore[method-assign]
    talk = Talk(uuid(11))
    if there is not None:
        talk = Talk(uuid(11), OperatorPlace.CONSULTS, Colleague(uuid(12), "1002", Role.CONSULTED, there=there))
    conversation = Conversation(call, Leg(uuid(11), "1001"), talk)
    conversation.colleague = Leg(uuid(12), "1002") if there is not None else None
    call.deliver(events.ChannelDestroyed(LEG, 16))
    call.deliver(events.ChannelLeftBridge(LINE))
    call.deliver(events.ChannelDestroyed(LINE, 16))
    with contextlib.suppress(CallerGone):
        await conversation.run(begins=False)
    assert order[:3] == [uuid(11), "disk", "channel"]
    assert order.count(uuid(11)) == 1


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("way", ["completes", "hangs up"])
async def test_a_caller_who_hangs_up_during_a_handover_frees_both_operators(way: str, there: bool) -> None:
    """With a colleague who has joined or rings; the caller's end is read before that of the operator's leg."""
    sent = SentMessages()
    call = sent.call()
    consults = Talk(uuid(11), OperatorPlace.CONSULTS, Colleague(uuid(12), "1002", Role.CONSULTED, there=there))
    conversation = Conversation(call, Leg(uuid(11), "1001"), consults)
    conversation.colleague = Leg(uuid(12), "1002")
    conversation.offer = OfferState.ACCEPTED if there else OfferState.RINGING
    if way == "completes":
        call.deliver(floor_protocol.OperatorRequest(call.state.id, "1", "complete", "keys", "1001"))
    else:
        call.deliver(events.ChannelDestroyed(LEG, 16))
    for channel in (CALLER, uuid(11), uuid(12)):
        call.deliver(events.ChannelDestroyed(ChannelRef(channel), 16))
    with pytest.raises(CallerGone):
        await conversation.run(begins=False)
    assert set(sent.freed()) == {"1001", "1002"}
    assert {request.uri for request in sent.asked if request.method == "DELETE"} >= {f"channels/{uuid(12)}"}
    assert call.leg is None


async def test_an_operators_other_line_is_hung_up_if_the_caller_hangs_up_as_they_return() -> None:
    sent = SentMessages()
    call = sent.call()
    aside = Talk(
        uuid(11), OperatorPlace.ASIDE, Colleague(uuid(12), "1002", Role.CONSULTED, there=True), via="1795600000.9"
    )
    conversation = Conversation(call, Leg(uuid(11), "1001"), aside)
    conversation.colleague, conversation.offer = Leg(uuid(12), "1002"), OfferState.ACCEPTED
    call.deliver(floor_protocol.OperatorRequest(call.state.id, "1", "cancel", "keys", "1001"))
    for channel in (CALLER, uuid(11), uuid(12)):
        call.deliver(events.ChannelDestroyed(ChannelRef(channel), 16))
    with pytest.raises(CallerGone):
        await conversation.run(begins=False)
    assert "channels/1795600000.9" in [request.uri for request in sent.asked if request.method == "DELETE"]


async def test_items_that_arrive_while_a_leg_ends_are_kept() -> None:
    call = SentMessages().call()
    unheld = events.ChannelUnhold(LEG)
    gone = floor_protocol.TelephoneGone(call.state.id, "1001")
    for item in (unheld, gone, events.ChannelDestroyed(COLLEAGUE, 16)):
        call.deliver(item)
    await wait_until_gone(call, uuid(12))
    async with asyncio.timeout(1):
        assert [await call.next(), await call.next()] == [unheld, gone]


async def test_items_put_back_come_before_later_ones_and_a_key_counts_once() -> None:
    call = SentMessages().call()
    held, unheld, key = (
        events.ChannelHold(LEG),
        events.ChannelUnhold(LEG),
        events.ChannelDtmfReceived,
    )
    for item in (
        held,
        key(LINE, "5"),
        key(LEG, "7"),
        events.ChannelDestroyed(COLLEAGUE, 16),
        unheld,
    ):
        call.deliver(item)
    await wait_until_gone(call, uuid(12))
    async with asyncio.timeout(1):
        assert [await call.next() for _ in range(3)] == [held, key(LEG, "7"), unheld]
    assert list(call.keys) == ["5"]


async def test_items_that_arrive_while_the_floor_is_asked_keep_their_order() -> None:
    sent = SentMessages()
    call = sent.call()
    held, unheld = events.ChannelHold(LEG), events.ChannelUnhold(LEG)
    seen = floor_protocol.WhoIsFree(call.state.id, (), ("1002",))
    for item in (held, events.ChannelDtmfReceived(LINE, "5"), seen, unheld):
        call.deliver(item)
    services, colleague = cast(Any, call.services), OperatorEntry("1002", "Two", {"fr": 5}, frozenset(), False)
    services.operators, services.site.languages = (colleague,), ("fr",)
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={})))
    conversation = Conversation(call, Leg(uuid(11), "1001"), Talk(uuid(11)))
    assert await grant(conversation, Act.CONSULT, Target(operator="1002"), "api", None) is Refusal.AWAY
    async with asyncio.timeout(1):
        assert [await call.next(), await call.next()] == [held, unheld]
    assert list(call.keys) == ["5"]


@pytest.mark.parametrize("gone", [events.StasisEnd(LINE), events.ChannelDestroyed(LINE, 16)])
async def test_a_hang_up_while_leaving_the_queue_is_a_hang_up(
    gone: events.StasisEnd | events.ChannelDestroyed,
) -> None:
    call = SentMessages().call()
    offer = floor_protocol.Offer(uuid(12), 1, call.state.id, "1002", 15.0, None)
    call.deliver(gone)
    call.deliver(offer)
    assert call.unread_offers() == [offer]
    with pytest.raises(CallerGone):
        await call.next()


@pytest.mark.parametrize(("transfer", "topic"), [(None, "documents"), (":1001:1795600000:1", "travel")])
async def test_a_queue_with_a_topic_keeps_the_topic_of_a_transfer(
    transfer: str | None, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[Step] = []

    async def waited(call: Call, needs: CallerNeeds, *_: object) -> None:
        waits.extend(needs.steps())

    monkeypatch.setattr("ivr.flow.nodes.queue.wait_for_operator", waited)
    call = SentMessages().call()
    call.set(call.state.replace(offer=None, operator=None, topic="travel", transfer=transfer))
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={})))
    queue = Queue.model_validate({"kind": "queue", "topic": "documents", "next": "end"})
    assert await queue.run(call, resumed=False) == "end"
    assert waits[0].topic == call.state.topic == topic


def tells(sent: SentMessages) -> list[str]:
    """Return the channels whose pending REFER was requested again."""
    return [
        request.uri.split("/")[1]
        for request in sent.asked
        if request.uri.endswith("/transfer_progress") and refer.GOES_ON in str(request)
    ]


async def test_a_refer_is_requested_again_after_a_restart_when_the_consulting_line_is_gone() -> None:
    sent = SentMessages()
    call = sent.call()
    aside = Talk(uuid(11), OperatorPlace.ASIDE, Colleague(uuid(12), "1002", Role.CONSULTED, there=True))
    conversation = Conversation(call, Leg(uuid(11), "1001"), aside)
    await conversation.resume(bridge_layout(aside, CALLER))
    assert tells(sent) == [uuid(12)]
    await conversation.apply(TalkEvent.LINE_GONE)
    assert tells(sent) == [uuid(12), uuid(11)]


async def test_a_repeated_refer_is_handled_once_and_only_in_its_own_conversation() -> None:
    sent = SentMessages()
    call = sent.call()
    services, recorder = cast(Any, call.services), cast(Any, call.services).recorder
    services.site.languages = ("fr",)
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={}), sounds=None))
    services.audible = SimpleNamespace(find=lambda *_: None, media=lambda _, clips: Media((), 0.0, tuple(clips)))
    conversation = Conversation(call, Leg(uuid(11), "1001"), Talk(uuid(11)))
    conversation.colleague = Leg(uuid(12), "1002")

    async def pressed(channel: str, *, again: bool, replaces: str | None = None) -> int:
        """Return how many times it was recorded."""
        recorder.call_event.reset_mock()
        to = events.ReferTo(events.Destination("0"), ChannelRef(replaces) if replaces is not None else None)
        by = events.ReferredBy(ChannelRef(channel))
        asked = events.ChannelTransfer(to, by, "channel_progress" if again else None)
        await refer_handler.handle_refer(conversation, asked)
        call.flush_events()
        return [record.args[1] for record in recorder.call_event.call_args_list].count("referred")

    assert await pressed(uuid(11), again=False) == 1
    assert await pressed(uuid(11), again=True) == 0, "it was answered already"
    assert await pressed(uuid(12), again=True) == 1, "it came from another telephone"
    answered = len(sent.asked)
    # Asterisk crashes if the answer comes before it is done with the request, for which the read before it waits.
    reads = [request for request in sent.asked if "CHANNEL(pjsip" in str(request)]
    answers = [request for request in sent.asked if request.uri.endswith("/transfer_progress")]
    assert [sent.asked[sent.asked.index(item) - 1] for item in answers] == reads
    assert [item.uri.split("/")[1] for item in reads] == [item.uri.split("/")[1] for item in answers] != []
    assert await pressed(uuid(13), again=True) == 0
    assert await pressed(uuid(13), again=True, replaces=uuid(14)) == 0
    assert len(sent.asked) == answered
    assert await pressed(uuid(13), again=True, replaces=uuid(11)) == 1


@pytest.mark.parametrize(
    ("packets", "absent"),
    [
        ([7, 7], True),
        ([7, 57], False),
        ([7, 20, 20], True),  # the last packets came in late
        ([7, 20, 70], False),  # a busy machine
        ([7, 20, 33], False),  # it is looked at twice, not for ever
        ([7, 20, -1], False),  # Asterisk reports the end of the leg by itself
    ],
)
@pytest.mark.parametrize("refused", [True, False])
async def test_refused_packets_make_a_talking_operator_absent_only_if_their_audio_stops(
    packets: list[int], absent: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.talk.telephone_watch._NOTHING_S", 0.0)
    sent = SentMessages()
    call = sent.call()
    counts = iter(packets)

    async def ask(request: operations.Request) -> list[SimpleNamespace]:
        is_count = request.uri.endswith("/rtp_statistics")
        count = next(counts) if is_count else -1
        return [SimpleNamespace(ok=count >= 0, status=200, body={"rxcount": count})]

    sent.ask = ask  # type: ignore[assignment, method-assign]
    watch = TelephoneWatch(call)
    await watch.add(uuid(11), floor_protocol.TelephoneGone(call.state.id, "1001", refused))
    while watch.until < math.inf:
        assert (sent.floor, sent.asked, watch.lost) == ([], [], set())
        await watch.finish()
    assert next(counts, None) is None
    assert sent.floor == ([floor_protocol.OperatorEvent("1001", Trigger.PHONE_ABSENT)] if absent and refused else [])
    assert [request.uri for request in sent.asked] == ([f"channels/{uuid(11)}"] if absent else [])
    assert watch.lost == ({uuid(11)} if absent else set())


@pytest.mark.parametrize(
    ("packets", "held", "learns"),
    [
        ([7, 7, 9], False, 1),
        ([7, 9, 9, 12], False, 1),  # some were on their way when it moved
        ([7, 7, 7, 9], False, 2),  # the first request has failed
        ([7, 7, 7, 7, 7], False, 3),
        ([7, 7, -1], False, 1),
        ([7, 9, 12, 12], True, 0),  # it is on hold and sends nothing
        ([7, 9, 12, 15], False, 0),
        ([-1, -1], False, 0),  # the leg is gone
        ([7, -1], False, 0),
    ],
)
async def test_a_telephone_that_registers_again_is_asked_for_its_address_only_once_its_sound_stops(
    packets: list[int], held: bool, learns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.talk.telephone_watch._MOVED_S", 0.0)
    monkeypatch.setattr("ivr.talk.telephone_watch._LEARNED_S", 0.0)
    counts, asked = iter(packets), list[str]()

    class Asterisk(SentMessages):
        async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
            (request,) = requests
            if request.uri.endswith("/variable"):
                return [SimpleNamespace(ok=True, body={"value": "1" if held else "0"})]
            count = next(counts)
            return [SimpleNamespace(ok=count >= 0, body={"rxcount": count})]

    async def renegotiate(leg: str) -> None:
        asked.append(leg)

    await relearn_address(cast(Any, Asterisk()), uuid(11), renegotiate)
    assert asked == [uuid(11)] * learns
    assert next(counts, None) is None


@pytest.mark.parametrize(
    ("act", "by_now", "refused"),
    [
        (Act.TRANSFER, MOST - 1, None),
        (Act.TRANSFER, MOST, Refusal.TOO_OFTEN),
        (Act.CONSULT, MOST, Refusal.TOO_OFTEN),
        (Act.INTERPRETER, MOST, Refusal.AWAY),  # the caller stays with their operator
    ],
)
async def test_operators_may_send_a_caller_back_and_forth_five_times(
    act: Act, by_now: int, refused: Refusal | None
) -> None:
    call = SentMessages().call()
    call.set(call.state.replace(transfer=Transfer(count=by_now).encode()))
    services, colleague = cast(Any, call.services), OperatorEntry("1002", "Two", {"fr": 5}, frozenset(), False)
    services.operators, services.site.languages = (colleague,), ("fr",)
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={})))
    call.deliver(floor_protocol.WhoIsFree(call.state.id, (), ("1002",)))
    conversation = Conversation(call, Leg(uuid(11), "1001"), Talk(uuid(11)))
    assert await grant(conversation, act, Target(operator="1002"), "refer", None) is refused
