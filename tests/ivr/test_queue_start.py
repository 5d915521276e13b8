"""A caller who begins to wait: what the floor is asked for, that they are not left in silence, and late answers."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_talk_breaks import CALLER, LEG, LINE, SentMessages

from ivr.asterisk.ari import events, operations
from ivr.audio.audible import Media
from ivr.call.bridge_moves import MUSIC
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone
from ivr.call.leg import Leg
from ivr.model.floor_protocol import Invite, Leave, Wait
from ivr.queue import ringing
from ivr.queue.moves import FRONT
from ivr.queue.wait_announcements import WaitSettings
from ivr.queue.waiting import CallerNeeds, wait_for_operator
from routing.match import Step
from routing.states import OfferState

STEPS = (Step("fr", 3),)


def on_the_line(*uris: str) -> tuple[SentMessages, Call]:
    """Return Asterisk and a call; `uris`: of the audio that each announcement has."""
    asterisk = SentMessages()
    call = asterisk.call()
    services: Any = call.services
    services.audible = SimpleNamespace(media=lambda _, clips: Media(uris, 1.0, () if uris else tuple(clips)))
    call.version = cast(Any, SimpleNamespace(sounds=None))
    return asterisk, call


async def waits_and_hangs_up(call: Call, priority: int) -> None:
    call.deliver(events.ChannelDestroyed(LINE, 16))
    with pytest.raises(CallerGone):
        await wait_for_operator(call, CallerNeeds(lambda: STEPS, priority), WaitSettings(20.0, 40.0, {}), resumed=False)


@pytest.mark.parametrize(("moved", "priority"), [(None, 5), (":fr::1795600000", 5), ("1", FRONT), ("1:fr::1", FRONT)])
async def test_a_caller_has_the_priority_of_the_flow_unless_a_supervisor_has_moved_them_to_the_front(
    moved: str | None, priority: int
) -> None:
    asterisk, call = on_the_line("sound:to_operator")
    call.state = call.state.replace(moved=moved)
    await waits_and_hangs_up(call, 5)
    wait, *_, left = asterisk.floor
    assert isinstance(wait, Wait) and (wait.call, wait.steps, wait.priority) == (call.state.id, STEPS, priority)
    assert left == Leave(call.state.id)


async def test_a_scripted_caller_asks_for_the_operator_in_training_and_is_in_no_queue() -> None:
    asterisk, call = on_the_line("sound:to_operator")
    call.training = "1002"
    await waits_and_hangs_up(call, 5)
    wanted = [message for message in asterisk.floor if isinstance(message, Wait | Invite | Leave)]
    assert wanted == [Invite(call.state.id, "1002", "operator", training=True), Leave(call.state.id)]


@pytest.mark.parametrize(("uris", "silent"), [(("sound:to_operator",), False), ((), True)])
async def test_a_caller_whose_announcement_has_no_audio_hears_music_at_once(
    uris: tuple[str, ...], silent: bool
) -> None:
    asterisk, call = on_the_line(*uris)
    await waits_and_hangs_up(call, 0)
    assert (operations.MUSIC(CALLER, mohClass=MUSIC) in asterisk.asked) is silent


@pytest.mark.parametrize(
    ("channel", "found"),
    [
        ("Up", OfferState.ACCEPTED),
        ("Ringing", OfferState.NO_ANSWER),
        ("Down", OfferState.UNREACHABLE),
        (None, OfferState.NO_ANSWER),
    ],
)
async def test_an_operator_who_answers_as_the_ringing_ends_is_not_hung_up(
    channel: str | None, found: OfferState
) -> None:
    class Asterisk(SentMessages):
        async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
            return [SimpleNamespace(ok=channel is not None, status=200, body={"state": channel}) for _ in requests]

    asterisk = Asterisk()
    call = asterisk.call()
    call.deliver(events.ChannelDestroyed(LEG, 16))  # as soon as it is hung up
    assert await ringing._withdraw(call, Leg(LEG.id, "1001"), OfferState.NO_ANSWER) is found
    hung_up = [request.uri for request in asterisk.asked if request.method == "DELETE"]
    assert hung_up == ([] if found is OfferState.ACCEPTED else [f"channels/{LEG.id}"])
