"""An operator whose page is gone while they consult: what their colleague hears, and what they hear once it is back."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_talk_breaks import CALLER, COLLEAGUE, LEG, SentMessages

from db.enums import Role
from ivr.api.live import read_place
from ivr.asterisk.ari import events, operations
from ivr.audio.audible import Media
from ivr.call.bridge_moves import MUSIC
from ivr.call.leg import Leg
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, Talk
from ivr.talk.conversation import Conversation
from ivr.talk.operator_prompts import RINGING
from routing.states import OfferState

BACK = events.ChannelStateChange(events.ChannelState(LEG.id, "Up"))


async def without_a_page(*, there: bool) -> tuple[SentMessages, Conversation]:
    """Return a conversation whose operator consults somebody, and has just lost their page."""
    sent = SentMessages()
    call = sent.call()
    services = cast(Any, call.services)
    services.in_browser = lambda _: False
    services.audible = SimpleNamespace(find=lambda _, clip: SimpleNamespace(file=clip[1]))
    call.version = cast(Any, SimpleNamespace(sounds=None))
    colleague = Colleague(COLLEAGUE.id, "1002", Role.CONSULTED, there=there)
    conversation = Conversation(call, Leg(LEG.id, "1001"), Talk(LEG.id, OperatorPlace.CONSULTS, colleague))
    await conversation.apply_layout()
    conversation.colleague = Leg(COLLEAGUE.id, "1002")
    conversation.offer = OfferState.ACCEPTED if there else OfferState.RINGING
    sent.asked.clear()
    await conversation.page.lost([LEG.id])
    await conversation._handle_item(events.ChannelDestroyed(LEG, 16))
    assert conversation.state == Talk(LEG.id, OperatorPlace.CONSULTS, colleague, gone=True)
    return sent, conversation


def played(sent: SentMessages) -> list[tuple[str, str]]:
    """Return what was played to the operator: the names of the playbacks, and what they play."""
    prefix = f"channels/{LEG.id}/play/"
    found = [request for request in sent.asked if request.uri.startswith(prefix)]
    return [(request.uri.removeprefix(prefix), dict(request.query)["media"]) for request in found]


def moved(sent: SentMessages) -> list[str]:
    """Return the channels that were put into a bridge."""
    return [dict(request.query)["channel"] for request in sent.asked if request.uri.endswith("/addChannel")]


async def test_the_colleague_hears_music_until_the_operator_is_back() -> None:
    sent, conversation = await without_a_page(there=True)
    assert operations.MUSIC(COLLEAGUE.id, mohClass=MUSIC) in sent.asked
    assert operations.HANG_UP(LEG.id) in sent.asked
    assert read_place(conversation.call) == "gone"
    sent.asked.clear()
    await conversation._handle_item(BACK)
    assert operations.STOP_MUSIC(COLLEAGUE.id) in sent.asked
    assert operations.STOP_MUSIC(CALLER) not in sent.asked
    assert (moved(sent), played(sent)) == ([LEG.id], [])
    assert read_place(conversation.call) == "consult"


async def test_the_operator_hears_the_ringing_of_a_colleague_again() -> None:
    sent, conversation = await without_a_page(there=False)
    sent.asked.clear()
    await conversation._handle_item(BACK)
    ((_, media),) = played(sent)
    assert (media, moved(sent)) == (RINGING, [LEG.id])


@pytest.mark.parametrize(("there", "text"), [(True, "talk_colleague_gone"), (False, "talk_no_answer")])
async def test_the_operator_hears_that_a_colleague_has_left_meanwhile_and_is_with_the_caller_then(
    there: bool, text: str
) -> None:
    sent, conversation = await without_a_page(there=there)
    await conversation._handle_item(events.ChannelDestroyed(COLLEAGUE, 19))
    assert conversation.state == Talk(LEG.id, gone=True)
    assert sent.freed() == ["1002"]
    sent.asked.clear()
    await conversation._handle_item(BACK)
    ((name, media),) = played(sent)
    assert (media, moved(sent)) == (f"sound:{text}", [])
    ended = events.Playback(name, f"channel:{LEG.id}", "done")
    await conversation._handle_item(events.PlaybackFinished(ended))
    assert moved(sent) == [LEG.id]
    assert operations.STOP_MUSIC(CALLER) in sent.asked


def rung(sent: SentMessages) -> list[str]:
    """Return the legs that were made."""
    made = [dict(request.query) for request in sent.asked if request.uri == "channels/create"]
    return [query["channelId"] for query in made]


async def test_a_colleague_who_took_over_gets_the_call_back_though_the_operator_before_never_answered() -> None:
    sent, conversation = await without_a_page(there=True)
    call = conversation.call
    services = cast(Any, call.services)
    services.in_browser, services.address = (lambda _: True), "PJSIP/{}-web".format
    services.audible.media = lambda _, clips: Media((), 0.0, tuple(clips))
    await conversation._handle_item(floor_protocol.TelephoneBack(call.state.id, "1001"))
    assert rung(sent) == [LEG.id]
    await conversation.page.finish()
    assert conversation.leg.id == COLLEAGUE.id
    await conversation.page.lost([COLLEAGUE.id])
    await conversation._handle_item(floor_protocol.TelephoneBack(call.state.id, "1002"))
    assert rung(sent) == [LEG.id, COLLEAGUE.id]
