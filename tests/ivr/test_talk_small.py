"""Small decisions of a conversation: which key ends a whisper, how topics are numbered, which line has ended."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_reconcile import uuid
from test_talk_breaks import COLLEAGUE, LEG, LINE, SentMessages
from trial_stage import stage

from db.enums import Role
from ivr.asterisk.ari import events, operations
from ivr.call.items import Item
from ivr.call.leg import Leg
from ivr.model import floor_protocol
from ivr.model.talk_table import Colleague, OperatorPlace, Talk
from ivr.site.operators import OperatorEntry
from ivr.talk.conversation import Conversation
from ivr.talk.grants import grant, topics_of
from ivr.talk.operator_requests import Act, Refusal, Target
from ivr.talk.whisper import Whisper, whisper_name

OPERATOR = OperatorEntry("1001", "Sample", {"fr": 5}, frozenset(), False)


async def whispering() -> tuple[SentMessages, Whisper]:
    """Return Asterisk and a whisper that has just begun."""
    asterisk = SentMessages()
    call = asterisk.call()
    services: Any = call.services
    services.operators, services.shows_callers = (OPERATOR,), lambda _: False
    services.site.operators.whisper = True
    services.audible = SimpleNamespace(find=lambda _, clip: SimpleNamespace(file=clip[1], seconds=0.4))
    call.version = cast(Any, SimpleNamespace(sounds=None))
    whisper = Whisper(call, LEG.id, OPERATOR.id)
    assert await whisper.begin()
    return asterisk, whisper


FINISHED = events.PlaybackFinished(events.Playback(whisper_name(LEG.id), "channel:leg", "done"))


@pytest.mark.parametrize(
    ("item", "over"),
    [
        (events.ChannelDtmfReceived(LEG, "5"), True),
        (events.ChannelDtmfReceived(LINE, "5"), False),  # the caller knows nothing of it
        (events.ChannelDtmfReceived(COLLEAGUE, "5"), False),
        (FINISHED, True),
        (events.PlaybackFinished(events.Playback(whisper_name(COLLEAGUE.id), "channel:other", "done")), False),
    ],
)
async def test_a_whisper_ends_by_itself_or_by_a_key_of_the_operator_who_hears_it(item: Item, *, over: bool) -> None:
    _, whisper = await whispering()
    assert whisper.is_over(item) is over


@pytest.mark.parametrize(("item", "stopped"), [(events.ChannelDtmfReceived(LEG, "5"), True), (FINISHED, False)])
async def test_a_whisper_that_a_key_cuts_short_is_stopped(item: Item, *, stopped: bool) -> None:
    asterisk, whisper = await whispering()
    assert whisper.is_over(item)
    await whisper.end()
    assert (operations.STOP(whisper_name(LEG.id)) in asterisk.asked) is stopped


def test_topics_are_numbered_in_the_order_of_the_flow_and_those_of_single_options_come_last() -> None:
    assert topics_of(stage().version.flow) == ("file", "documents", "travel", "complaint", "urgent", "appointment")


@pytest.mark.parametrize("act", [Act.TRANSFER, Act.CONSULT, Act.INTERPRETER])
async def test_a_scripted_caller_rings_nobody_but_the_operator_in_training(act: Act) -> None:
    asterisk = SentMessages()
    call = asterisk.call()
    call.training = OPERATOR.id
    conversation = Conversation(call, Leg(LEG.id, OPERATOR.id), Talk(LEG.id))
    assert await grant(conversation, act, Target(operator="1002"), "keys", OPERATOR.id) is Refusal.NOT_NOW
    assert (asterisk.floor, asterisk.asked) == ([], [])


@pytest.mark.parametrize("via", [None, "1795600000.9"])
async def test_the_ringing_of_a_colleague_is_heard_on_the_line_on_which_the_operator_asked(via: str | None) -> None:
    asterisk = SentMessages()
    call = asterisk.call()
    cast(Any, call.services).address = lambda operator: f"PJSIP/{operator}"
    offer = floor_protocol.Offer(uuid(12), 1, call.state.id, "1002", 15.0, None, role=Role.CONSULTED.value)
    await Conversation(call, Leg(LEG.id, OPERATOR.id), Talk(LEG.id)).invite(offer, via)
    played = [request.uri.split("/")[1] for request in asterisk.asked if "/play" in request.uri]
    assert played == [via or LEG.id]


@pytest.mark.parametrize(("channel", "refused"), [("1795600000.9", False), ("1795600000.8", True), (None, True)])
async def test_only_the_end_of_the_line_on_which_the_operator_consults_counts(
    channel: str | None, *, refused: bool
) -> None:
    call = SentMessages().call()
    colleague = Colleague(COLLEAGUE.id, "1002", Role.CONSULTED, there=True)
    conversation = Conversation(
        call, Leg(LEG.id, OPERATOR.id), Talk(LEG.id, OperatorPlace.ASIDE, colleague, via="1795600000.9")
    )
    conversation.colleague = Leg(COLLEAGUE.id, "1002")
    found = await grant(conversation, Act.LINE_GONE, Target(), "code", OPERATOR.id, channel)
    assert (found, conversation.state.via) == ((Refusal.NOT_NOW, "1795600000.9") if refused else (None, None))
