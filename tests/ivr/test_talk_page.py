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
