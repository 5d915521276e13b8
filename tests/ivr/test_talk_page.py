"""An operator's page that is gone in a conversation, and comes back with the call."""

import asyncio
from types import SimpleNamespace

import pytest
from test_reconcile import uuid
from test_talk_breaks import SentMessages

from ivr.asterisk.ari import events, operations
from ivr.call.leg import Leg
from ivr.model import floor_protocol
from ivr.model.talk_table import OperatorPlace, Talk, TalkEvent
from ivr.talk.conversation import Conversation
from ivr.talk.telephone_watch import TelephoneWatch

PAGE, OTHER = uuid(11), uuid(12)


async def test_an_operator_whose_page_was_gone_twice_has_not_vanished_once_it_is_back() -> None:
    """Otherwise the end of their call would send the caller to the next operator."""
    call = SentMessages().call()
    conversation = Conversation(call, Leg(PAGE, "1001"), Talk(PAGE))
    await conversation.apply(TalkEvent.PAGE_GONE)
    await conversation.page.lost([PAGE])  # its new telephone rang, but had not been answered
    assert await conversation.page.takes(events.ChannelStateChange(events.ChannelState(PAGE, "Up")))
    assert conversation.state.place is OperatorPlace.TOGETHER
    assert conversation.watch.lost == set()


@pytest.mark.parametrize("legs", [(PAGE, OTHER), (OTHER, PAGE)])
async def test_each_telephone_is_watched_for_its_whole_time_though_another_one_needs_less(
    legs: tuple[str, str],
) -> None:
    class Asterisk(SentMessages):
        async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
            name = f"PJSIP/{'1001-web' if PAGE in requests[0].uri else '1002'}-0001"
            return [SimpleNamespace(ok=True, status=200, body={"name": name, "rxcount": 7})]

    call = Asterisk().call()
    watch, began = TelephoneWatch(call), asyncio.get_running_loop().time()
    for leg in legs:
        await watch.add(leg, floor_protocol.TelephoneGone(call.state.id, "1001"))
    assert watch.until >= began + 1.0


@pytest.mark.parametrize(
    ("name", "packets", "comes_back"),
    [
        ("PJSIP/1001-web-0001", [7, 7], True),  # the computer has another address
        ("PJSIP/1001-web-0001", [7, 30], False),  # only the registration was refreshed
        ("PJSIP/1001-0001", [7, 7], False),  # the operator talks on their own telephone, which may send no silence
    ],
)
async def test_a_page_that_registers_again_gets_its_call_back_if_its_audio_is_lost(
    name: str, packets: list[int], comes_back: bool
) -> None:
    counts = iter(packets)

    class Asterisk(SentMessages):
        async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
            (request,) = requests
            body = {"rxcount": next(counts)} if request.uri.endswith("/rtp_statistics") else {"name": name}
            return [SimpleNamespace(ok=True, status=200, body=body)]

    call = Asterisk().call()
    watch = TelephoneWatch(call)
    await watch.add(PAGE, floor_protocol.TelephoneBack(call.state.id, "1001"))
    assert await watch.finish() == ([PAGE] if comes_back else [])
    assert watch.lost == set()
